/* SPDX-License-Identifier: Apache-2.0 */
#include "member/membership.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "member/reach.h"
#include "member/session.h"

/* etcd gives up a proposal after 5 s and two elections at its default settings (server/config, ReqTimeout: 7 s). */
#define CALL_MS 10000U

/*
 * After a member has joined etcd calls the cluster unhealthy until all have been connected for 5 s (server/etcdserver, HealthInterval);
 * seen on 3.4 to 3.7.
 */
#define SETTLE_SECONDS 15

#define NAME_FMT       "%s (%016" PRIx64 ")"
#define NAME_ARGS(one) ((one)->name[0] ? (one)->name : "the new member"), (one)->id

/* ---- Lists ----------------------------------------------------------------------------------------------------- */

const struct rpc_member *membership_by_id(const struct rpc_members *list, uint64_t id)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->list[i].id == id)
			return &list->list[i];
	return NULL;
}

const struct rpc_member *membership_by_peer(const struct rpc_members *list, const char *peer_url)
{
	for (size_t i = 0; i < list->n; i++)
		for (size_t k = 0; list->list[i].peer_urls && list->list[i].peer_urls[k]; k++)
			if (strcmp(list->list[i].peer_urls[k], peer_url) == 0)
				return &list->list[i];
	return NULL;
}

const struct rpc_member *membership_by_name(const struct rpc_members *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->list[i].name, name) == 0)
			return &list->list[i];
	return NULL;
}

bool membership_has_started(const struct rpc_member *one)
{
	return one->name[0] != '\0' || one->client_urls;
}

/* ---- Whom to ask ----------------------------------------------------------------------------------------------- */

char **membership_urls(const struct rpc_members *list)
{
	char **urls = NULL;

	for (size_t i = 0; i < list->n; i++)
		if (list->list[i].client_urls)
			strv_add(&urls, list->list[i].client_urls[0]);
	return urls;
}

static int only_learners(struct err *e)
{
	(void)err_set(e, ERR_HEALTH, "only learners answer, and they do not decide who is a member");
	e->rpc = GRPC_UNAVAILABLE;
	return err_hint(e, "name a voting member with MEMBERS or JOIN in cluster.conf");
}

int membership_list(const struct machine *m, struct rpc_members *out, struct err *e)
{
	cleanup(reach_free) struct reach r = { 0 };
	struct grpc *g;

	if (reach_all(m, session_candidates(m), CALL_MS, &r) == 0)
		return reach_fail(&r, e);
	(void)only_learners(e);
	for (size_t k = 0; (g = reach_voter(&r, k)); k++) {
		if (rpc_member_list(g, true, out, e) == 0) {
			err_clear(e);
			return 0;
		}
	}
	return -1;
}

int membership_look(const struct machine *m, unsigned int timeout_ms, struct rpc_members *out, struct err *e)
{
	cleanup(reach_free) struct reach r = { 0 };

	if (reach_all(m, session_candidates(m), timeout_ms, &r) == 0)
		return reach_fail(&r, e);
	for (int learner = 0; learner <= 1; learner++) {
		for (size_t i = 0; i < r.n; i++) {
			if (!r.list[i].answers || r.list[i].status.is_learner != learner)
				continue;
			if (rpc_member_list(r.list[i].g, false, out, e) == 0) {
				err_clear(e);
				return 0;
			}
		}
	}
	return -1;
}

/* ---- One change ------------------------------------------------------------------------------------------------ */

struct change {
	uint64_t id;
	const char *peer_url;
	/* What the list says: 1 it is so already, 0 not yet, -1 it never will be. */
	int (*is_done)(struct change *c, const struct rpc_members *list, struct err *e);
	int (*call)(struct grpc *g, struct change *c, struct err *e);
	struct rpc_members list; /* as last read, or as the answer had it */
};

static int read_list(struct grpc *g, struct change *c, struct err *e)
{
	struct rpc_members list;

	if (rpc_member_list(g, true, &list, e) < 0)
		return -1;
	rpc_members_free(&c->list);
	c->list = list;
	return c->is_done(c, &c->list, e);
}

/* The change through one voter. 1 changed, 0 it was so, -1; *next: another voter may do better. */
static int change_by(struct grpc *g, struct change *c, bool *next, struct err *e)
{
	struct err again = { 0 };
	int rc = read_list(g, c, e);

	*next = rc < 0 && e->class == ERR_HEALTH;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (c->call(g, c, e) == 0)
		return 1;
	log_debug("%s", e->msg);
	/* It may have taken effect all the same. On a connection that is silent a second question would only wait again. */
	if (e->rpc != GRPC_DEADLINE_EXCEEDED && read_list(g, c, &again) > 0) {
		err_clear(e);
		return 1;
	}
	*next = rpc_refusal(e) == RPC_UNKNOWN_OUTCOME || rpc_refusal(e) == RPC_ASKED_LEARNER;
	return -1;
}

static int change_by_any(const struct reach *r, struct change *c, struct err *e)
{
	bool tried = false, next = true;
	struct grpc *g;
	int rc = only_learners(e);

	for (size_t k = 0; next && (g = reach_voter(r, k)); k++) {
		rc = change_by(g, c, &next, e);
		if (rc >= 0) {
			err_clear(e);
			return rc || tried; /* what an earlier one did not confirm was done by it */
		}
		tried = true;
	}
	return rc;
}

/* A member that does not answer keeps the cluster from changing: says which. False when all answer. */
static bool blame_dead(const struct machine *m, const struct rpc_members *list, struct err *e)
{
	cleanup(reach_free) struct reach r = { 0 };
	const struct rpc_member *dead = NULL;
	const char *why = "it has never started";
	size_t at = 0;
	int code = e->rpc;

	(void)reach_all(m, membership_urls(list), CALL_MS, &r);
	for (size_t i = 0; i < list->n && !dead; i++) {
		const struct rpc_member *one = &list->list[i];

		if (!one->client_urls && !one->is_learner)
			dead = one;
		if (!one->client_urls)
			continue;
		if (!r.list[at].answers && !one->is_learner) {
			dead = one;
			why = r.list[at].why.msg;
		}
		at++;
	}
	if (dead) {
		(void)err_set(e, ERR_HEALTH,
			      "member " NAME_FMT
			      " does not answer, and etcd changes no membership while one is down (%s)",
			      NAME_ARGS(dead), why);
		e->rpc = code;
		(void)err_hint(e,
			       "start etcd there; or, when it is gone for good, on a running member: etcd-cluster "
			       "remove %016" PRIx64,
			       dead->id);
	}
	return dead;
}

static int blame_learner(const struct rpc_members *list, struct err *e)
{
	int code = e->rpc;

	for (size_t i = 0; i < list->n; i++) {
		const struct rpc_member *one = &list->list[i];

		if (!one->is_learner)
			continue;
		(void)err_set(e, ERR_HEALTH, "member " NAME_FMT " is being added; one at a time", NAME_ARGS(one));
		e->rpc = code;
		return err_hint(e, "when nothing comes of it, on a running member: etcd-cluster remove %016" PRIx64,
				one->id);
	}
	return -1;
}

/*
 * Makes the change: by the voters of cluster.conf, then by those that the list names; waits for a cluster that has just
 * changed to settle.
 */
static int change(const struct machine *m, struct change *c, struct err *e)
{
	const struct timespec pause = { .tv_nsec = 500L * 1000 * 1000 };
	time_t end = time(NULL) + SETTLE_SECONDS;
	char **urls = session_candidates(m);
	bool listed = false;

	for (;;) {
		cleanup(reach_free) struct reach r = { 0 };
		enum rpc_refusal refusal;
		int rc;

		if (reach_all(m, urls, CALL_MS, &r) == 0)
			return listed ? -1 : reach_fail(&r, e); /* what the first ones said is in e */
		rc = change_by_any(&r, c, e);
		if (rc >= 0)
			return rc;
		refusal = rpc_refusal(e);
		if (refusal == RPC_TOO_MANY_LEARNERS)
			return blame_learner(&c->list, e);
		if (refusal == RPC_UNHEALTHY && (blame_dead(m, &c->list, e) || time(NULL) >= end))
			return -1;
		if (refusal == RPC_UNHEALTHY)
			(void)nanosleep(&pause, NULL);
		else if (listed || (refusal != RPC_UNKNOWN_OUTCOME && refusal != RPC_ASKED_LEARNER))
			return -1;
		urls = membership_urls(&c->list);
		listed = true;
		if (!urls)
			return -1;
	}
}

/* ---- The changes ----------------------------------------------------------------------------------------------- */

static int is_added(struct change *c, const struct rpc_members *list, struct err *e)
{
	const struct rpc_member *one = membership_by_peer(list, c->peer_url);

	if (!one)
		return 0;
	if (membership_has_started(one)) {
		(void)err_set(e, ERR_CONFIG, "member " NAME_FMT " has the address %s already", NAME_ARGS(one),
			      c->peer_url);
		return err_hint(e, "etcd-cluster status on a running member shows it");
	}
	c->id = one->id;
	return 1;
}

static int call_add(struct grpc *g, struct change *c, struct err *e)
{
	struct rpc_members after;

	if (rpc_member_add(g, c->peer_url, &c->id, &after, e) < 0)
		return -1;
	rpc_members_free(&c->list);
	c->list = after;
	return 0;
}

int membership_add_learner(const struct machine *m, const char *peer_url, uint64_t *id, struct rpc_members *after,
			   struct err *e)
{
	struct change c = { .peer_url = peer_url, .is_done = is_added, .call = call_add };
	int rc = change(m, &c, e);

	if (rc < 0) {
		rpc_members_free(&c.list);
		return -1;
	}
	*id = c.id;
	*after = c.list;
	return rc;
}

static int not_a_member(uint64_t id, struct err *e)
{
	return err_set(e, ERR_CONFIG, "%016" PRIx64 " is no member of the cluster", id);
}

static int is_promoted(struct change *c, const struct rpc_members *list, struct err *e)
{
	const struct rpc_member *one = membership_by_id(list, c->id);

	return one ? !one->is_learner : not_a_member(c->id, e);
}

static int call_promote(struct grpc *g, struct change *c, struct err *e)
{
	return rpc_member_promote(g, c->id, e);
}

static int is_removed(struct change *c, const struct rpc_members *list, struct err *e)
{
	(void)e;
	return !membership_by_id(list, c->id);
}

static int call_remove(struct grpc *g, struct change *c, struct err *e)
{
	return rpc_member_remove(g, c->id, e);
}

static int is_updated(struct change *c, const struct rpc_members *list, struct err *e)
{
	const struct rpc_member *one = membership_by_id(list, c->id);

	if (!one)
		return not_a_member(c->id, e);
	return strv_len(one->peer_urls) == 1 && strcmp(one->peer_urls[0], c->peer_url) == 0;
}

static int call_update(struct grpc *g, struct change *c, struct err *e)
{
	return rpc_member_update(g, c->id, c->peer_url, e);
}

static int change_and_forget(const struct machine *m, struct change *c, struct err *e)
{
	int rc = change(m, c, e);

	rpc_members_free(&c->list);
	return rc;
}

int membership_promote(const struct machine *m, uint64_t id, struct err *e)
{
	struct change c = { .id = id, .is_done = is_promoted, .call = call_promote };

	return change_and_forget(m, &c, e);
}

int membership_remove(const struct machine *m, uint64_t id, struct err *e)
{
	struct change c = { .id = id, .is_done = is_removed, .call = call_remove };

	return change_and_forget(m, &c, e);
}

int membership_update(const struct machine *m, uint64_t id, const char *peer_url, struct err *e)
{
	struct change c = { .id = id, .peer_url = peer_url, .is_done = is_updated, .call = call_update };

	return change_and_forget(m, &c, e);
}
