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
	struct buf cert[PKI_LEAVES]; /* PEM, by profile; empty for one that was not asked for */
	struct buf crl; /* of an enrolment: the revocation list, DER; empty: the CA host has no newer one */
	char *server;	/* of an enrolment: the signer for ca.host, "10.0.0.1:2382", "[fd00::1]:2382" */
};

void pki_made_free(struct pki_made *made);

/*
 * Each certificate for a key that is not NULL must have the content that cluster.conf wants, that key, and one CA: the
 * one in `ca`, or, when that has no certificate, made->ca_pem, which must be fit to be trusted. ERR_VERIFY or
 * ERR_CONFIG.
 */
int pki_made_verify(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
		    const struct pki_made *made, struct err *e) MUST_CHECK;
