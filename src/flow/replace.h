/* SPDX-License-Identifier: Apache-2.0
 *
 * A rebuilt machine takes the place of the dead member that it was.
 */
#pragma once

#include "config/machine.h"

/*
 * Moves aside what is left of the former member (a member-id without its data, data that etcd does not start on), but
 * only when the others have a quorum and do not need it. Then runs setup (flow/setup.h) with replace allowed: the dead
 * member is removed, and the machine joins as a new member of the same name. Results are those of setup_run.
 */
int replace_run(const struct machine_options *where, const char *member, struct err *e) MUST_CHECK;
