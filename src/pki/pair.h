/* SPDX-License-Identifier: Apache-2.0
 *
 * One certificate and its key as they lie in the directory.
 */
#pragma once

#include "adapter/x509.h"
#include "adapter/x509_key.h"
#include "config/machine.h"

struct pki_pair {
	struct buf pem;	       /* the certificate file as it is: for the CA it may be a bundle */
	x509_cert *cert;       /* the first one in it; NULL: there is no such file */
	struct x509_info info; /* about cert */
	x509_key *key;	       /* NULL: there is no such file */
};

#define auto_pair cleanup(pki_pair_free)
void pki_pair_free(struct pki_pair *pair);

/*
 * Loads <name>.crt and <name>.key. Refuses (ERR_VERIFY, with the file and what to do) what is not PEM, what somebody
 * else could have changed, and a key that others can read; for_etcd: the group etcd may. *pair is to be freed in any
 * case.
 */
int pki_pair_load(const struct machine *m, const char *name, bool for_etcd, struct pki_pair *pair,
		  struct err *e) MUST_CHECK;

/* 1 when the file exists and is fit to be a key file, 0 when it does not exist, -1 as above. */
int pki_key_guard(const struct machine *m, const char *path, bool for_etcd, struct err *e) MUST_CHECK;
