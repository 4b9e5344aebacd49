/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificate revocation lists (RFC 5280, 5) in DER, which every version of etcd reads; from 3.6 on it reads no PEM.
 */
#pragma once

#include <stdint.h>

#include "adapter/x509.h"

struct x509_crl {
	char *const *serials; /* strv, as struct x509_info has them; NULL: none */
	int64_t number;	      /* grows from list to list */
	time_t made, until;
};

/* Appends the list, signed with the key of issuer. ERR_FAIL, also for a serial that is not hex. */
int x509_crl_make(const struct x509_crl *crl, x509_cert *issuer, x509_key *key, struct buf *der,
		  struct err *e) MUST_CHECK;

/*
 * ERR_VERIFY unless der is one list and nothing else; `where` names it. *serials: a sorted strv that the caller frees,
 * NULL for none.
 */
int x509_crl_parse(const struct buf *der, const char *where, char ***serials, struct err *e) MUST_CHECK;

/* The number in a list that was parsed before; 0 for none. */
int64_t x509_crl_number(const struct buf *der);

/* True when der is a list that the key of ca has signed; or that of a certificate in this PEM text. */
bool x509_crl_signed_by(const struct buf *der, x509_cert *ca);
bool x509_crl_signed_in(const struct buf *der, const struct buf *pem);
