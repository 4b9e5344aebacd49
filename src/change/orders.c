/* SPDX-License-Identifier: Apache-2.0 */
#include "change/orders.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/gate.h"
#include "cluster/poll.h"
#include "member/endpoint.h"

/* The others may restart something else just now, and a member that has just come back needs a moment. */
#define GATE_WAIT_S 120

/* A minute until the machine looks, and then what a restart takes at most (change/restart.c), the lock included. */
#define VALID_S 1200
#define ASK_MS	10000
#define LOOK_MS 500

struct ordering {
	const struct machine *m;
	const struct order *order;
	uint64_t cluster;
	uint64_t *done;
	size_t n_done;
};

static void ordering_free(struct ordering *o)
{
	free(o->done);
}

static bool is_done(const struct ordering *o, uint64_t id)
{
	for (size_t i = 0; i < o->n_done; i++)
		if (o->done[i] == id)
			return true;
	return false;
}

/* The leader last: each move of the leadership costs the clients a moment. NULL: all are done. */
static const struct member *next(const struct ordering *o, const struct member_survey *s)
{
	const struct member *leader = NULL;

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (!one->listed || is_done(o, one->id))
			continue;
		if (one->id != s->leader)
			return one;
		leader = one;
	}
	return leader;
}

/* A session with a voter of the cluster that knows a leader; it stays r's. */
static struct grpc *session(const struct ordering *o, struct poll *r, struct err *e)
{
	if (poll_all(o->m, endpoint_all(o->m), ASK_MS, r) == 0) {
		(void)poll_fail(r, e);
		return NULL;
	}
	for (const struct poll_answer *one = r->list; one < r->list + r->n; one++)
		if (one->answers && !one->status.is_learner && one->status.leader != 0 &&
		    one->status.cluster_id == o->cluster)
			return one->g;
	return err_null(e, ERR_HEALTH, "no voting member of the cluster knows a leader");
}

/* --- A request. */

/* Whether another member waits for an answer to this one. Not verified: a forged one costs only time. */
static bool is_busy(const char *there, const struct request *r)
{
	auto_strv char **words = text_split(there, BLANKS);
	uint64_t from, expires;

	return strv_len(words) > 6 && text_parse_id(words[3], &from) && from != r->from &&
	       text_parse_u64(words[6], 1, INT64_MAX / 2, &expires) && (time_t)expires > time(NULL) &&
	       (time_t)expires <= time(NULL) + REQUEST_SECONDS;
}

/* 1 it is there; 0 another member has asked the same machine, and has no answer yet; -1. */
static int put(const struct ordering *o, const struct request *r, int64_t *revision, struct err *e)
{
	auto_free char *line = request_sign(o->m, r, e), *key = request_key(r->to), *there = NULL;
	cleanup(poll_free) struct poll all = { 0 };
	struct grpc *g;
	int rc;

	if (!line)
		return -1;
	g = session(o, &all, e);
	if (!g || rpc_get(g, key, true, &there, revision, e) < 0)
		return -1;
	if (there && is_busy(there, r))
		return 0;
	rc = rpc_put_if(g, key, *revision, line, e);
	if (rc > 0)
		rc = rpc_get(g, key, true, &there, revision, e);
	return rc < 0 ? -1 : rc > 0;
}

/* 1 it was begun or is over, 0 it is gone, -1: nobody says. */
static int withdraw(const struct ordering *o, const struct request *r, int64_t revision)
{
	auto_free char *key = request_key(r->to);
	cleanup(poll_free) struct poll all = { 0 };
	struct err unasked = { 0 };
	struct grpc *g = session(o, &all, &unasked);

	return g ? rpc_delete_if(g, key, revision, &unasked) : -1;
}

/* 1 the answer is there: done, 0 not yet, -1: it failed. A cluster of two has no quorum while one restarts. */
static int look(const struct ordering *o, const struct request *r, const char *name, struct err *e)
{
	auto_free char *key = request_answer_key(r->to), *text = NULL;
	cleanup(poll_free) struct poll all = { 0 };
	auto_strv char **words = NULL;
	struct err silent = { 0 };
	int64_t revision;
	struct grpc *g = session(o, &all, &silent);

	if (!g || rpc_get(g, key, true, &text, &revision, &silent) <= 0)
		return 0;
	words = text_split(text, BLANKS);
	if (strv_len(words) < 2 || strcmp(words[0], r->id) != 0)
		return 0;
	if (strcmp(words[1], request_state_name(REQUEST_DONE)) == 0)
		return 1;
	(void)err_set(e, ERR_HEALTH, "%s could not %s etcd: %s", name, r->what,
		      strlen(text) > DISK_ID_HEX + strlen(words[1]) ? text + DISK_ID_HEX + strlen(words[1]) + 1 : "");
	return err_hint(e, "on %s: etcd-cluster status; then run this again", name);
}

static int ask(const struct ordering *o, const struct member *to, const struct member_survey *s, struct err *e)
{
	const long long begin = clock_ms(), end = begin + VALID_S * 1000LL;
	auto_request struct request r = { .cluster = o->cluster,
					  .to = to->id,
					  .expires = time(NULL) + VALID_S,
					  .what = xstrdup(o->order->what),
					  .argument = o->order->argument ? xstrdup(o->order->argument) : NULL,
					  .allow_outage = o->order->allow_outage };
	const char *name = to->name;
	int64_t revision;
	int rc;

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (!one->here)
			continue;
		r.from = one->id;
		free(r.name);
		r.name = xstrdup(one->name);
	}
	disk_new_id(r.id);
	while ((rc = put(o, &r, &revision, e)) == 0 && clock_ms() < end)
		clock_sleep(LOOK_MS);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(e, ERR_HEALTH, "another member has asked %s for something", name);
	log_info("%s is asked to %s etcd; it looks every minute", name, r.what);
	while ((rc = look(o, &r, name, e)) == 0 && clock_ms() < end)
		clock_sleep(LOOK_MS);
	if (rc > 0)
		log_info("%s has done it", name);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	(void)withdraw(o, &r, revision);
	(void)err_set(e, ERR_HEALTH, "%s has not answered for %d minutes", name, VALID_S / 60);
	return err_hint(e,
			"on %s: systemctl status etcd-cluster-request.timer, and journalctl -u etcd-cluster-request, "
			"which says why a request is refused",
			name);
}

static int do_own(const struct ordering *o, struct err *e)
{
	auto_close int lock = machine_lock(o->m, e);

	return lock < 0 ? -1 : o->order->own(o->m, o->order, e);
}

int orders_run(const struct machine_options *where, const struct order *order, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct ordering o cleanup(ordering_free) = { .m = &m, .order = order };
	cleanup(member_survey_free) struct member_survey s = { 0 };
	const struct member *one;

	if (machine_open(&m, where, e) < 0)
		return -1;
	for (;;) {
		if (gate_wait(&m, order->allow_outage, GATE_WAIT_S, &s, e) < 0)
			return -1;
		if (o.cluster != 0 && o.cluster != s.cluster_id)
			return err_set(e, ERR_CONFIG, "the members are of another cluster now");
		o.cluster = s.cluster_id;
		one = next(&o, &s);
		if (!one)
			return 0;
		o.done = xrealloc(o.done, o.n_done + 1, sizeof(*o.done));
		o.done[o.n_done++] = one->id;
		if (m.dry_run)
			log_info("would %s etcd on %s%s", order->what, one->name, one->here ? ", this machine" : "");
		else if ((one->here ? do_own(&o, e) : ask(&o, one, &s, e)) < 0)
			return -1;
	}
}
