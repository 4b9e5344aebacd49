/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens that a person asks for, on the CA host.
 */
#pragma once

#include "cahost/token_store.h"

#define TOKEN_MAX_HOURS (365U * 24U)

struct token_order {
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
