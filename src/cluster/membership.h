/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of the cluster, asked and changed through any voting member that can be reached: this machine's own,
 * those of MEMBERS and JOIN, and those that the list names.
 *
 * A change whose answer was lost may have taken effect. So after every error the list is read again and decides: 1 this
 * call changed it, 0 it was so already, -1 it is not so. Each call has 10 s, connecting 2.5 s; a change is tried at
 * every voter.
 *
 * Failures, with e->rpc:
 *   ERR_HEALTH   nobody answers, there is no quorum, or the cluster allows no change now because another member is
 *                being added or is down: the message names that member, the hint what to do about it
 *   ERR_VERIFY   those who answer and this machine do not trust each other: another CA, or a certificate out of date
 *   ERR_CONFIG   it cannot be done; a person must decide
 */
#pragma once

#include "adapter/rpc.h"
#include "config/machine.h"

/* The members as a quorum agrees on them. The caller frees with rpc_members_free. */
int membership_list(const struct machine *m, struct rpc_members *out, struct err *e) MUST_CHECK;

/* The members as some voter knows them that answers within timeout_ms, quorum or not. -1 (ERR_HEALTH): none answers. */
int membership_look(const struct machine *m, unsigned int timeout_ms, struct rpc_members *out,
		    struct err *e) MUST_CHECK;

/*
 * Adds a member with this peer URL as a learner. One with it that has never started counts as ours: an earlier try, or
 * prepared by hand. *id gets its ID, after the members with it among them. One with it that has started is ERR_CONFIG.
 */
int membership_add_learner(const struct machine *m, const char *peer_url, uint64_t *id, struct rpc_members *after,
			   struct err *e) MUST_CHECK;

/*
 * Makes the learner a voter. One that is not in step yet is ERR_HEALTH, and rpc_refusal(e) is RPC_NOT_IN_SYNC. An
 * unknown ID is ERR_CONFIG.
 */
int membership_promote(const struct machine *m, uint64_t id, struct err *e) MUST_CHECK;

/* Removes it. The caller checks whether the others can do without it (cluster/removal.h). */
int membership_remove(const struct machine *m, uint64_t id, struct err *e) MUST_CHECK;

/* Changes the peer URL at which the others dial it. ERR_CONFIG for a learner, which etcd would let vote then. */
int membership_update(const struct machine *m, uint64_t id, const char *peer_url, struct err *e) MUST_CHECK;

/* In a list: by ID, by peer URL, by name. NULL: none. */
const struct rpc_member *membership_by_id(const struct rpc_members *list, uint64_t id);
const struct rpc_member *membership_by_peer(const struct rpc_members *list, const char *peer_url);
const struct rpc_member *membership_by_name(const struct rpc_members *list, const char *name);

/* True once it has started for the first time: etcd reports its name and client URLs only then. */
bool membership_has_started(const struct rpc_member *one);

/* The first client URL of each member that has one. A strv that the caller frees, or NULL. */
char **membership_urls(const struct rpc_members *list);
