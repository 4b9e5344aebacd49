/* SPDX-License-Identifier: Apache-2.0
 *
 * The one road: from wherever the machine stands to where cluster.conf says it should be. The package hook, the boot unit,
 * the retry timer and a person at the shell all walk it. Every step looks first, acts only if needed, and can be
 * killed anywhere and walked again.
 */
#ifndef FLOW_SETUP_H
#define FLOW_SETUP_H

#include <stdbool.h>

#include "config/machine.h"

struct setup_options {
	bool local; /* only what needs no network and no waiting: certificates, directories, and what the cache allows; starts nothing */
	bool wait; /* look again for up to 20 minutes while other machines are not ready yet, not only for 10 seconds */
	bool replace; /* as REPLACE=yes in cluster.conf */
};

enum setup_result { SETUP_DONE = 0, SETUP_NOTHING = 2 };

/*
 * Walks the road, again and again while it waits for other machines (without holding the lock in between), and records how it ended (service/outcome.h). Returns SETUP_DONE when something changed, SETUP_NOTHING when the
 * machine was as it should be, -1 otherwise: ERR_PENDING arms the retry timer, everything else waits for a person.
 */
int setup_run(const struct machine_options *where, const struct setup_options *how, struct err *e) MUST_CHECK;

#endif
