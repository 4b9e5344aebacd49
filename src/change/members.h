/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person changes about the members of a cluster. Killed anywhere and run again, each goes on.
 */
#pragma once

#include "config/machine.h"

/*
 * This machine leaves its cluster (leave.c): removes its member, stops etcd, writes ROLE=none and moves data, identity
 * and etcd.env aside; certificates stay. The other members agree first, then etcd is stopped: a cluster of two whose
 * one member has stopped cannot agree to anything. last: the only member gives its cluster up, and the certificates,
 * with the CA, are moved aside as well. ca_elsewhere: the person confirms that the CA key is kept in another place,
 * too. Refused when the others need its vote, and for the last voter without `last`. 1 done, 0 this machine is not a
 * member, -1.
 */
int leave_run(const struct machine *m, bool last, bool ca_elsewhere, struct err *e) MUST_CHECK;

/*
 * leave_run, with `last` if it is the only member, and then everything of the member is moved aside, the certificates,
 * too: the machine is as after an installation with ROLE=none. Also without a member, for what a failed setup left. 1,
 * -1.
 */
int reset_run(const struct machine *m, bool ca_elsewhere, struct err *e) MUST_CHECK;

/*
 * From any healthy machine, removes a dead member (its name, or its ID in hex) when the others can do without it; that
 * is never forced (remove.c). One that answers, or answers again within seconds, is refused without force: it can leave
 * by itself. On a CA host its enrolment is forgotten. 1 done, 0 it is not a member, -1.
 */
int remove_run(const struct machine *m, const char *member, bool force, struct err *e) MUST_CHECK;

/*
 * A rebuilt machine takes the place of the dead member that it was (replace.c). Moves aside what is left of the former
 * member (a member-id without its data, data that etcd does not start on), but only when the others have a quorum and
 * do not need it. Then runs setup (flow/setup.h) with replace allowed: the dead member is removed, and the machine
 * joins as a new member of the same name. Results are those of setup_run.
 */
int replace_run(const struct machine_options *where, const char *member, struct err *e) MUST_CHECK;
