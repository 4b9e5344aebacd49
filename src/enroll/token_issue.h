/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens that a person asks for, on the CA host.
 */
#ifndef ENROLL_TOKEN_ISSUE_H
#define ENROLL_TOKEN_ISSUE_H

#include "enroll/token_store.h"

#define TOKEN_MAX_HOURS (365U * 24U)

struct token_order {
	const char *name, *address; /* of the only machine that may use it, or NULL */
	char **sans;		    /* strv or NULL */
	unsigned int uses, hours;
};

/*
 * Makes a token, writes it down and opens the door. text gets the secret, which is kept nowhere; in a dry run it stays empty. *t says what it is good
 * for and is freed by the caller in any case. 1, or -1 (ERR_CONFIG): this is no CA host, nobody could reach it, or the order contradicts cluster.conf.
 */
int token_issue(const struct machine *m, const struct token_order *order, char text[TOKEN_TEXT], struct token_entry *t,
		struct err *e) MUST_CHECK;

/* Removes one; who has enrolled with it stays. Closes the door when nobody is expected any more. 1 done, -1 (ERR_CONFIG): there is no such token. */
int token_revoke(const struct machine *m, const char *id, struct err *e) MUST_CHECK;

#endif
