/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the machine match cluster.conf. The package hook, the boot unit, the retry timer and a person at the shell all
 * call this. Each step looks first, acts only if needed, and can be killed anywhere and run again.
 */
#pragma once

#include "flow/run.h"

enum setup_result { SETUP_DONE = 0, SETUP_NOTHING = 2 };

/*
 * Runs all steps, again and again while other machines are not ready (without holding the lock in between), and records
 * each step and how it ended (service/outcome.h). The retry timer is on from before the first step until the machine is
 * ready or idle. SETUP_DONE: something changed, or it is too early to try again; SETUP_NOTHING: the machine was as it
 * should be; -1 with e, or, when an unattended run ends like the one before, the class of that error without e.
 */
int setup_run(const struct machine_options *where, const struct setup_options *how, struct err *e) MUST_CHECK;
