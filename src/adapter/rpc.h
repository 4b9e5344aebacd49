/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of etcd's API that we make, with types of our own: generated ones stay in rpc.c. Failures are those of
 * grpc.h, with the method's short name in front.
 */
#pragma once

#include <stdint.h>

#include "adapter/grpc.h"

/* Maintenance.Status: one member about itself; answered without a quorum, and by learners. */
struct rpc_status {
	uint64_t cluster_id, member_id;
	uint64_t leader; /* 0: unknown */
	uint64_t raft_term, raft_index, raft_applied_index;
	int64_t revision;
	int64_t db_size, db_size_in_use;
	int64_t db_quota; /* 3.6 and later; else 0 */
	char version[32]; /* "3.6.14" */
	bool is_learner;
};

int rpc_status(struct grpc *g, struct rpc_status *out, struct err *e) MUST_CHECK;

struct rpc_member {
	uint64_t id;
	char *name;			 /* "" until its first start */
	char **peer_urls, **client_urls; /* strv, or NULL */
	bool is_learner;
};

struct rpc_members {
	uint64_t cluster_id;
	struct rpc_member *list;
	size_t n;
};

/*
 * Cluster.MemberList. linearizable: agreed on by a quorum (from 3.5 on; fails without one); else as this member
 * believes.
 */
int rpc_member_list(struct grpc *g, bool linearizable, struct rpc_members *out, struct err *e) MUST_CHECK;
void rpc_members_free(struct rpc_members *m);

/*
 * Cluster.MemberAdd, always as a learner, which gets the data and does not vote: a voter that never starts stops a
 * cluster of one for good (seen on 3.4). *id: of the new member; after: all members.
 */
int rpc_member_add(struct grpc *g, const char *peer_url, uint64_t *id, struct rpc_members *after,
		   struct err *e) MUST_CHECK;

/*
 * A change to one member, by its method:
 *   "Cluster/MemberPromote"   the learner becomes a voter. Must be sent to a voter.
 *   "Cluster/MemberRemove"
 *   "Cluster/MemberUpdate"    where the others dial it: peer_url, which is NULL for the other methods.
 *   "Maintenance/MoveLeader"  to it. Must be sent to the leader.
 */
int rpc_change(struct grpc *g, const char *method, uint64_t id, const char *peer_url, struct err *e) MUST_CHECK;

/* Why a change failed: by the gRPC code, and where etcd uses one code for many things, by its text (3.4 to 3.7). */
enum rpc_refusal {
	RPC_REFUSED,	       /* for any other reason, as an address that is taken or a quorum that would be lost */
	RPC_UNKNOWN_OUTCOME,   /* no answer, or one of a cluster in trouble: it may have taken effect */
	RPC_UNHEALTHY,	       /* a member is down, or connected less than 5 s ago; etcd refuses changes meanwhile */
	RPC_TOO_MANY_LEARNERS, /* another member is being added */
	RPC_NOT_IN_SYNC,       /* the learner does not have all data yet */
	RPC_ASKED_LEARNER,     /* the member asked is a learner itself */
};
enum rpc_refusal rpc_refusal(const struct err *e);

enum rpc_alarm_kind { RPC_ALARM_NONE, RPC_ALARM_NOSPACE, RPC_ALARM_CORRUPT };

struct rpc_alarm {
	uint64_t member_id;
	enum rpc_alarm_kind kind;
};

/* Maintenance.Alarm, as a query. Needs a quorum. The caller frees *list. */
int rpc_alarms(struct grpc *g, struct rpc_alarm **list, size_t *n, struct err *e) MUST_CHECK;
const char *rpc_alarm_name(enum rpc_alarm_kind kind);

/*
 * A linearizable read of one key that need not exist: proves that this member reaches a quorum. "Permission denied"
 * proves it, too. learner: a local read, since etcd refuses others on a learner.
 */
int rpc_health(struct grpc *g, bool learner, struct err *e) MUST_CHECK;

/*
 * Maintenance.Snapshot: the database of this member, as it is when the stream begins, then the SHA-256 of it. take gets
 * each piece, about 32 KiB, and how many bytes of the database are still to come.
 */
typedef int rpc_piece(void *arg, const void *data, size_t len, uint64_t left, struct err *e);
int rpc_snapshot(struct grpc *g, unsigned int stall_s, rpc_piece *take, void *arg, struct err *e) MUST_CHECK;

/* How many keys this member has at that revision. It fails when the revision is compacted, or to come. */
int rpc_count(struct grpc *g, int64_t revision, int64_t *keys, struct err *e) MUST_CHECK;

/*
 * Maintenance.HashKV: a hash of all that this member has up to that revision, from the last compaction (*compacted)
 * on. Two members with the same data of the same minor release have the same. The member commits no write meanwhile.
 */
int rpc_hash_kv(struct grpc *g, int64_t revision, uint32_t *hash, int64_t *compacted, struct err *e) MUST_CHECK;

/*
 * KV.Put of a text; from 0 on a quorum has it, and this member has applied it. And the values of all keys that begin
 * with prefix, as this member has them, quorum or not: a strv of printable texts in the order of the keys, which the
 * caller frees; NULL for none.
 */
int rpc_put(struct grpc *g, const char *key, const char *value, struct err *e) MUST_CHECK;
int rpc_values(struct grpc *g, const char *prefix, char ***values, struct err *e) MUST_CHECK;

/*
 * One key. *value: printable, which the caller frees, or NULL; *revision: of its last change, 0 when it is not there.
 * quorum: as a quorum has it, which fails without one. 1 there, 0 not, -1.
 */
int rpc_get(struct grpc *g, const char *key, bool quorum, char **value, int64_t *revision, struct err *e) MUST_CHECK;

/* Puts it in one step if its last change still is of that revision (0: if it is not there). 1 done, 0 it is not, -1. */
int rpc_put_if(struct grpc *g, const char *key, int64_t revision, const char *value, struct err *e) MUST_CHECK;

/* Whether its last change still is of that revision (0: whether it is not there), as a quorum has it. 1, 0, -1. */
int rpc_is_at(struct grpc *g, const char *key, int64_t revision, struct err *e) MUST_CHECK;
