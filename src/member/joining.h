/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/joining: the journal of how this machine is added to a running cluster. A run that was killed continues
 * with the member that it has added instead of adding another. It is kept afterwards: etcd.env is made from it for as
 * long as the member lives.
 */
#pragma once

#include "adapter/rpc.h"
#include "config/machine.h"
#include "config/version.h"

enum joining_step {
	JOINING_ADDING,	 /* about to ask for a learner; the cluster's list shows whether there is one */
	JOINING_ADDED,	 /* there is: member_id */
	JOINING_STARTED, /* etcd has answered on this machine as that learner */
	JOINING_MEMBER,	 /* it votes */
};

struct joining {
	enum joining_step step;
	uint64_t cluster_id, member_id; /* 0: not known yet */
	char *peer_url;			/* ours, as the cluster has it */
	char *initial_cluster;		/* for etcd: "n1=https://10.0.0.1:2380,…"; NULL before JOINING_ADDED */
};

#define auto_joining cleanup(joining_free)

/* 1: filled, the caller frees. 0: this machine was never added to a cluster. -1: it cannot be read or parsed. */
int joining_read(const struct machine *m, struct joining *j, struct err *e) MUST_CHECK;
void joining_free(struct joining *j);

/* 1 written (with m->dry_run: would be), 0 it has this content already. */
int joining_write(const struct machine *m, const struct joining *j, struct err *e) MUST_CHECK;

/* --- Rules: pure functions over lists that were read before. */

/*
 * ETCD_INITIAL_CLUSTER for a member that was added: every peer URL of the list, its own (id) under its name. etcd needs
 * all URLs and its own name; the other names do not matter to it (seen on 3.4). So a member without a name, with ours,
 * with one that is there twice or that would break the format gets its ID for a name. The caller frees.
 */
char *joining_cluster(const struct rpc_members *list, uint64_t id, const char *name);

/*
 * May an etcd of this version be added to members of these versions (strv, "3.5.30"; others are skipped)? etcd's rule:
 * not older than the oldest of them, and at most one minor version newer. ERR_CONFIG with the RELEASE to set.
 */
int joining_check_version(struct version own, char *const *theirs, struct err *e) MUST_CHECK;

enum joining_whose {
	JOINING_RUNS,	 /* this machine's own: its etcd answers, so setup continues with it */
	JOINING_REMAINS, /* a learner whose data is gone: it never voted, so it may be removed and added again */
	JOINING_FOREIGN, /* another machine's, or a voter */
};

/*
 * What a started member at this machine's peer URL is. journal: as it was read, or empty. answers: an etcd answers as
 * this member.
 */
enum joining_whose joining_whose(const struct joining *journal, const struct rpc_member *one, bool answers);
