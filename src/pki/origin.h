/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the certificates of this machine come from: CA=external says it; else the files in /etc/etcd/pki show it, or,
 * while there are none, ROLE.
 */
#pragma once

#include "config/machine.h"

enum pki_origin {
	PKI_NEW_CA,    /* nothing is there, and this machine makes the CA of its cluster */
	PKI_CA,	       /* ca.crt and ca.key, its own or copied: it signs for itself */
	PKI_ENROLLED,  /* ca.crt and ca.host: a CA host issued its certificates and renews them */
	PKI_COPIED,    /* ca.crt alone: its certificates were copied, and it cannot issue any */
	PKI_TO_ENROLL, /* nothing is there: a CA host has to issue them */
	PKI_EXTERNAL,  /* CA=external: somebody else's CA issues them (pki/external.h) */
};

/* Looks only at cluster.conf and at which files exist. */
enum pki_origin pki_origin(const struct machine *m);

/*
 * Reads ca.host: *server, "10.0.0.1:2382" or "[fd00::1]:2382", issued the last certificates; the caller frees. 1; 0
 * without the file, and *server is NULL; -1.
 */
int pki_host_read(const struct machine *m, char **server, struct err *e) MUST_CHECK;

/* Appends the text of such a file. */
int pki_host_text(const char *server, struct buf *text, struct err *e) MUST_CHECK;
