/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates through the door of the CA host: what the machine that asks calls, and what opens the door on the CA host.
 * The CA's key stays where it is: only public keys go one way, and certificates come back the other.
 */
#ifndef ENROLL_CLIENT_H
#define ENROLL_CLIENT_H

#include "adapter/x509_key.h"
#include "config/machine.h"
#include "pki/made.h"

/* A certificate that is wanted: for which purpose, and for whose key. */
struct enroll_leaf {
	enum pki_leaf profile;
	x509_key *key;
};

/*
 * Asks for certificates with m's NAME, ADDRESS and EXTRA_SANS, at the doors in this order until one gives them: the one of <pki>/ca.host, MEMBERS,
 * JOIN, the members that etcd began with; never at this machine's own. Where peer.crt, peer.key and ca.crt are there and belong together, they are
 * shown (also after they expired), and the door must be of the same CA; where that gives nothing, or they are not there, the token of
 * ENROLL_TOKEN_FILE, which the door must know, too. Changes no file. The caller verifies what came before it uses it, and frees the answer, also
 * after a failure.
 *   ERR_PENDING  nobody answers, or a door is busy, or clocks differ: it may be otherwise in a second
 *   ERR_CONFIG   there is neither a certificate to show nor a token; the token or its file is unfit; nobody to ask
 *   ERR_VERIFY   a door refused (in its own words), does not know the token, or is not who it should be
 */
int enroll_request(const struct machine *m, const struct enroll_leaf *leaves, size_t n, struct pki_made *a,
		   struct err *e) MUST_CHECK;

/* The certificates are in place: wipes the token file, if there is one. 1 wiped, 0 there was none, -1. */
int enroll_done(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * On a CA host (ca.crt and ca.key are there) puts the token of ENROLL_TOKEN_FILE into the store when ROLE=cluster, for the other MEMBERS, and wipes
 * the file; clears away tokens that are over; and opens the door while somebody may come: MEMBERS has others, this machine has joined some, or there
 * are tokens or enrolled machines; else closes it. On any other machine only closes it. Call it under machine_lock after the certificates are there.
 * 1 changed, 0 as it was, -1.
 */
int enroll_prepare(const struct machine *m, struct err *e) MUST_CHECK;

#endif
