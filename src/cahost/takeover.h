/* SPDX-License-Identifier: Apache-2.0
 *
 * Which machine is the CA host, and making this one it.
 */
#pragma once

#include "cahost/active.h"

/*
 * Makes this machine the CA host, and opens its enrolment server. fenced: also without a quorum, since a person
 * confirms that the former one is fenced. 1 done (dry run: would be), 0 it was, -1: ERR_CONFIG, there is no CA key
 * here; ERR_HEALTH, no quorum.
 */
int takeover_run(const struct machine *m, bool fenced, struct err *e) MUST_CHECK;

/* After `ca import`, as active_imported. Takes the lock. */
int takeover_imported(const struct machine *m, bool new_key, time_t exported, struct err *e) MUST_CHECK;

/*
 * What this machine knows; with ask, which waits for a quorum, corrected by what that says. The caller frees, also
 * after -1.
 */
int takeover_look(const struct machine *m, bool ask, struct enroll_active *a, struct err *e) MUST_CHECK;
