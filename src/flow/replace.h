/* SPDX-License-Identifier: Apache-2.0
 *
 * A rebuilt machine takes the place of the dead member that it was.
 */
#pragma once

#include "config/machine.h"

/*
 * Clears the way on this machine, then walks the road (flow/setup.h) with replace allowed: the dead entry is removed and the machine
 * joins with the same name as a new member. What is here of the former one (member-id without its data, data that etcd does not start on) is moved aside,
 * but only when the others have a quorum and do not need it. Results are those of setup_run.
 */
int replace_run(const struct machine_options *where, const char *member, struct err *e) MUST_CHECK;
