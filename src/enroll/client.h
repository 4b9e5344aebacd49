/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the enrolment server of a CA host for certificates. Only public keys go there, and only certificates come back.
 */
#pragma once

#include "adapter/x509_key.h"
#include "config/machine.h"
#include "pki/made.h"

/*
 * Asks for a certificate for each key that is not NULL, with m's NAME, ADDRESS and EXTRA_SANS. Servers, in this order
 * until one sends them: that of <pki>/ca.host, MEMBERS, JOIN, the members that etcd began with; never this machine
 * itself. Proof: peer.crt and peer.key, where they are there with their ca.crt (also expired); then the token of
 * ENROLL_TOKEN_FILE. Changes no file. The caller verifies the answer, and frees it, also after a failure.
 *   ERR_PENDING  nobody answers, a server is busy, or clocks differ: try again
 *   ERR_CONFIG   there is neither certificate nor token, one of them is unfit, or there is nobody to ask
 *   ERR_VERIFY   a server refuses (in its own words), does not know the token, or is not who it should be
 */
int enroll_request(const struct machine *m, x509_key *const keys[PKI_LEAVES], struct pki_made *a,
		   struct err *e) MUST_CHECK;

/* What a CA host says about the key of this machine's peer certificate. */
enum enroll_key {
	ENROLL_KEY_UNKNOWN, /* no server could say: an older version, or nobody answers; e has why, unless an older one */
	ENROLL_KEY_FREE,    /* accepted, and no member has used it yet */
	ENROLL_KEY_USED,    /* accepted: that of a member, which is in the cluster */
	ENROLL_KEY_REFUSED, /* for good; e has the server's words */
};

/*
 * Asks for the revocation list, with the certificate; the servers are those above, the first that answers counts. list:
 * DER, appended when the CA host has a newer one than that of this machine; not verified. e is never to be ignored, but
 * it is no failure of this machine.
 */
enum enroll_key enroll_ask_list(const struct machine *m, struct buf *list, struct err *e);
