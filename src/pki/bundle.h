/* SPDX-License-Identifier: Apache-2.0
 *
 * All that another machine needs in its /etc/etcd/pki, without ca.key: for sites that copy certificates.
 */
#pragma once

#include "pki/sign.h"

struct pki_bundle {
	const char *member; /* "n2=10.0.0.2", "n3=[fd00::3]", as in MEMBERS */
	char *const *sans;  /* beside those of EXTRA_SANS; strv or NULL */
	const char *out;    /* a directory to be made, or FILE.tar */
	pki_record *record; /* called before it is there */
};

/*
 * Writes new keys and certificates, whole or not at all: a directory to be copied to /etc/etcd/pki, or an archive to be
 * unpacked below /. The CA host of a cluster adds ca.host, so that the machine can renew at its enrolment server.
 * Refuses (ERR_CONFIG) an existing file, this machine itself, and what contradicts MEMBERS. *made is what was made,
 * in a dry run only name and address; the caller frees it in any case. 1 done, -1.
 */
int pki_bundle(const struct machine *m, const struct pki_bundle *b, struct pki_signed *made, struct err *e) MUST_CHECK;

/* True when `out` names an archive. */
bool pki_bundle_is_tar(const char *out);
