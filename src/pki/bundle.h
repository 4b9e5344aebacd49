/* SPDX-License-Identifier: Apache-2.0
 *
 * All that another machine needs in its /etc/etcd/pki, without ca.key: for sites that copy certificates.
 */
#pragma once

#include "config/machine.h"

struct pki_bundle {
	const char *member; /* "n2=10.0.0.2", "n3=[fd00::3]", as in MEMBERS */
	char *const *sans;  /* beside those of EXTRA_SANS; strv or NULL */
	const char *out;    /* a directory to be made, or FILE.tar */
};

/* What was made; in a dry run only name and address. */
struct pki_bundled {
	char *name, *address;
	char *key;     /* SHA-256 of the public peer key, as x509_key_fingerprint */
	char *serials; /* "server:2e… peer:1f…" */
	time_t end;    /* of the certificates */
};

/*
 * Writes new keys and certificates, whole or not at all: a directory to be copied to /etc/etcd/pki, or an archive to be
 * unpacked below /. The CA host of a cluster adds ca.host, so that the machine can renew at its enrolment server.
 * Refuses (ERR_CONFIG) an existing file, this machine itself, and what contradicts MEMBERS. 1 done, -1. The caller
 * frees *made in any case.
 */
int pki_bundle(const struct machine *m, const struct pki_bundle *b, struct pki_bundled *made, struct err *e) MUST_CHECK;
void pki_bundled_free(struct pki_bundled *made);

/* True when `out` names an archive. */
bool pki_bundle_is_tar(const char *out);
