/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the road on which a machine is added to a cluster that runs. Everything local comes before it: release, certificates, ports,
 * disk. The membership changes last, as a learner, journalled in /etc/etcd/joining (member/joining.h): killed anywhere and walked again it
 * goes on with the learner it has added; when etcd cannot be started the learner is taken back.
 */
#pragma once

#include <stdbool.h>

#include "config/machine.h"
#include "member/identity.h"

/*
 * True when this machine is to be added, or has been and does not vote yet: ROLE=join, replace, or a journal says so, and there is neither
 * a member-id nor a journal that ends with "member".
 */
bool join_wanted(const struct machine *m, bool replace);

/*
 * Before etcd.env is made and etcd is started: looks whether this machine fits the cluster (version, name, address) and whose data is in DATA_DIR
 * (that of a member which the cluster does not have any more is moved aside), then has it added as a learner. Afterwards the
 * journal says what etcd must be started with. A dead member of the same name is in the way; with replace it is removed, when the others are a
 * quorum without it.
 * 1 changed, 0 it had been added before. ERR_PENDING: not yet (nobody answers, no quorum, a member is down, another one is being added).
 * ERR_CONFIG: never like this, a person must decide.
 */
int join_enter(const struct machine *m, bool replace, struct err *e) MUST_CHECK;

/*
 * After etcd answers on this machine: makes the learner a voter. 1 it votes now, 0 it did. ERR_PENDING: it has not got all
 * the data yet; call it again.
 */
int join_finish(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * What the verb `join` asks first: whether this machine is a member already. 1: of the cluster at these addresses (strv), so there is nothing to
 * join. 0: of none; or it was one of that cluster and was removed there, and its member-id, journal and data are moved aside now. Only a person who
 * says join gets this: setup alone never undoes what `remove` has done. ERR_CONFIG: it is a member of another cluster.
 */
int join_again(const struct machine *m, char *const *addresses, struct err *e) MUST_CHECK;

/*
 * A member does not become healthy: ERR_CONFIG when the others say that it is none any more, for then etcd just ends, with exit code 0, each time it is
 * started (seen on 3.4). 0: it is one, or nobody can say.
 */
int join_removed(const struct machine *m, const struct identity *id, struct err *e) MUST_CHECK;

/*
 * etcd has ended without having answered. True while that may be a matter of time: its learner was added less than 30 s ago.
 */
bool join_may_start(const struct machine *m);

/*
 * etcd could not be started: takes the learner back, stops etcd, moves its data aside and forgets the journal. A voter is never taken back. When the
 * cluster does not answer everything stays for the next try (ERR_PENDING). Returns -1 with e saying what was done: why, in short, is how etcd ended.
 */
int join_undo(const struct machine *m, const char *why, struct err *e) MUST_CHECK;
