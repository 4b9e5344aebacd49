/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates asked for at the door of a CA host (enroll/client.h), and looked at before anything is done with them.
 */
#ifndef ENROLL_CERTS_H
#define ENROLL_CERTS_H

#include "enroll/client.h"
#include "pki/pair.h"

/*
 * Asks for a certificate for each key that is not NULL. What comes back must be what cluster.conf wants of this machine, for these keys, from one CA:
 * the one in `ca`, or, when that has no certificate, the one that comes along. Errors are those of enroll_request, and ERR_VERIFY.
 * Changes no file. The caller frees the answer in any case.
 */
int pki_enroll(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
	       struct enroll_answer *a, struct err *e) MUST_CHECK;

/*
 * Before a machine that is first of MEMBERS makes the CA of its cluster: whether another member answers on its peer port. Then a cluster
 * runs, it has a CA, and a second one would be a second cluster. 1 somebody answers, and *who (freed by the caller) is its address; 0 nobody does.
 */
int pki_enroll_others(const struct machine *m, char **who);

#endif
