/* SPDX-License-Identifier: Apache-2.0
 *
 * member_survey(): one thread for each member that is asked, and whoever comes to be known is asked at once.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/handshake.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/machine.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/health.h"

/* More than any cluster has members: what strangers list beyond that is not asked. */
#define MAX_QUESTIONS 64

#define LOOPBACK "127.0.0.1"

struct inquiry;

/*
 * One member being asked, by a thread of its own. Its fields are the thread's until done; list and has_list are behind
 * the lock.
 */
struct question {
	struct inquiry *in;
	char *url;
	struct grpc *g; /* NULL: no session; why says it */
	pthread_t thread;
	bool threaded, done;
	bool answers, healthy;
	struct rpc_status status;
	struct rpc_members list; /* as this member believes, or */
	bool has_list, agreed;	 /* agreed: it reached a quorum just before it gave the list */
	time_t cert_begin, cert_end;
	bool has_clock;
	long long ahead_ms;
	struct err why;
};

struct inquiry {
	const struct machine *m;
	unsigned int timeout_ms;
	long long shift_ms; /* of the clock of this run against the system's: 0 but in tests */
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct question *asked[MAX_QUESTIONS]; /* the first one is the local member */
	size_t n;
	long long begin_ms;
};

/* --- Asking. */

/* What it shows before a word is said: its certificate and its clock. Whoever has answered has a moment for that. */
static void look_at(struct question *q)
{
	const struct machine *m = q->in->m;
	auto_free char *ca = machine_pki_path(m, "ca", "crt");
	auto_free char *cert = machine_pki_path(m, "etcdctl-etcd-client", "crt");
	auto_free char *key = machine_pki_path(m, "etcdctl-etcd-client", "key"), *host = NULL;
	struct handshake h = { .ca = ca, .cert = cert, .key = key, .timeout_ms = q->in->timeout_ms, .ask = "/version" };
	struct handshake_seen seen;
	struct err ignored = { 0 };

	if (!endpoint_split(q->url, &host, &h.port))
		return;
	h.address = host;
	if (handshake_look(&h, &seen, &ignored) == 1) {
		q->cert_begin = seen.leaf.not_before;
		q->cert_end = seen.leaf.not_after;
		q->has_clock = seen.has_clock;
		q->ahead_ms = seen.ahead_ms - q->in->shift_ms;
		handshake_seen_free(&seen);
	}
}

static void take_list(struct question *q, bool agreed)
{
	struct rpc_members list = { 0 };
	struct err ignored = { 0 };

	/* Local answers do: one that has just reached a quorum knows all that was agreed on before. */
	if (rpc_member_list(q->g, false, &list, &ignored) < 0) {
		log_debug("%s", ignored.msg);
		return;
	}
	(void)pthread_mutex_lock(&q->in->lock);
	rpc_members_free(&q->list);
	q->list = list;
	q->has_list = true;
	q->agreed = agreed;
	(void)pthread_cond_signal(&q->in->news);
	(void)pthread_mutex_unlock(&q->in->lock);
}

static void ask(struct question *q)
{
	grpc_until(q->g, q->in->timeout_ms);
	if (rpc_status(q->g, &q->status, &q->why) < 0) {
		/* It is there, but one side does not take the other's certificate: its dates may tell why. */
		if (q->why.rpc == GRPC_UNAUTHENTICATED)
			look_at(q);
		return;
	}
	q->answers = true;
	/* A learner gives no list and reads locally only (etcd, isRPCSupportedForLearner). */
	if (!q->status.is_learner)
		take_list(q, false);
	look_at(q);
	q->healthy = rpc_health(q->g, q->status.is_learner, &q->why) == 0;
	if (q->healthy && !q->status.is_learner)
		take_list(q, true);
}

static void *ask_thread(void *arg)
{
	struct question *q = arg;

	ask(q);
	(void)pthread_mutex_lock(&q->in->lock);
	q->done = true;
	(void)pthread_cond_signal(&q->in->news);
	(void)pthread_mutex_unlock(&q->in->lock);
	return NULL;
}

static bool is_asked(const struct inquiry *in, const char *url)
{
	for (size_t i = 0; i < in->n; i++)
		if (strcmp(in->asked[i]->url, url) == 0)
			return true;
	return in->n == MAX_QUESTIONS;
}

/* Begins to ask there, unless that is done already. Called by the one thread that opens and closes sessions. */
static void open_question(struct inquiry *in, const char *url)
{
	struct question *q;

	if (is_asked(in, url))
		return;
	q = xcalloc(1, sizeof(*q));
	q->in = in;
	q->url = xstrdup(url);
	in->asked[in->n++] = q;
	q->g = endpoint_open(in->m, url, 0, in->timeout_ms, &q->why);
	q->threaded = q->g && pthread_create(&q->thread, NULL, ask_thread, q) == 0;
	if (q->g && !q->threaded)
		ask(q); /* no more threads: one after the other, then */
	if (!q->threaded)
		q->done = true;
}

/* The first https URL, or "". */
static const char *client_url(const struct rpc_member *from)
{
	for (size_t i = 0; from->client_urls && from->client_urls[i]; i++)
		if (text_starts(from->client_urls[i], "https://"))
			return from->client_urls[i];
	return "";
}

/*
 * Where else to ask by now: the members that were named; and on loopback, where etcd listens, too, when nobody is at
 * the own address any more, which may have changed. (Not after a timeout: that would be a second one.) With the lock
 * held. NULL: nowhere.
 */
static char **unasked(const struct inquiry *in)
{
	const struct question *own = in->asked[0];
	auto_free char *loopback = config_url(LOOPBACK, in->m->conf.client_port);
	char **more = NULL;

	if (own->done && !own->answers && !is_asked(in, loopback) &&
	    clock_ms() - in->begin_ms < (long long)in->timeout_ms / 2)
		strv_add(&more, loopback);
	for (size_t i = 0; i < in->n; i++) {
		const struct rpc_members *list = &in->asked[i]->list;

		for (size_t k = 0; k < list->n; k++) {
			const char *url = client_url(&list->list[k]);

			if (url[0] && !is_asked(in, url))
				strv_add(&more, url);
		}
	}
	return more;
}

static bool all_done(const struct inquiry *in)
{
	for (size_t i = 0; i < in->n; i++)
		if (!in->asked[i]->done)
			return false;
	return true;
}

static void ask_all(struct inquiry *in)
{
	bool over = false;

	while (!over) {
		auto_strv char **more = NULL;

		(void)pthread_mutex_lock(&in->lock);
		for (more = unasked(in); !more && !all_done(in); more = unasked(in))
			(void)pthread_cond_wait(&in->news, &in->lock);
		(void)pthread_mutex_unlock(&in->lock);
		for (size_t i = 0; more && more[i]; i++)
			open_question(in, more[i]);
		over = !more;
	}
	for (size_t i = 0; i < in->n; i++)
		if (in->asked[i]->threaded)
			(void)pthread_join(in->asked[i]->thread, NULL);
}

/* --- Making sense of the answers. */

/* The list to go by, or NULL. home: the cluster that this machine belongs to, 0 when that is not known. */
static struct question *best_list(const struct inquiry *in, uint64_t home)
{
	struct question *best = NULL;
	int best_score = -1;

	for (size_t i = 0; i < in->n; i++) {
		struct question *q = in->asked[i];
		int score = (home == 0 || q->list.cluster_id == home) * 4 + q->agreed * 2 + (i == 0);

		if (q->has_list && score > best_score) {
			best = q;
			best_score = score;
		}
	}
	return best;
}

/* Who answers as this member of this cluster, wherever that is; or NULL. */
static struct question *answer_of(const struct inquiry *in, uint64_t cluster_id, uint64_t id)
{
	for (size_t i = 0; id != 0 && i < in->n; i++) {
		struct question *q = in->asked[i];

		if (q->answers && q->status.member_id == id && (cluster_id == 0 || q->status.cluster_id == cluster_id))
			return q;
	}
	return NULL;
}

static struct question *question_at(const struct inquiry *in, const char *url)
{
	for (size_t i = 0; i < in->n; i++)
		if (strcmp(in->asked[i]->url, url) == 0)
			return in->asked[i];
	return NULL;
}

/*
 * Which of the listed members is this machine: what it says or was, else the one at its address, else one of its name
 * that answers nowhere. list->n: none.
 */
static size_t find_here(const struct inquiry *in, const struct rpc_members *list, uint64_t own_id)
{
	auto_free char *peer = config_url(in->m->conf.address, in->m->conf.peer_port);

	for (size_t i = 0; i < list->n; i++) {
		const struct rpc_member *one = &list->list[i];

		if (own_id != 0 ? one->id == own_id
				: strv_has(one->client_urls, in->asked[0]->url) || strv_has(one->peer_urls, peer))
			return i;
	}
	for (size_t i = 0; own_id == 0 && i < list->n; i++) {
		if (strcmp(list->list[i].name, in->m->conf.name) == 0 &&
		    !answer_of(in, list->cluster_id, list->list[i].id))
			return i;
	}
	return list->n;
}

/* What was learnt by a question goes to the member; q NULL: it could not be asked. */
static void enter_answer(struct member *one, struct question *q)
{
	if (!q) {
		(void)err_set(&one->why, ERR_HEALTH, "it was added but has not started yet");
		return;
	}
	if (q->answers && one->listed && q->status.member_id != one->id) {
		(void)err_set(&one->why, ERR_HEALTH, "at %s the member " ID_FMT " of the cluster " ID_FMT " answers",
			      q->url, q->status.member_id, q->status.cluster_id);
		return;
	}
	one->answers = q->answers;
	one->healthy = q->healthy;
	one->why = q->why;
	one->cert_begin = q->cert_begin;
	one->cert_end = q->cert_end;
	one->has_clock = q->has_clock;
	one->ahead_ms = q->ahead_ms;
	one->status = q->status;
	q->status.errors = NULL;
	if (one->answers) {
		one->id = one->status.member_id;
		one->learner = one->learner || one->status.is_learner;
	}
}

/* The members of the list, this machine's own among them or in front of them. Takes the list's peer URLs over. */
static void enter_members(const struct inquiry *in, struct rpc_members *list, uint64_t own_id, struct member_survey *s)
{
	size_t here = find_here(in, list, own_id);
	struct question *own = answer_of(in, 0, own_id);
	bool unlisted = here == list->n;

	if (!own)
		own = in->asked[0];
	s->cluster_id = list->cluster_id;
	s->n = list->n + unlisted;
	s->list = xcalloc(s->n, sizeof(*s->list));
	if (unlisted) {
		s->list[0] = (struct member){
			.id = own_id, .name = xstrdup(in->m->conf.name), .url = xstrdup(own->url), .here = true
		};
		enter_answer(&s->list[0], own);
	}
	for (size_t i = 0; i < list->n; i++) {
		struct rpc_member *from = &list->list[i];
		struct question *q = i == here ? own : answer_of(in, list->cluster_id, from->id);
		const char *at = i == here ? own->url : client_url(from);
		struct member *one = &s->list[i + unlisted];

		*one = (struct member){ .id = from->id,
					.name = xstrdup(from->name),
					.url = xstrdup(at),
					.peer_urls = from->peer_urls,
					.here = i == here,
					.listed = true,
					.learner = from->is_learner };
		from->peer_urls = NULL;
		enter_answer(one, q ? q : question_at(in, at));
	}
}

/* The leader that all who answer name, or 0. */
static uint64_t common_leader(const struct member_survey *s)
{
	uint64_t leader = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct rpc_status *one = &s->list[i].status;

		if (!s->list[i].answers || one->leader == 0 || one->cluster_id != s->cluster_id)
			continue;
		if (leader != 0 && one->leader != leader)
			return 0;
		leader = one->leader;
	}
	return leader;
}

static void conclude(const struct inquiry *in, struct member_survey *s)
{
	const struct question *voter = NULL;
	struct err ignored = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		const struct member *one = &s->list[i];

		if (s->cluster_id == 0 && one->answers)
			s->cluster_id = one->status.cluster_id;
		if (one->healthy && !one->learner && one->status.cluster_id == s->cluster_id)
			voter = answer_of(in, s->cluster_id, one->id);
	}
	s->agreed = voter != NULL;
	s->leader = common_leader(s);
	if (!voter)
		return;
	grpc_until(voter->g, in->timeout_ms);
	if (rpc_alarms(voter->g, &s->alarms, &s->n_alarms, &ignored) < 0)
		log_debug("%s", ignored.msg);
}

/* No list: at least the members that cluster.conf knows, and how they did not answer. */
static void enter_expected(const struct inquiry *in, struct member_survey *s)
{
	const struct config *c = &in->m->conf;

	for (size_t i = 0; i < c->n_members; i++) {
		auto_free char *url = config_url(c->members[i].address, c->client_port);
		struct question *q = question_at(in, url);

		if (strcmp(c->members[i].name, c->name) == 0 || !q || q == in->asked[0])
			continue;
		s->list = xrealloc(s->list, s->n + 1, sizeof(*s->list));
		s->list[s->n] = (struct member){ .name = xstrdup(c->members[i].name), .url = xstrdup(url) };
		enter_answer(&s->list[s->n++], q);
	}
}

static void read_home(const struct machine *m, struct member_survey *s)
{
	cleanup(identity_free) struct identity id = { 0 };
	struct err ignored = { 0 };

	if (datadir_whose(m, &id, &ignored) < 0)
		log_debug("%s", ignored.msg); /* the check of the data reports it */
	s->home_cluster = id.cluster_id;
	s->home_member = id.member_id;
}

static void understand(const struct inquiry *in, struct member_survey *s)
{
	const struct question *own = in->asked[0];
	struct rpc_members none = { 0 };
	struct question *told;

	read_home(in->m, s);
	told = best_list(in, own->answers ? own->status.cluster_id : s->home_cluster);
	s->why = own->why;
	enter_members(in, told ? &told->list : &none, own->answers ? own->status.member_id : s->home_member, s);
	if (!told)
		enter_expected(in, s);
	conclude(in, s);
}

int member_survey(const struct machine *m, unsigned int timeout_ms, struct member_survey *s, struct err *e)
{
	auto_strv char **urls = endpoint_all(m);
	struct inquiry in = { .m = m,
			      .timeout_ms = timeout_ms,
			      .shift_ms = (long long)(m->now - time(NULL)) * 1000,
			      .lock = PTHREAD_MUTEX_INITIALIZER,
			      .news = PTHREAD_COND_INITIALIZER,
			      .begin_ms = clock_ms() };
	int rc = 0;

	*s = (struct member_survey){ 0 };
	open_question(&in, urls[0]);
	/* What one session cannot be opened for (no certificate), none can. */
	if (!in.asked[0]->g) {
		*e = in.asked[0]->why;
		rc = -1;
	}
	for (size_t i = 1; urls[i] && rc == 0; i++)
		open_question(&in, urls[i]);
	if (rc == 0) {
		ask_all(&in);
		understand(&in, s);
	}
	for (size_t i = 0; i < in.n; i++) {
		struct question *q = in.asked[i];

		grpc_close(q->g);
		rpc_members_free(&q->list);
		rpc_status_free(&q->status);
		free(q->url);
		free(q);
	}
	return rc;
}
