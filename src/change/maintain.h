/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks after the databases of the members: fragmentation, and the alarm NOSPACE (cluster/upkeep.h decides).
 */
#pragma once

#include "config/machine.h"

struct maintain_options {
	bool scheduled; /* by the timer: only what is due, and in the hour after MAINTAIN_SCHEDULE */
	bool all;	/* the members of other machines, too */
};

/* The timer has reported the same failure before. */
enum { MAINTAIN_KNOWN = -2 };

/*
 * Does step after step, and looks at all members before and after each. At any moment it may be killed and run again.
 * 1 done, 0 nothing to do. ERR_PENDING: not now, because of a member that the message names. ERR_HEALTH: an alarm
 * stays, or a member is not healthy afterwards. ERR_FAIL: etcd refuses, or no room on the disk. By the timer also
 * MAINTAIN_KNOWN, with e; and what has to wait is 0.
 */
int maintain_run(const struct machine *m, const struct maintain_options *how, struct err *e) MUST_CHECK;
