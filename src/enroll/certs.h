/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates from a CA host (enroll/client.h), verified before they are used.
 */
#pragma once

#include "enroll/client.h"
#include "pki/pair.h"

/*
 * Asks for a certificate for each key that is not NULL. What comes back must be what cluster.conf wants of this
 * machine, for these keys, from one CA: the one in `ca`, or, when that has no certificate, the one that comes along.
 * Errors are those of enroll_request, and ERR_VERIFY. Changes no file. The caller frees the answer in any case.
 */
int enroll_certs(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
		 struct pki_made *a, struct err *e) MUST_CHECK;
