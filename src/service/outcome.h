/* SPDX-License-Identifier: Apache-2.0
 *
 * How the last `setup` ended, or what it is doing, for `status` and for the retry timer: /run/etcd-cluster/setup. It is
 * volatile, since the boot unit runs setup.
 */
#pragma once

#include "config/machine.h"

enum outcome_state {
	OUTCOME_READY,	 /* the machine matches cluster.conf */
	OUTCOME_IDLE,	 /* ROLE=none */
	OUTCOME_PENDING, /* setup waits for another machine, a mirror or the network */
	OUTCOME_FAILED,	 /* something has to be corrected */
	OUTCOME_RUNNING, /* setup works, or was killed: then nobody holds the lock (machine_is_locked) */
};

struct outcome {
	enum outcome_state state;
	int exit;	    /* exit code of that setup; while running, of the one before */
	char *step;	    /* "release" while running, else "" */
	char *message;	    /* "" when ready; while running, of the setup before */
	char *hint;	    /* what to type next, or "" */
	unsigned int tries; /* how many before the last one ended with the same message */
	long long next_ms;  /* by clock_ms: the timer tries again then; 0: it does not */
};

/* "ready", "idle", "pending", "failed", "running": STATE= in the file. */
const char *outcome_name(enum outcome_state state);

/* Nothing is left to do: the retry timer is off. */
bool outcome_is_settled(const struct outcome *o);

/* True when the setup of o ended with this message. */
bool outcome_is_same(const struct outcome *o, const struct err *why);

/* Milliseconds until the next try after so many that ended alike: 30 s, doubled up to 4 minutes, and up to a quarter
 * more by chance (0 to 255): machines that fail together do not try together. */
long long outcome_backoff_ms(unsigned int tries, unsigned int chance);

/* 1 when there is one, 0 when setup has not run since boot. The caller frees with outcome_free. */
int outcome_read(const struct machine *m, struct outcome *o, struct err *e) MUST_CHECK;
void outcome_free(struct outcome *o);

/*
 * Records how it ended: why is NULL for ready and idle. tries: as in struct outcome; with why it decides when the timer
 * tries again. 1 written, 0 the file has that already, -1.
 */
int outcome_write(const struct machine *m, enum outcome_state state, const struct err *why, unsigned int tries,
		  struct err *e) MUST_CHECK;

/* Records the step that setup is about to take, beside how the setup before (NULL: there was none) ended. */
int outcome_write_step(const struct machine *m, const char *step, const struct outcome *before,
		       struct err *e) MUST_CHECK;
