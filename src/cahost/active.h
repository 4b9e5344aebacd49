/* SPDX-License-Identifier: Apache-2.0
 *
 * One CA host signs for the others: whether it is this one. etcd has its name (enroll/ca_host.h), and
 * /etc/etcd/enroll/ca-host what this machine knows without asking.
 */
#pragma once

#include "adapter/rpc.h"
#include "enroll/ca_host.h"

/* What the etcd of this machine has from a quorum: other members could say anything. */
struct enroll_list {
	bool agreed; /* false: no quorum was asked, and the rest is empty */
	struct rpc_members members;
	struct ca_host self, host; /* this machine; the CA host, whose name is NULL when none is recorded */
	int64_t host_revision;	   /* for ca_host_put; -1: this machine has just been recorded */
};

/* True when another machine is recorded as the CA host. */
bool enroll_list_names_other(const struct enroll_list *l);

/* Whether this machine is the CA host, by its own file. */
enum enroll_state {
	ENROLL_OPEN,	/* yes, unless etcd names another one */
	ENROLL_STANDBY, /* no, whatever etcd says */
	ENROLL_CLAIMED, /* yes, by a person's word, which etcd does not know yet */
};

struct enroll_active {
	enum enroll_state state;
	struct ca_host host; /* the other one, as far as it is known */
	time_t copy;	     /* of what time the records are that were imported; 0: of no other machine */
};

#define auto_active cleanup(active_free)
void active_free(struct enroll_active *a);
/* 1; 0 there is no such file, -1. The caller frees. */
int active_read(const struct machine *m, struct enroll_active *a, struct err *e) MUST_CHECK;

/*
 * True while a claim is in force: a person fenced the one in the file. Another one that a quorum names has taken over
 * since, and may be signing.
 */
bool active_claims(const struct enroll_active *a, const struct enroll_list *l);

/* ERR_PENDING unless `standby` is NULL: the machine `name` must not sign, because that one does. */
int active_check(const struct ca_host *standby, const char *name, struct err *e) MUST_CHECK;

/* True when there is such a file. */
bool active_is_noted(const struct machine *m);

/*
 * After `ca import` put a key here (new_key), or more records. exported: when the file was made; 0: it does not say. A
 * machine that does not make the CA of its cluster by its cluster.conf is a standby from then on. Needs
 * token_store_lock.
 */
int active_imported(const struct machine *m, const struct enroll_list *l, bool new_key, time_t exported,
		    struct err *e) MUST_CHECK;

/*
 * Another one that a quorum names has taken over: this machine is a standby from now on. A takeover by a person's word
 * is recorded in etcd, as soon as there is a quorum, unless that names neither this machine nor the one that was taken
 * over from. Does nothing unless l->agreed. Needs token_store_lock.
 */
int active_learn(const struct machine *m, struct enroll_list *l, struct err *e) MUST_CHECK;

/*
 * For a signature: confirms that etcd still has what l has about the CA host, as a quorum has it. The first that signs
 * in a cluster of several members has itself recorded. ERR_PENDING when another one was faster. Does nothing unless
 * l->agreed.
 */
int active_confirm(const struct machine *m, const struct enroll_list *l, struct err *e) MUST_CHECK;

/*
 * Makes this machine the CA host: in etcd, or, unless l->agreed, by the word of a person who confirms that the other
 * one is fenced. 1 done (dry run: would be), 0 it was, -1: ERR_HEALTH, neither. Needs token_store_lock.
 */
int active_take(const struct machine *m, struct enroll_list *l, bool fenced, struct err *e) MUST_CHECK;
