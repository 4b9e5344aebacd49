/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/health.h"

#include <string.h>

#include "adapter/handshake.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/poll.h"
#include "member/datadir.h"
#include "member/endpoint.h"

int member_probe(const struct machine *m, unsigned int timeout_ms, struct member_health *h, struct err *e)
{
	auto_free char *url = endpoint_own(m);
	auto_grpc struct grpc *g = endpoint_open(m, url, 0, timeout_ms, e);
	struct rpc_status status;
	struct err unhealthy = { 0 };

	*h = (struct member_health){ 0 };
	if (!g || rpc_status(g, &status, e) < 0)
		return -1;
	h->cluster_id = status.cluster_id;
	h->member_id = status.member_id;
	h->healthy = rpc_health(g, status.is_learner, &unhealthy) == 0;
	if (!h->healthy)
		log_debug("not healthy yet: %s", unhealthy.msg);
	return 0;
}

void member_survey_free(struct member_survey *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].name);
		free(s->list[i].url);
		strv_free(s->list[i].peer_urls);
	}
	free(s->list);
	free(s->alarms);
	free(s->elsewhere);
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

/* --- The survey: one member, in its thread. */

/* Its certificate and its clock. Only members that have answered are worth the time. */
static void look_at_tls(struct poll_answer *a)
{
	const struct machine *m = a->poll->m;
	auto_free char *ca = machine_pki_path(m, "ca", "crt"), *host = NULL;
	auto_free char *cert = machine_pki_path(m, ENDPOINT_PAIR, "crt"),
		       *key = machine_pki_path(m, ENDPOINT_PAIR, "key");
	struct handshake h = { .ca = ca, .cert = cert, .key = key, .timeout_ms = a->poll->call_ms, .clock = true };
	struct handshake_seen seen;
	struct err ignored = { 0 };

	if (!endpoint_split(a->url, &host, &h.port))
		return;
	h.address = host;
	if (handshake_look(&h, &seen, &ignored) != 1)
		return;
	a->cert_begin = seen.leaf.not_before;
	a->cert_end = seen.leaf.not_after;
	a->has_clock = seen.has_clock;
	a->ahead_ms = seen.ahead_ms;
	handshake_seen_free(&seen);
}

static void read_list(struct poll_answer *a, bool agreed)
{
	struct poll *r = a->poll;
	struct rpc_members list = { 0 };
	struct err ignored = { 0 };

	/* A local answer will do: a member that has just reached a quorum knows all that was agreed on before. */
	if (rpc_member_list(a->g, false, &list, &ignored) < 0) {
		log_debug("%s", ignored.msg);
		return;
	}
	(void)pthread_mutex_lock(&r->lock);
	rpc_members_free(&a->list);
	a->list = list;
	a->agreed = agreed;
	(void)pthread_cond_signal(&r->changed);
	(void)pthread_mutex_unlock(&r->lock);
}

static void ask(struct poll_answer *a)
{
	grpc_until(a->g, a->poll->call_ms);
	if (rpc_status(a->g, &a->status, &a->why) < 0) {
		/* It is there, but one side does not take the other's certificate: its dates may tell why. */
		if (a->why.rpc == GRPC_UNAUTHENTICATED)
			look_at_tls(a);
		return;
	}
	a->answers = true;
	/* A learner gives no list and reads locally only (etcd, isRPCSupportedForLearner). */
	if (!a->status.is_learner)
		read_list(a, false);
	look_at_tls(a);
	a->healthy = rpc_health(a->g, a->status.is_learner, &a->why) == 0;
	if (a->healthy && !a->status.is_learner)
		read_list(a, true);
}

/* --- The survey: which members to ask. */

/* The first https URL, or "". */
static const char *client_url(const struct rpc_member *from)
{
	for (size_t i = 0; from->client_urls && from->client_urls[i]; i++)
		if (text_starts(from->client_urls[i], "https://"))
			return from->client_urls[i];
	return "";
}

/* The members that the lists name. And loopback, where etcd listens, too, when the own address may have changed. */
static bool add_more(struct poll *r)
{
	const struct poll_answer *own = &r->list[0];
	const size_t before = r->n;

	/* Not after a timeout: that would be a second one. */
	if (own->done && !own->answers && clock_ms() - r->begin_ms < (long long)r->call_ms / 2) {
		auto_free char *loopback = config_url("127.0.0.1", r->m->conf.client_port);

		(void)poll_add(r, loopback);
	}
	for (size_t i = 0; i < before; i++) {
		const struct rpc_members *list = &r->list[i].list;

		for (size_t k = 0; k < list->n; k++)
			if (client_url(&list->list[k])[0])
				(void)poll_add(r, client_url(&list->list[k]));
	}
	return r->n > before;
}

/* --- The survey: what the answers mean together. */

/* The answer whose list counts, or NULL. home: the cluster that this machine belongs to, 0 when that is not known. */
static struct poll_answer *best_list(const struct poll *r, uint64_t home)
{
	struct poll_answer *best = NULL;
	int best_score = -1;

	for (size_t i = 0; i < r->n; i++) {
		struct poll_answer *a = &r->list[i];
		int score = (home == 0 || a->list.cluster_id == home) * 4 + a->agreed * 2 + (i == 0);

		if (a->list.n > 0 && score > best_score) {
			best = a;
			best_score = score;
		}
	}
	return best;
}

/* The answer of this member of this cluster (0: of any), at whatever URL; or NULL. */
static struct poll_answer *answer_of(const struct poll *r, uint64_t cluster_id, uint64_t id)
{
	for (size_t i = 0; id != 0 && i < r->n; i++) {
		struct poll_answer *a = &r->list[i];

		if (a->answers && a->status.member_id == id && (cluster_id == 0 || a->status.cluster_id == cluster_id))
			return a;
	}
	return NULL;
}

/*
 * Which of the listed members is this machine: the one with its ID. When that is not known: the one at its address,
 * else one of its name that does not answer. list->n: none.
 */
static size_t find_here(const struct poll *r, const struct rpc_members *list, uint64_t own_id)
{
	const struct config *c = &r->m->conf;
	auto_free char *peer = config_url(c->address, c->peer_port);

	for (size_t i = 0; i < list->n; i++) {
		const struct rpc_member *one = &list->list[i];

		if (own_id != 0 ? one->id == own_id
				: strv_has(one->client_urls, r->list[0].url) || strv_has(one->peer_urls, peer))
			return i;
	}
	for (size_t i = 0; own_id == 0 && i < list->n; i++)
		if (strcmp(list->list[i].name, c->name) == 0 && !answer_of(r, list->cluster_id, list->list[i].id))
			return i;
	return list->n;
}

/*
 * Appends a member with what its answer shows. cluster 0: it may be of any. id 0: not known. a NULL: not asked. A
 * member that was recovered alone can have its old ID in another cluster (flow/recover.h).
 */
static struct member *add_member(struct member_survey *s, uint64_t cluster, uint64_t id, const char *name,
				 const char *url, struct poll_answer *a)
{
	struct member one = { .id = id, .name = xstrdup(name), .url = xstrdup(url) };
	auto_free char *host = NULL;
	uint16_t port;

	if (!a) {
		(void)err_set(&one.why, ERR_HEALTH, "it was added but has not started yet");
	} else if (id != 0 && a->answers &&
		   (a->status.member_id != id || (cluster != 0 && a->status.cluster_id != cluster))) {
		(void)err_set(&one.why, ERR_HEALTH, "member " ID_FMT " of cluster " ID_FMT " answers at %s",
			      a->status.member_id, a->status.cluster_id, a->url);
		if (cluster != 0 && a->status.cluster_id != cluster && endpoint_split(a->url, &host, &port))
			(void)err_hint(&one.why,
				       "to keep this cluster: etcd-cluster remove %s; to give it up for the other one: "
				       "systemctl stop etcd; etcd-cluster join %s --abandon " ID_FMT,
				       name, host, cluster);
	} else {
		one.answers = a->answers;
		one.healthy = a->healthy;
		one.why = a->why;
		one.cert_begin = a->cert_begin;
		one.cert_end = a->cert_end;
		one.has_clock = a->has_clock;
		one.ahead_ms = a->ahead_ms;
		one.status = a->status;
		one.learner = a->status.is_learner;
	}
	if (one.answers)
		one.id = one.status.member_id;
	s->list = xrealloc(s->list, s->n + 1, sizeof(*s->list));
	s->list[s->n] = one;
	return &s->list[s->n++];
}

/* The members of the list, this machine's own among them or in front of them. Takes the list's peer URLs. */
static void add_listed(struct member_survey *s, const struct poll *r, struct rpc_members *list, uint64_t own_id)
{
	const size_t here = find_here(r, list, own_id);
	struct poll_answer *own = answer_of(r, 0, own_id);

	if (!own)
		own = &r->list[0];
	else if (r->m->at.root[0] == '\0' && !endpoint_is_here(own->url))
		s->elsewhere = xstrdup(own->url);
	if (here == list->n)
		add_member(s, 0, own_id, r->m->conf.name, own->url, own)->here = true;
	for (size_t i = 0; i < list->n; i++) {
		struct rpc_member *from = &list->list[i];
		struct poll_answer *a = i == here ? own : answer_of(r, list->cluster_id, from->id);
		const char *url = i == here ? own->url : client_url(from);
		struct member *one = add_member(s, i == here ? 0 : list->cluster_id, from->id, from->name, url,
						a ? a : poll_at(r, url));

		one->peer_urls = steal(&from->peer_urls);
		one->here = i == here;
		one->listed = true;
		one->learner |= from->is_learner;
	}
}

/* Without a list: the members that cluster.conf names. */
static void add_configured(struct member_survey *s, const struct poll *r)
{
	const struct config *c = &r->m->conf;

	for (size_t i = 0; i < c->n_members; i++) {
		auto_free char *url = config_url(c->members[i].address, c->client_port);
		struct poll_answer *a = poll_at(r, url);

		if (strcmp(c->members[i].name, c->name) != 0 && a && a != &r->list[0])
			(void)add_member(s, 0, 0, c->members[i].name, url, a);
	}
}

/* The cluster, its leader and its alarms. */
static void conclude(struct member_survey *s, const struct poll *r)
{
	const struct poll_answer *voter = NULL;
	struct err ignored = { 0 };
	bool differ = false;

	for (size_t i = 0; i < s->n; i++) {
		const struct member *one = &s->list[i];

		if (one->answers && s->cluster_id == 0)
			s->cluster_id = one->status.cluster_id;
		if (!one->answers || one->status.cluster_id != s->cluster_id)
			continue;
		if (one->healthy && !one->learner)
			voter = answer_of(r, s->cluster_id, one->id);
		if (one->status.leader == 0)
			continue;
		differ |= s->leader != 0 && s->leader != one->status.leader;
		s->leader = one->status.leader;
	}
	if (differ)
		s->leader = 0;
	s->agreed = voter != NULL;
	if (!voter)
		return;
	grpc_until(voter->g, r->call_ms);
	if (rpc_alarms(voter->g, &s->alarms, &s->n_alarms, &ignored) < 0)
		log_debug("%s", ignored.msg);
}

static void combine(struct member_survey *s, const struct poll *r)
{
	const struct poll_answer *own = &r->list[0];
	cleanup(identity_free) struct identity id = { 0 };
	struct rpc_members none = { 0 };
	struct poll_answer *best;
	struct err ignored = { 0 };

	if (datadir_whose(r->m, &id, &ignored) < 0)
		log_debug("%s", ignored.msg); /* the check of the data reports it */
	s->home_cluster = id.cluster_id;
	s->home_member = id.member_id;
	best = best_list(r, own->answers ? own->status.cluster_id : id.cluster_id);
	s->cluster_id = best ? best->list.cluster_id : 0;
	add_listed(s, r, best ? &best->list : &none, own->answers ? own->status.member_id : id.member_id);
	if (!best)
		add_configured(s, r);
	conclude(s, r);
}

/* Those without a name, which have not started yet, come last. */
static int by_name(const void *a, const void *b)
{
	const struct member *one = a, *other = b;
	const bool named = one->name[0], is_named = other->name[0];

	return named != is_named ? is_named - named : strcmp(one->name, other->name);
}

int member_survey(const struct machine *m, unsigned int timeout_ms, struct member_survey *s, struct err *e)
{
	/* Of the clock of this run against the system's: 0 but in tests. */
	const long long shift_ms = (long long)(m->now - time(NULL)) * 1000;
	auto_strv char **urls = endpoint_all(m);
	cleanup(poll_free) struct poll r = { 0 };

	*s = (struct member_survey){ 0 };
	poll_init(&r, m, 0, timeout_ms);
	r.ask = ask;
	r.add_more = add_more;
	for (size_t i = 0; urls[i]; i++)
		(void)poll_add(&r, urls[i]);
	poll_run(&r);
	if (!r.list[0].g) { /* without a certificate none was asked */
		*e = r.list[0].why;
		return -1;
	}
	for (size_t i = 0; i < r.n; i++)
		r.list[i].ahead_ms -= r.list[i].has_clock ? shift_ms : 0;
	combine(s, &r);
	if (s->n > 1)
		qsort(s->list, s->n, sizeof(*s->list), by_name);
	return 0;
}
