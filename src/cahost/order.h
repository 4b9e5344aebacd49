/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person orders on a CA host: tokens, revocations, and that this machine becomes the CA host.
 */
#pragma once

#include "cahost/active.h"
#include "cahost/token_store.h"
#include "pki/sign.h"

#define TOKEN_MAX_HOURS (365U * 24U)

struct token_order {
	const char *client;	    /* CN of the client that may use it, and nothing of the others; or NULL */
	const char *name, *address; /* of the only machine that may use it, or NULL */
	const char *from;	    /* what it connects from, behind NAT; needs name and address */
	char **addresses;	    /* strv of further ones, or NULL; need name and address */
	char **sans;		    /* strv or NULL */
	unsigned int uses, hours;
	bool recovery; /* it is good without a quorum, too; needs name and address */
};

/*
 * Makes a token, stores it and opens the enrolment port. text gets the secret, which is stored nowhere; in a dry run
 * it stays empty. *t says what it is good for; the caller frees it in any case. 1, or -1 (ERR_CONFIG): this is not a
 * CA host, nobody could reach it, or the order contradicts cluster.conf.
 */
int token_issue(const struct machine *m, const struct token_order *order, char text[TOKEN_TEXT], struct token_entry *t,
		struct err *e) MUST_CHECK;

/*
 * Removes one; who has enrolled with it stays. Closes the enrolment port when nobody is expected any more. 1 done, -1
 * (ERR_CONFIG): there is no such token.
 */
int token_revoke(const struct machine *m, const char *id, struct err *e) MUST_CHECK;

/*
 * Revokes every certificate that a client got with a token, or that cert issue made for this name, and closes the name
 * to tokens for clients that were made until now. The list is where the etcd of this machine reads it. 1 done, 0 it was
 * revoked before, -1 (ERR_CONFIG): there is no such client, or this is not the CA host.
 */
int client_revoke(const struct machine *m, const char *cn, struct err *e) MUST_CHECK;

/* For cert issue and bundle. -1 (ERR_CONFIG): another CA host revokes, and would not know of it; or a machine has this
 * name, and it is to be a client's (NULL: it is not). */
int issue_check(const struct machine *m, const char *client, struct err *e) MUST_CHECK;

/* Puts it on record, before it leaves this machine: the name is that of the record. */
int issue_record(const struct machine *m, const struct pki_signed *made, struct err *e) MUST_CHECK;

/* Likewise of a bundle, for the enrolment server. The keys that the machine had before are refused from now on. */
int bundle_record(const struct machine *m, const struct pki_signed *made, struct err *e) MUST_CHECK;

/*
 * Makes this machine the CA host, and opens its enrolment server. fenced: also without a quorum, since a person
 * confirms that the former one is fenced. 1 done (dry run: would be), 0 it was, -1: ERR_CONFIG, there is no CA key
 * here; ERR_HEALTH, no quorum.
 */
int takeover_run(const struct machine *m, bool fenced, struct err *e) MUST_CHECK;

/* After `ca import`, as active_imported. Takes the lock. */
int takeover_imported(const struct machine *m, bool new_key, time_t exported, struct err *e) MUST_CHECK;

/*
 * What this machine knows; with ask, which waits for a quorum, corrected by what that says. The caller frees, also
 * after -1.
 */
int takeover_look(const struct machine *m, bool ask, struct enroll_active *a, struct err *e) MUST_CHECK;
