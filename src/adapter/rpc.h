/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 *
 * The calls of etcd's API that we make, with types of our own: nothing above this floor sees a generated one.
 * Failures are those of grpc.h, with the method's short name in front.
 */
#ifndef ADAPTER_RPC_H
#define ADAPTER_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/grpc.h"
#include "base/err.h"

/* Maintenance.Status: what one member says about itself; answered without quorum, by learners, too. */
struct rpc_status {
	uint64_t cluster_id, member_id;
	uint64_t leader; /* 0: it knows none */
	uint64_t raft_term, raft_index, raft_applied_index;
	int64_t revision;
	int64_t db_size, db_size_in_use;
	int64_t db_quota;	  /* 3.6 and later; else 0 */
	char version[32];	  /* "3.6.14" */
	char storage_version[32]; /* 3.6 and later; else "" */
	bool is_learner;
	char **errors; /* strv: alarms and the like, as etcd words them, or NULL */
};

int rpc_status(struct grpc *g, struct rpc_status *out, struct err *e) MUST_CHECK;
void rpc_status_free(struct rpc_status *s);

struct rpc_member {
	uint64_t id;
	char *name;			 /* "" until it has started for the first time */
	char **peer_urls, **client_urls; /* strv, or NULL */
	bool is_learner;
};

struct rpc_members {
	uint64_t cluster_id;
	struct rpc_member *list;
	size_t n;
};

/*
 * Cluster.MemberList. linearizable: agreed on by a quorum, fails without one; otherwise what this member
 * believes (3.5 and later; 3.4 knows no difference and answers from what it believes).
 */
int rpc_member_list(struct grpc *g, bool linearizable, struct rpc_members *out, struct err *e) MUST_CHECK;
void rpc_members_free(struct rpc_members *m);

enum rpc_alarm_kind { RPC_ALARM_NONE, RPC_ALARM_NOSPACE, RPC_ALARM_CORRUPT };

struct rpc_alarm {
	uint64_t member_id;
	enum rpc_alarm_kind kind;
};

/* Maintenance.Alarm, asking only. The caller frees *list. Needs a quorum. */
int rpc_alarms(struct grpc *g, struct rpc_alarm **list, size_t *n, struct err *e) MUST_CHECK;
const char *rpc_alarm_name(enum rpc_alarm_kind kind);

/*
 * A linearizable read of one key that need not exist: proves that this member reaches a quorum. "Permission denied" is health, too: the
 * member had to ask the quorum to know. On a learner etcd refuses such reads; learner makes it a local read.
 */
int rpc_health(struct grpc *g, bool learner, struct err *e) MUST_CHECK;

#endif
