/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the installed releases is used: `current`, and `previous` to go back to. A switch is one rename and restarts
 * nothing.
 */
#pragma once

#include "config/machine.h"

/*
 * Makes an installed release current and keeps the former one as previous. 1 switched, 0 it was current. ERR_CONFIG: it
 * is not installed or known to be bad; or this machine is a member (it has a member-id) and the step is one that etcd's
 * data do not survive: back across a minor version, or forward by more than one.
 */
int release_use(const struct machine *m, const char *name, struct err *e) MUST_CHECK;

/* Makes the previous release current, under the same conditions. */
int release_rollback(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Removes all releases but current, previous and the `keep` newest others, with their tarballs in the cache. How many,
 * or -1.
 */
int release_prune(const struct machine *m, size_t keep, struct err *e) MUST_CHECK;
