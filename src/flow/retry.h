/* SPDX-License-Identifier: Apache-2.0
 *
 * How setup tries again: when a timer may try, what is recorded for status meanwhile, the retry timer, and how often
 * one setup looks at what it waits for.
 */
#pragma once

#include "flow/run.h"
#include "service/outcome.h"

/* --- One setup, as the others see it. */

/* What the looks of one setup have in common. */
struct attempt {
	const struct setup_options *how;
	bool has_before;
	struct outcome before; /* of the setup before this one */
	time_t conf;	       /* when cluster.conf was last changed before this setup began */
	bool idle;	       /* a person looks at a machine that was ready, and nothing has changed so far */
	bool again;	       /* this is not the first look */
	bool forms;	       /* the last look waited for a cluster to form */
	bool is_settled;       /* the last look ended well */
	size_t reached;	       /* the last step that a look took before it had to wait */
};

void attempt_begin(struct attempt *a, const struct machine *m, const struct setup_options *how);
void attempt_free(struct attempt *a);

/*
 * Whether to try now. A person always does, and so does a unit unless the last setup did not end well: then it waits
 * until the next try is due. For a newer cluster.conf that is at once, but not within 10 s of its last change.
 */
bool attempt_is_due(const struct attempt *a, const struct machine *m);

/* Before another look of a unit: lets a cluster.conf that has changed meanwhile become 10 s old. */
void attempt_wait_conf(const struct attempt *a, const struct machine *m);

/*
 * Records the step that r is about to take. A later look records only steps that no look has reached before; else it
 * would hide what setup waits for.
 */
void attempt_step(struct attempt *a, const struct setup_run *r, size_t which, const char *name);

/* Records how a look ended (rc, why). Without the lock it leaves the record to the setup that has it. */
void attempt_end(struct attempt *a, const struct machine *m, bool has_lock, int rc, const struct err *why);

/* Starts or stops the retry timer. */
void attempt_timer(const struct attempt *a, const struct machine *m, bool on);

/* --- Waiting for other machines within one setup. */

struct retry {
	long long began, end; /* ms of the monotonic clock */
	bool brief;	      /* what is awaited comes by itself within seconds: the pauses stay short */
	char logged[256];     /* the beginning of the last reason that was logged */
};

void retry_begin(struct retry *p, unsigned int seconds);

/*
 * Sleeps until it is time to look again: soon in the beginning, every few seconds later, at other moments than other
 * machines. Logs the reason when it differs from the last one. False, without sleeping, when the time is over.
 */
bool retry_pause(struct retry *p, const struct err *why);
