/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/membership.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/poll.h"
#include "member/endpoint.h"

/* etcd gives up a proposal after 5 s and two elections at its default settings (server/config, ReqTimeout: 7 s). */
#define CALL_MS 10000U

/*
 * After a member has joined etcd calls the cluster unhealthy until all have been connected for 5 s (server/etcdserver,
 * HealthInterval); seen on 3.4 to 3.7.
 */
#define SETTLE_SECONDS 15

#define NAME_FMT       "%s (" ID_FMT ")"
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
		if (strv_has(list->list[i].peer_urls, peer_url))
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

static int read_list(const struct machine *m, unsigned int timeout_ms, bool linearizable, struct rpc_members *out,
		     struct err *e)
{
	cleanup(poll_free) struct poll r = { 0 };
	struct grpc *g;

	if (poll_all(m, endpoint_all(m), timeout_ms, &r) == 0)
		return poll_fail(&r, e);
	(void)only_learners(e);
	for (size_t k = 0; (g = poll_voter(&r, k)); k++) {
		if (rpc_member_list(g, linearizable, out, e) == 0) {
			err_clear(e);
			return 0;
		}
	}
	return -1;
}

int membership_list(const struct machine *m, struct rpc_members *out, struct err *e)
{
	return read_list(m, CALL_MS, true, out, e);
}

int membership_look(const struct machine *m, unsigned int timeout_ms, struct rpc_members *out, struct err *e)
{
	return read_list(m, timeout_ms, false, out, e);
}

/* ---- One change ------------------------------------------------------------------------------------------------ */

struct change {
	enum { ADD, PROMOTE, REMOVE, UPDATE } kind;
	uint64_t id;
	const char *peer_url;
	struct rpc_members list; /* as last read, or as the answer had it */
};

/* At a member update, etcd before 3.5.31 and 3.6.12 forgets that it is a learner: it would vote without the data. */
static int refuse_learner(const struct rpc_member *one, struct err *e)
{
	(void)err_set(e, ERR_CONFIG, "the address of member " NAME_FMT " cannot be changed while it is a learner",
		      NAME_ARGS(one));
	return err_hint(e, "on another member: etcd-cluster remove " ID_FMT "; then here: etcd-cluster join ADDRESS",
			one->id);
}

/* What the list shows of the change: 1 it is made, 0 not yet, -1 it is impossible. */
static int is_made(struct change *c, struct err *e)
{
	const struct rpc_member *one =
		c->kind == ADD ? membership_by_peer(&c->list, c->peer_url) : membership_by_id(&c->list, c->id);

	if (c->kind == REMOVE)
		return !one;
	if (!one)
		return c->kind == ADD ? 0 : err_set(e, ERR_CONFIG, "the cluster has no member " ID_FMT, c->id);
	if (c->kind == PROMOTE)
		return !one->is_learner;
	if (c->kind == UPDATE && strv_len(one->peer_urls) == 1 && strcmp(one->peer_urls[0], c->peer_url) == 0)
		return 1;
	if (c->kind == UPDATE)
		return one->is_learner ? refuse_learner(one, e) : 0;
	if (membership_has_started(one)) {
		(void)err_set(e, ERR_CONFIG, "%s is already the address of member " NAME_FMT, c->peer_url,
			      NAME_ARGS(one));
		return err_hint(e, "etcd-cluster status on a running member shows it");
	}
	c->id = one->id;
	return 1;
}

static int request(struct grpc *g, struct change *c, struct err *e)
{
	static const char *const methods[] = { [PROMOTE] = "Cluster/MemberPromote",
					       [REMOVE] = "Cluster/MemberRemove",
					       [UPDATE] = "Cluster/MemberUpdate" };
	struct rpc_members after;

	if (c->kind != ADD)
		return rpc_change(g, methods[c->kind], c->id, c->peer_url, e);
	if (rpc_member_add(g, c->peer_url, &c->id, &after, e) < 0)
		return -1;
	rpc_members_free(&c->list);
	c->list = after;
	return 0;
}

static int look_again(struct grpc *g, struct change *c, struct err *e)
{
	struct rpc_members list;

	if (rpc_member_list(g, true, &list, e) < 0)
		return -1;
	rpc_members_free(&c->list);
	c->list = list;
	return is_made(c, e);
}

/* The change through one voter. 1 changed, 0 it was so, -1; *next: another voter may do better. */
static int change_by(struct grpc *g, struct change *c, bool *next, struct err *e)
{
	struct err again = { 0 };
	int rc = look_again(g, c, e);

	*next = rc < 0 && e->class == ERR_HEALTH;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (request(g, c, e) == 0)
		return 1;
	log_debug("%s", e->msg);
	/* It may have taken effect. On a connection that is silent a second question would only wait again. */
	if (e->rpc != GRPC_DEADLINE_EXCEEDED && look_again(g, c, &again) > 0) {
		err_clear(e);
		return 1;
	}
	*next = rpc_refusal(e) == RPC_UNKNOWN_OUTCOME || rpc_refusal(e) == RPC_ASKED_LEARNER;
	return -1;
}

/* One attempt: through the voters among these URLs (taken over). *answered: somebody did. */
static int attempt(const struct machine *m, char **urls, struct change *c, bool *answered, struct err *e)
{
	cleanup(poll_free) struct poll r = { 0 };
	bool tried = false, next = true;
	struct grpc *g;
	int rc;

	*answered = poll_all(m, urls, CALL_MS, &r) > 0;
	if (!*answered)
		return poll_fail(&r, e);
	rc = only_learners(e);
	for (size_t k = 0; next && (g = poll_voter(&r, k)); k++) {
		rc = change_by(g, c, &next, e);
		if (rc >= 0) {
			err_clear(e);
			return rc || tried; /* an earlier voter made it without confirming it */
		}
		tried = true;
	}
	return rc;
}

/* The member that keeps etcd from changing the membership goes into e, which keeps its code. */
static void blame(const struct rpc_member *one, const char *what, const char *otherwise, struct err *e)
{
	const int code = e->rpc;

	(void)err_set(e, ERR_HEALTH, "member " NAME_FMT " %s", NAME_ARGS(one), what);
	(void)err_hint(e, "%s, on a running member: etcd-cluster remove " ID_FMT, otherwise, one->id);
	e->rpc = code;
}

/* False when all voters answer. */
static bool blame_dead(const struct machine *m, const struct rpc_members *list, struct err *e)
{
	cleanup(poll_free) struct poll r = { 0 };

	(void)poll_all(m, membership_urls(list), CALL_MS, &r);
	for (size_t i = 0; i < list->n; i++) {
		const struct rpc_member *one = &list->list[i];
		const struct poll_answer *a = one->client_urls ? poll_at(&r, one->client_urls[0]) : NULL;
		auto_free char *what = NULL;

		if (one->is_learner || (a && a->answers))
			continue;
		what = xasprintf("does not answer, and etcd does not change the membership while a member is down (%s)",
				 a ? a->why.msg : "it has never started");
		blame(one, what, "start etcd there; or, if it is lost for ever", e);
		return true;
	}
	return false;
}

static void blame_learner(const struct rpc_members *list, struct err *e)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->list[i].is_learner)
			return blame(&list->list[i], "is being added; members are added one at a time",
				     "wait for it; or, to give it up", e);
}

/*
 * Makes the change: by the voters that this machine knows, then by those that the list names. Waits for a cluster that
 * has just changed to settle. Frees the list unless it is ADD that succeeded.
 */
static int change(const struct machine *m, struct change *c, struct err *e)
{
	const long long end = clock_ms() + SETTLE_SECONDS * 1000LL;
	char **urls = endpoint_all(m);
	bool answered, listed = false;
	struct err before = { 0 };
	int rc;

	while ((rc = attempt(m, urls, c, &answered, e)) < 0) {
		const enum rpc_refusal refusal = rpc_refusal(e);

		if (!answered) {
			if (listed)
				*e = before; /* from the first voters */
			break;
		}
		if (refusal == RPC_TOO_MANY_LEARNERS)
			blame_learner(&c->list, e);
		if (refusal == RPC_UNHEALTHY && !blame_dead(m, &c->list, e) && clock_ms() < end)
			clock_sleep(500);
		else if (listed || (refusal != RPC_UNKNOWN_OUTCOME && refusal != RPC_ASKED_LEARNER))
			break;
		urls = membership_urls(&c->list);
		if (!urls)
			break;
		before = *e;
		listed = true;
	}
	if (rc < 0 || c->kind != ADD)
		rpc_members_free(&c->list);
	return rc;
}

int membership_add_learner(const struct machine *m, const char *peer_url, uint64_t *id, struct rpc_members *after,
			   struct err *e)
{
	struct change c = { .kind = ADD, .peer_url = peer_url };
	int rc = change(m, &c, e);

	if (rc >= 0) {
		*id = c.id;
		*after = c.list;
	}
	return rc;
}

int membership_promote(const struct machine *m, uint64_t id, struct err *e)
{
	return change(m, &(struct change){ .kind = PROMOTE, .id = id }, e);
}

int membership_remove(const struct machine *m, uint64_t id, struct err *e)
{
	return change(m, &(struct change){ .kind = REMOVE, .id = id }, e);
}

int membership_update(const struct machine *m, uint64_t id, const char *peer_url, struct err *e)
{
	return change(m, &(struct change){ .kind = UPDATE, .id = id, .peer_url = peer_url }, e);
}
