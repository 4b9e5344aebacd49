/* SPDX-License-Identifier: Apache-2.0
 *
 * One question to an enrolment server, and its answer; and what this machine proves itself with there.
 */
#pragma once

#include "config/machine.h"
#include "enroll/token.h"

struct proof {
	bool has_pair, has_token;
	bool anywhere; /* from where it asks does not count: it is no machine with an ADDRESS */
	struct token token;
	char *ca, *cert, *key; /* paths of ca.crt and of the pair of the peer, or client */
};

#define auto_proof cleanup(proof_free)
void proof_free(struct proof *p);

/*
 * What there is: a peer pair that works, with its ca.crt (also an expired one), and the token of ENROLL_TOKEN_FILE.
 * ERR_CONFIG when there is neither, with how to get a token; as token_read_file when only the token is unfit.
 */
int proof_load(const struct machine *m, struct proof *p, struct err *e) MUST_CHECK;

/* The two ways to prove oneself. */
enum proof_kind { PROOF_PAIR, PROOF_TOKEN };

/*
 * Sends question to server ("addr:port"), and appends its answer, which may take wait_ms longer than usual. 1 answered,
 * and it proved to be who it should be: one that knows the token, or a server of our CA for that host. 0 nobody there.
 * -1: ERR_VERIFY, one side does not accept the other; ERR_CONFIG, not an ADDRESS:PORT; ERR_PENDING, it is of an older
 * version; else ERR_FAIL.
 */
int exchange(const struct machine *m, const struct proof *p, enum proof_kind how, const char *server,
	     const struct buf *question, unsigned int wait_ms, struct buf *answer, struct err *e) MUST_CHECK;
