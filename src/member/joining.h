/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/joining: how this machine is being added to a cluster that runs, step by step, so that one that was killed
 * goes on with the member it has added instead of adding another. It is kept afterwards: etcd.env is made from it for
 * as long as the member lives.
 */
#pragma once

#include <stdint.h>

#include "config/machine.h"

enum joining_step {
	JOINING_ADDING,	 /* about to ask for a learner; whether the cluster has one is in its list */
	JOINING_ADDED,	 /* it has: member_id */
	JOINING_STARTED, /* etcd has answered on this machine as that learner */
	JOINING_MEMBER,	 /* it votes */
};

struct joining {
	enum joining_step step;
	uint64_t cluster_id, member_id; /* 0: not known yet */
	char *peer_url;			/* ours, as the cluster has it */
	char *initial_cluster; /* what etcd must be started with: "n1=https://10.0.0.1:2380,…"; NULL before JOINING_ADDED */
};

#define auto_joining cleanup(joining_free)

/*
 * 1: filled, the caller frees. 0: this machine was never added to a running cluster. -1: it is there and cannot be
 * understood.
 */
int joining_read(const struct machine *m, struct joining *j, struct err *e) MUST_CHECK;
void joining_free(struct joining *j);

/* 1 written, 0 it said that already. With m->dry_run nothing is written. */
int joining_write(const struct machine *m, const struct joining *j, struct err *e) MUST_CHECK;
