/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 */
#include "core/member.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/identity.h"
#include "core/session.h"

int member_probe(const struct machine *m, unsigned int timeout_ms, struct member_health *h, struct err *e)
{
	auto_free char *url = session_local(m);
	auto_grpc struct grpc *g = session_open(m, url, 0, timeout_ms, e);
	struct rpc_status status;
	struct err unhealthy = { 0 };

	*h = (struct member_health){ 0 };
	if (!g || rpc_status(g, &status, e) < 0)
		return -1;
	h->answers = true;
	h->cluster_id = status.cluster_id;
	h->member_id = status.member_id;
	memcpy(h->version, status.version, sizeof(h->version));
	h->healthy = rpc_health(g, status.is_learner, &unhealthy) == 0;
	if (!h->healthy)
		log_debug("not healthy yet: %s", unhealthy.msg);
	rpc_status_free(&status);
	return 0;
}

/* --- The survey. */

/* One member being asked, by a thread of its own: a dead one costs its timeout once, not once for each member behind it. */
struct question {
	struct grpc *g; /* NULL: it has no address to ask at, or no session; why says it */
	struct member *member;
	pthread_t thread;
	bool started;
};

static void *ask(void *arg)
{
	struct question *q = arg;
	struct member *member = q->member;

	if (rpc_status(q->g, &member->status, &member->why) < 0)
		return NULL;
	member->answers = true;
	member->id = member->status.member_id;
	member->learner = member->learner || member->status.is_learner;
	member->healthy = rpc_health(q->g, member->learner, &member->why) == 0;
	return NULL;
}

static void ask_all(struct question *questions, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct question *q = &questions[i];

		q->started = q->g && pthread_create(&q->thread, NULL, ask, q) == 0;
		if (q->g && !q->started)
			(void)ask(q); /* no more threads: one after the other, then */
	}
	for (size_t i = 0; i < n; i++) {
		if (questions[i].started)
			(void)pthread_join(questions[i].thread, NULL);
	}
}

/* The first https URL, or NULL. */
static const char *client_url(const struct rpc_member *from)
{
	for (size_t i = 0; from->client_urls && from->client_urls[i]; i++) {
		if (text_starts(from->client_urls[i], "https://"))
			return from->client_urls[i];
	}
	return NULL;
}

static bool has_url(const struct rpc_member *from, const char *url)
{
	for (size_t i = 0; from->client_urls && from->client_urls[i]; i++) {
		if (strcmp(from->client_urls[i], url) == 0)
			return true;
	}
	return false;
}

/* Which of the listed members is this machine: what it says itself, else what it was, else what it is called. */
static size_t find_here(const struct machine *m, const struct rpc_members *list, uint64_t own_id, const char *url)
{
	struct identity id = { 0 };
	struct err ignored = { 0 };

	if (own_id == 0 && identity_read(m, &id, &ignored) > 0)
		own_id = id.member_id;
	identity_free(&id);
	for (size_t i = 0; i < list->n; i++) {
		if (own_id != 0 ? list->list[i].id == own_id : strcmp(list->list[i].name, m->conf.name) == 0)
			return i;
	}
	for (size_t i = 0; own_id == 0 && i < list->n; i++) {
		if (has_url(&list->list[i], url))
			return i;
	}
	return list->n;
}

/* The membership list from one session; quorum first, else what that member believes. */
static int list_from(struct grpc *g, struct rpc_members *list, struct err *e)
{
	struct err first = { 0 };

	if (rpc_member_list(g, true, list, &first) == 0)
		return 0;
	log_debug("%s", first.msg);
	/* Without a connection a second question would only wait again. */
	if (first.rpc == GRPC_UNAUTHENTICATED || rpc_member_list(g, false, list, e) < 0) {
		*e = first;
		return -1;
	}
	return 0;
}

/*
 * The list, from the local member or, when that one has none to give (it is down, or a learner of 3.4), from the members that cluster.conf
 * names.
 */
static int find_list(const struct machine *m, struct grpc *local, unsigned int timeout_ms, struct rpc_members *list,
		     struct err *e)
{
	struct err ignored = { 0 };

	/* A local member that does not even say who it is has set e already. */
	if (e->class == ERR_NONE && list_from(local, list, e) == 0)
		return 0;
	for (size_t i = 0; i < m->conf.n_members; i++) {
		auto_free char *url = config_url("https", m->conf.members[i].address, m->conf.client_port);
		auto_grpc struct grpc *g = NULL;

		if (strcmp(url, grpc_url(local)) == 0)
			continue;
		g = session_open(m, url, 0, timeout_ms, &ignored);
		if (g && list_from(g, list, &ignored) == 0)
			return 0;
	}
	return -1;
}

/* The members of the list, this machine's own among them or in front of them. Takes the list's peer URLs over. */
static void enter_members(const struct machine *m, struct rpc_members *list, size_t here, const char *url,
			  struct member_survey *s)
{
	bool unlisted = here == list->n;

	s->cluster_id = list->cluster_id;
	s->n = list->n + unlisted;
	s->list = xcalloc(s->n, sizeof(*s->list));
	if (unlisted)
		s->list[0] = (struct member){ .name = xstrdup(m->conf.name), .url = xstrdup(url), .here = true };
	for (size_t i = 0; i < list->n; i++) {
		struct rpc_member *from = &list->list[i];
		const char *at = i == here ? url : client_url(from);

		s->list[i + unlisted] = (struct member){ .id = from->id,
							 .name = xstrdup(from->name),
							 .url = xstrdup(at ? at : ""),
							 .peer_urls = from->peer_urls,
							 .here = i == here,
							 .listed = true,
							 .learner = from->is_learner };
		from->peer_urls = NULL;
	}
}

/* The leader that all who answer name, or 0. */
static uint64_t common_leader(const struct member_survey *s)
{
	uint64_t leader = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct member *one = &s->list[i];

		if (!one->answers || one->status.leader == 0)
			continue;
		if (leader != 0 && one->status.leader != leader)
			return 0;
		leader = one->status.leader;
	}
	return leader;
}

static void ask_members(const struct machine *m, struct grpc *local, unsigned int timeout_ms, struct member_survey *s)
{
	struct question *questions = xcalloc(s->n + 1, sizeof(*questions));
	struct grpc *healthy = NULL;
	struct err ignored = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		struct member *one = &s->list[i];

		questions[i].member = one;
		if (one->here)
			questions[i].g = local;
		else if (one->url[0] != '\0')
			questions[i].g = session_open(m, one->url, 0, timeout_ms, &one->why);
		else
			(void)err_set(&one->why, ERR_HEALTH, "it was added but has not started yet");
	}
	ask_all(questions, s->n);
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].healthy && !s->list[i].learner) {
			s->agreed = true;
			healthy = questions[i].g;
		}
		if (s->cluster_id == 0 && s->list[i].answers)
			s->cluster_id = s->list[i].status.cluster_id;
	}
	s->leader = common_leader(s);
	if (healthy && rpc_alarms(healthy, &s->alarms, &s->n_alarms, &ignored) < 0)
		log_debug("%s", ignored.msg);
	for (size_t i = 0; i < s->n; i++) {
		if (questions[i].g != local)
			grpc_close(questions[i].g);
	}
	free(questions);
}

int member_survey(const struct machine *m, unsigned int timeout_ms, struct member_survey *s, struct err *e)
{
	auto_free char *url = session_local(m);
	auto_grpc struct grpc *local = session_open(m, url, 0, timeout_ms, e);
	struct rpc_members list = { 0 };
	struct rpc_status own = { 0 };

	*s = (struct member_survey){ 0 };
	if (!local)
		return -1;
	if (rpc_status(local, &own, &s->why) < 0)
		log_debug("%s", s->why.msg);
	if (find_list(m, local, timeout_ms, &list, &s->why) < 0)
		list = (struct rpc_members){ 0 };
	enter_members(m, &list, find_here(m, &list, own.member_id, url), url, s);
	ask_members(m, local, timeout_ms, s);
	rpc_members_free(&list);
	rpc_status_free(&own);
	return 0;
}

void member_survey_free(struct member_survey *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].name);
		free(s->list[i].url);
		strv_free(s->list[i].peer_urls);
		rpc_status_free(&s->list[i].status);
	}
	free(s->list);
	free(s->alarms);
	*s = (struct member_survey){ 0 };
}

struct member_votes member_count_votes(const struct member_survey *s)
{
	struct member_votes v = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		if (!s->list[i].listed || s->list[i].learner)
			continue;
		v.all++;
		v.healthy += s->list[i].healthy;
	}
	v.quorum = v.all / 2 + 1;
	return v;
}
