/* SPDX-License-Identifier: Apache-2.0
 *
 * How the last `setup` ended, for `status`: /run/etcd-cluster/setup. It is volatile, since the boot unit runs setup.
 */
#pragma once

#include "config/machine.h"

enum outcome_state {
	OUTCOME_READY,	 /* the machine matches cluster.conf */
	OUTCOME_IDLE,	 /* ROLE=none */
	OUTCOME_PENDING, /* the retry timer will come back to it */
	OUTCOME_FAILED,	 /* a person must look */
};

struct outcome {
	enum outcome_state state;
	int exit;      /* exit code of that setup */
	char *message; /* "" when ready */
	char *hint;    /* what to type next, or "" */
};

/* "ready", "idle", "pending", "failed": STATE= in the file. */
const char *outcome_name(enum outcome_state state);

/* 1 when there is one, 0 when setup has not run since boot. The caller frees with outcome_free. */
int outcome_read(const struct machine *m, struct outcome *o, struct err *e) MUST_CHECK;
void outcome_free(struct outcome *o);

/* Records how it ended: why is NULL for ready and idle. 1 written, 0 the file has that already, -1. */
int outcome_write(const struct machine *m, enum outcome_state state, const struct err *why, struct err *e) MUST_CHECK;
