/* SPDX-License-Identifier: Apache-2.0
 *
 * A new CA takes the place of that of this machine without an outage: the former one signs a certificate for the key of
 * the new one, the cross-certificate, which is behind every leaf. So those who trust only the former CA accept the
 * leaves, too. The files alone are the state:
 *   ca.crt         the CAs to trust; the first one issues, and ca.key is its key
 *   ca-cross.crt   the cross-certificate; it stays until the next rotation
 *   ca-former.key  the key of the former CA, until the rotation ends
 *   ca-next.key    the key of the new CA, while it does not issue yet
 * A CA that may not sign another one (pathlen:0) signs it all the same: nobody accepts that in a chain, but machines
 * take it as its word that the new one is to be trusted. That one issues when all trust it, after a restart of each
 * etcd.
 */
#pragma once

#include "pki/pair.h"

enum pki_stage {
	PKI_STEADY,   /* no rotation is under way */
	PKI_TRUSTING, /* the new CA is trusted, and does not issue yet */
	PKI_ROTATING, /* the new CA issues, and both are trusted */
	PKI_ABORTED,  /* the former CA issues again, and both are trusted */
};

struct pki_rotation {
	enum pki_stage stage;
	struct pki_pair ca; /* with its key, where that is here */
	x509_cert *cross;   /* NULL: there never was a rotation */
	x509_cert *other;   /* the CA of ca.crt that is to go; NULL in PKI_STEADY */
	char *other_name;   /* its subject, or NULL */
};

#define auto_rotation cleanup(pki_rotation_free)
void pki_rotation_free(struct pki_rotation *r);

/* Reads all of it. ERR_CONFIG when there is no CA. The caller frees in any case. */
int pki_rotation_load(const struct machine *m, struct pki_rotation *r, struct err *e) MUST_CHECK;

/*
 * The changes of the machine with ca.key, each by one swap of the directory (pki/store.h). Where another CA issues from
 * then on, it issues the certificates of this machine again, for the same keys. The caller has made sure that other
 * machines are ready for it (flow/rotate.h).
 * begin: to PKI_ROTATING; with pathlen:0 to PKI_TRUSTING, and from there. ERR_CONFIG when there is no key here, or in
 * PKI_ABORTED; with what to do.
 * abort: to PKI_ABORTED. ERR_CONFIG in PKI_STEADY, or without the key of the former CA.
 * finish: the CA that does not issue is dropped, and with it ca-former.key. ERR_CONFIG in PKI_TRUSTING.
 * 1 done (dry run: would be), 0 it was done before; what a killed run left to do is done then. -1.
 */
int pki_rotate_begin(const struct machine *m, struct err *e) MUST_CHECK;
int pki_rotate_abort(const struct machine *m, struct err *e) MUST_CHECK;
int pki_rotate_finish(const struct machine *m, struct err *e) MUST_CHECK;
