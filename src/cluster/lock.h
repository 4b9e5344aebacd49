/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock of the cluster orders the operations that stop a member. It does not make them safe: that is the gate
 * (cluster/gate.h), since whoever has a client certificate can write or delete this key unless etcd has RBAC.
 *
 * It is the key "etcd-cluster/lock": one line, the cluster and the member that holds it (16 hex digits each), a nonce,
 * the time in seconds, the name of the member, and what it does. A cluster of one voter needs none: the lock of the
 * machine (machine_lock), which every holder has, orders what happens there.
 */
#pragma once

#include "cluster/health.h"
#include "member/disk.h"

struct lock {
	bool local; /* one voter: there is no key */
	uint64_t cluster, member;
	char nonce[DISK_ID_HEX]; /* of this run */
	char over[DISK_ID_HEX];	 /* of a holder that may be passed over */
	char *what;		 /* "restart" */
};

#define auto_lock cleanup(lock_free)
void lock_free(struct lock *l);

/*
 * Takes it for the member of this machine, which s must have (here, listed); what: one word without blanks. The machine
 * lock must be held: a lock of this member is then one that a killed run has left, and becomes ours. While another
 * member holds it, waits up to wait_s seconds. 0 taken, -1:
 *   ERR_HEALTH   no voter that has a quorum answers, or another member holds it: the message says which, since when,
 *                for what, and the hint when it can be taken over (lock_judge)
 *   ERR_CONFIG   etcd's RBAC does not permit it; the hint has the grant
 * The caller frees with lock_free, which leaves the key.
 */
int lock_take(const struct machine *m, const struct member_survey *s, const char *what, unsigned int wait_s,
	      struct lock *l, struct err *e) MUST_CHECK;

/*
 * One transaction: it still is ours, and has the time of now. Right before etcd is stopped, after the gate. ERR_HEALTH
 * when another member took it over.
 */
int lock_confirm(const struct machine *m, const struct lock *l, struct err *e) MUST_CHECK;

/* Deletes the key if it still is ours. A failure is a warning: others take it over after ten minutes. */
void lock_release(const struct machine *m, const struct lock *l);

/* After a "permission denied": ERR_CONFIG, with the grant that the user of this machine needs. -1. */
int lock_denied(const struct machine *m, struct err *e);

/* --- The decision, apart for the tests. */

/* What the key says. */
struct lock_holder {
	uint64_t cluster, member;
	char nonce[DISK_ID_HEX];
	time_t since;
	char *name, *what;
};

/* False for what no etcd-cluster has written: such a key is as good as none. The caller frees. */
bool lock_parse(const char *text, struct lock_holder *h);
void lock_holder_free(struct lock_holder *h);

/* The lock may be taken over from a holder that is healthy and has not renewed it for so long. */
#define LOCK_SECONDS 600

enum lock_verdict {
	LOCK_FREE, /* of another cluster (a restored one), or of this member: the run was killed */
	LOCK_GONE, /* a quorum does not list its holder any more */
	LOCK_IDLE, /* the holder has been healthy without it for LOCK_SECONDS, or its clock was set back since */
	LOCK_HELD,
};

/*
 * Whether this machine may take the lock, by the survey s. A holder that is down keeps it: its operation may be half
 * done. The age counts in the clock of the holder, which the survey has seen; now: of this machine.
 */
enum lock_verdict lock_judge(const struct lock_holder *h, const struct member_survey *s, time_t now);
