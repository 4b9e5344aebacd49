/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is a member of the cluster, asked and changed through any voting member that can be reached: this machine's own,
 * those of MEMBERS and JOIN, and those that the list names.
 *
 * A change whose answer was lost may have taken effect (etcd commits it, the connection dies). So after every error the
 * list is read again, and what is in it decides: 1 this call changed it, 0 it was so already, -1 it is not so. Each
 * question has 10 s, connecting 2.5 s; a change is tried at every voter.
 *
 * Failures, e->rpc kept:
 *   ERR_HEALTH   nobody answers, no quorum, or the cluster allows no change at the moment because another member is being added or one is
 *                down; the message names that one, the hint what to do about it
 *   ERR_VERIFY   those who answer and this machine do not trust each other: another CA, or a certificate out of date
 *   ERR_CONFIG   it cannot be done; a person must decide
 */
#pragma once

#include "adapter/rpc.h"
#include "config/machine.h"

/* The members as a quorum agrees on them. The caller frees with rpc_members_free. */
int membership_list(const struct machine *m, struct rpc_members *out, struct err *e) MUST_CHECK;

/*
 * The members as anybody believes who answers within timeout_ms, quorum or not; all are asked at once. For a machine
 * that wants to know whether a cluster runs already: -1 (ERR_HEALTH) nobody answered.
 */
int membership_look(const struct machine *m, unsigned int timeout_ms, struct rpc_members *out,
		    struct err *e) MUST_CHECK;

/*
 * Adds a member with this peer URL as a learner. One with it that has never started (no name yet) is taken for an
 * earlier try of ours, or for what somebody has prepared for us by hand. *id gets its ID, after the members with it
 * among them. A member with this URL that has started is
 * ERR_CONFIG.
 */
int membership_add_learner(const struct machine *m, const char *peer_url, uint64_t *id, struct rpc_members *after,
			   struct err *e) MUST_CHECK;

/*
 * Makes the learner a voter. One that is not in step yet is ERR_HEALTH, and rpc_refusal(e) is RPC_NOT_IN_SYNC. One that
 * is no member is ERR_CONFIG.
 */
int membership_promote(const struct machine *m, uint64_t id, struct err *e) MUST_CHECK;

/*
 * Removes it. Looks at nothing but the ID: whether the others can do without it is the caller's to see to
 * (member/removal.h).
 */
int membership_remove(const struct machine *m, uint64_t id, struct err *e) MUST_CHECK;

/* Tells the cluster where it is dialled from now on. */
int membership_update(const struct machine *m, uint64_t id, const char *peer_url, struct err *e) MUST_CHECK;

/* In a list: by ID, by peer URL, by name. NULL: none. */
const struct rpc_member *membership_by_id(const struct rpc_members *list, uint64_t id);
const struct rpc_member *membership_by_peer(const struct rpc_members *list, const char *peer_url);
const struct rpc_member *membership_by_name(const struct rpc_members *list, const char *name);

/* True once it has started for the first time: only then it has told its name and its client URLs. */
bool membership_has_started(const struct rpc_member *one);

/* The first client URL of each member that has one. A strv that the caller frees, or NULL. */
char **membership_urls(const struct rpc_members *list);
