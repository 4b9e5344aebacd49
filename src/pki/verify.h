/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether certificates that another machine signed are what this machine asked for.
 */
#pragma once

#include "pki/made.h"
#include "pki/pair.h"

/*
 * Each certificate for a key that is not NULL must be what cluster.conf wants of this machine, for that key, and from
 * one CA: the one in `ca`, or, when that has no certificate, made->ca_pem, which must be fit to be trusted. ERR_VERIFY
 * or ERR_CONFIG.
 */
int pki_verify(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
	       const struct pki_made *made, struct err *e) MUST_CHECK;
