/* SPDX-License-Identifier: Apache-2.0
 *
 * New certificates of this machine in memory: signed here (pki/make.h), or by the enrolment server of a CA host, whose
 * answer is verified.
 */
#pragma once

#include "pki/pair.h"
#include "pki/profile.h"

struct pki_made {
	struct buf ca_pem;	     /* from a CA host or an external CA: the CA, or the bundle of CAs, to trust */
	struct buf cross;	     /* from a CA host: its cross-certificate (pki/rotate.h); empty: there is none */
	struct buf pool;	     /* ca.crt as it must become, from pki_made_verify; empty: it stays */
	struct buf cert[PKI_LEAVES]; /* PEM, by profile, with the chain; empty for one that was not asked for */
	struct buf crl; /* of an enrolment: the revocation list, DER; empty: the CA host has no newer one */
	char *server;	/* of an enrolment: the signer for ca.host, "10.0.0.1:2382", "[fd00::1]:2382" */
};

#define auto_made cleanup(pki_made_free)
void pki_made_free(struct pki_made *made);

/*
 * The CAs to trust after those in `present`, by the word of a CA host that trusts `host` and has `cross`, or nothing:
 * its first one, which issues, then the present ones. That first one must be among the present ones, or be the CA of
 * the cross-certificate that one of these has signed; a CA of that kind is added when another one issues, too. Of the
 * two CAs of such a cross-certificate, one that the CA host does not trust any more is left out. No other CA is ever
 * added: any member could pose as the CA host. Dates do not matter. *next is appended to. 1 it differs from the present
 * ones, 0 it does not, -1 (ERR_VERIFY).
 */
int pki_pool_next(const struct buf *present, const struct buf *host, const struct buf *cross, struct buf *next,
		  struct err *e) MUST_CHECK;

/*
 * Each certificate for a key that is not NULL must have the content that cluster.conf wants, that key, and the first CA
 * of made->pool as its issuer, which pki_pool_next decides, and must verify up to the CAs in `ca`: nobody is refused,
 * whichever of the two he trusts. When `ca` has no certificate, made->ca_pem, which must be fit to be trusted, counts
 * instead. Fills made->pool. ERR_VERIFY or ERR_CONFIG.
 */
int pki_made_verify(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
		    struct pki_made *made, struct err *e) MUST_CHECK;
