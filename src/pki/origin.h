/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the certificates of this machine come from, told by the files in /etc/etcd/pki and, while there are none, by its ROLE.
 */
#ifndef PKI_ORIGIN_H
#define PKI_ORIGIN_H

#include "config/machine.h"

enum pki_origin {
	PKI_NEW_CA,    /* nothing is there, and this machine makes the CA of its cluster */
	PKI_CA,	       /* ca.crt and ca.key: it signs for itself */
	PKI_ENROLLED,  /* ca.crt and ca.host: its certificates came through the door of a CA host, which renews them */
	PKI_COPIED,    /* ca.crt alone: they were copied there, and nothing can be issued */
	PKI_TO_ENROLL, /* nothing is there: they are to be asked for at the door of a CA host */
};

/* Only looks which files there are. */
enum pki_origin pki_origin(const struct machine *m);

/*
 * The file ca.host: *door is "10.0.0.1:2382" or "[fd00::1]:2382", where the certificates came from last. 1, 0 when there is no such file (*door is NULL),
 * -1. The caller frees.
 */
int pki_host_read(const struct machine *m, char **door, struct err *e) MUST_CHECK;

/* Its text. */
int pki_host_text(const char *door, struct buf *text, struct err *e) MUST_CHECK;

#endif
