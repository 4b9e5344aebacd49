/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of many members can be reached: all are asked at once who they are, so that dead ones cost their time together.
 */
#pragma once

#include "adapter/rpc.h"
#include "config/machine.h"

/* One that was asked. */
struct poll_answer {
	struct grpc *g; /* NULL: no session; why says it */
	bool answers;	/* status is filled */
	struct rpc_status status;
	struct err why; /* when it does not answer */
};

struct poll {
	char **urls; /* strv */
	struct poll_answer *list;
	size_t n;
};

/*
 * Asks the client URLs (strv, taken over; may be NULL) for their status, each within call_ms, connecting within 2.5 s
 * of it: a member that is starting accepts connections and is silent. Returns how many answered. The caller frees with
 * poll_free, also when none did.
 */
size_t poll_all(const struct machine *m, char **urls, unsigned int call_ms, struct poll *r);
void poll_free(struct poll *r);

/*
 * Says that nobody answered, and why each one did not: ERR_HEALTH, or ERR_VERIFY when one and this machine do not trust
 * each other.
 */
int poll_fail(const struct poll *r, struct err *e);

/*
 * The k-th voting member that answered, those who know a leader first; the session stays r's. NULL: there are no more.
 */
struct grpc *poll_voter(const struct poll *r, size_t k);
