/* SPDX-License-Identifier: Apache-2.0
 *
 * A certificate and its key, as they lie in the directory or will.
 */
#pragma once

#include "adapter/x509.h"
#include "adapter/x509_key.h"
#include "config/machine.h"

#define PKI_FILE_MAX 262144 /* bytes of a file that is read; a bundle of a hundred CAs fits */

struct pki_pair {
	struct buf pem;	       /* the certificate file as it is: that of the CA may be a bundle */
	x509_cert *cert;       /* the first one in it; NULL: there is no such file */
	struct x509_info info; /* about cert */
	x509_key *key;	       /* NULL: there is no such file */
};

#define auto_pair cleanup(pki_pair_free)
void pki_pair_free(struct pki_pair *pair);

/*
 * Loads <name>.crt and <name>.key. ERR_VERIFY, with the file and the fix, for what is not PEM, for a file that others
 * can change, and for a key that others can read; for_etcd: the group etcd may. *pair is to be freed in any case.
 */
int pki_pair_load(const struct machine *m, const char *name, bool for_etcd, struct pki_pair *pair,
		  struct err *e) MUST_CHECK;

/* Takes over a certificate; an empty pem becomes its PEM text. -1 when cert is NULL, for the caller's caller. */
int pki_pair_take(struct pki_pair *pair, x509_cert *cert) MUST_CHECK;

/* 1 when the file exists and is fit to be a key file, 0 when it does not exist, -1 as above. */
int pki_key_guard(const struct machine *m, const char *path, bool for_etcd, struct err *e) MUST_CHECK;

/* The CN of the peer.crt in use, for ETCD_PEER_CERT_ALLOWED_CN; "" when a copied one has none. The caller frees. */
char *pki_peer_cn(const struct machine *m, struct err *e) MUST_CHECK;
