/* SPDX-License-Identifier: Apache-2.0
 *
 * What a machine must be to be added to a cluster, and what its etcd is told about the others. Lists in, verdicts out:
 * nobody is asked here.
 */
#pragma once

#include "adapter/rpc.h"
#include "config/version.h"
#include "member/joining.h"

/*
 * ETCD_INITIAL_CLUSTER for a member that was added: every peer URL of the list, and its own (id) under its name. etcd
 * wants all URLs and its own name; what the others are called does not matter to it (seen on 3.4), so one that has no
 * name yet, our name, one that is there twice or one that would not survive the format gets its ID for a name. The
 * caller frees.
 */
char *joining_cluster(const struct rpc_members *list, uint64_t id, const char *name);

/*
 * May an etcd of this version be added to members that run these (strv, "3.5.30")? etcd's rule: not older than the
 * cluster, which is as old as its oldest member, and at most one minor version newer. ERR_CONFIG with the RELEASE to
 * write. Texts that are no version are passed over.
 */
int joining_check_version(struct version own, char *const *theirs, struct err *e) MUST_CHECK;

enum joining_whose {
	JOINING_RUNS, /* this machine's own: its etcd answers, so setup goes on with it */
	JOINING_REMAINS, /* a learner of this machine's whose data is gone: it never voted, and may be removed and added again */
	JOINING_FOREIGN, /* another machine's, or a voter */
};

/*
 * What a started member at this machine's peer URL is. journal: as it was read, or empty. answers: some etcd says that
 * it is this member.
 */
enum joining_whose joining_whose(const struct joining *journal, const struct rpc_member *one, bool answers);
