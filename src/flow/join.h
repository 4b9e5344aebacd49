/* SPDX-License-Identifier: Apache-2.0
 *
 * How setup adds this machine to a running cluster. Everything local comes first: release, certificates, ports, disk.
 * The membership changes last: a learner is added, which is journalled in /etc/etcd/joining (member/joining.h). Killed
 * anywhere and run again, setup goes on with that learner; when etcd cannot be started the learner is removed.
 */
#pragma once

#include "config/machine.h"
#include "member/identity.h"

/*
 * True when this machine is to be added, or has been and is not a voter yet: ROLE=join, replace, or a journal, and
 * there is neither a member-id nor a journal that ends with "member".
 */
bool join_wanted(const struct machine *m, bool replace);

/*
 * Before etcd.env is written and etcd is started: checks that this machine fits the cluster (version, name, address)
 * and whose data is in DATA_DIR (that of a removed member is moved aside), then has it added as a learner. The journal
 * then has what etcd must be started with. A dead member of the same name is refused; with REPLACE it is removed, when
 * the others are a quorum without it.
 * 1 changed, 0 it had been added before. ERR_PENDING: not yet (nobody answers, no quorum, a member is down, another one
 * is being added). ERR_CONFIG: never like this, a person must decide.
 */
int join_enter(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * When etcd answers on this machine: makes the learner a voter. 1 it votes now, 0 it did before. ERR_PENDING: it has
 * not received all data yet; call it again.
 */
int join_finish(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * What the verb `join` asks first: whether this machine is a member already. 1: of the cluster at these addresses
 * (strv), so there is nothing to join. 0: of none; or it was removed from that cluster, by its members or, when its
 * certificates are revoked, by the CA host, and its member-id, journal and data are moved aside now. Setup alone never
 * does that, so as not to undo a `remove`. ERR_CONFIG: it is a member of another cluster; or it needs new keys, and
 * there is no token (token: it will be there). abandon (or NULL): the ID of that cluster, as the person
 * typed it, which is to be given up in the same way: refused while its members have a quorum.
 */
int join_again(const struct machine *m, char *const *addresses, const char *abandon, bool token,
	       struct err *e) MUST_CHECK;

/*
 * For a member that does not become healthy: ERR_CONFIG when the others have removed it, for then etcd ends with exit
 * code 0 each time it is started (seen on 3.4). 0: it is a member, or nobody answers.
 */
int join_removed(const struct machine *m, const struct identity *id, struct err *e) MUST_CHECK;

/* etcd of a learner has ended without an answer. True for 30 s from the first call: that may be a matter of time. */
bool join_may_start(const struct machine *m);

/*
 * systemd has given up on etcd, and why is how it ended. A learner that was just added would count against the others:
 * it is removed, etcd is stopped, its data moved aside and the journal dropped. A voter is never removed. When the
 * cluster does not answer everything stays for the next run (ERR_PENDING). Always -1: why, and what was done.
 */
int join_undo(const struct machine *m, const char *why, struct err *e) MUST_CHECK;
