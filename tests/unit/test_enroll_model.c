/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/rules, enroll/facts: random sequences of requests by the member n4, by a thief of its key and certificate, and
 * by a thief of a token for anybody, while the membership list, DNS, the quorum and the clock change. Whatever they do,
 * the names and addresses in their certificates stay within what MEMBERS, bound tokens and the record of n4 gave, and
 * the address that a machine connects from; and the key of a removed machine gets nothing any more.
 */
#include "any.h"
#include "enroll_scene.h"

#include "cahost/rules_names.h"

#define SEQUENCES 5000
#define REQUESTS  6

static const char *const names[] = { "n1", "n2", "n4", "n5", "n6", "n7", "n9", "vip", "evil.example.org", "localhost" };
static const char *const addresses[] = { "10.0.0.1",	     "10.0.0.2",	  "10.0.0.4",
					 "10.0.0.5",	     "10.0.0.6",	  "10.0.0.66",
					 "::ffff:10.0.0.1",  "10.0.0.100",	  "ca.example.org",
					 "evil.example.org", "etcd5.example.org", "etcd5.example.org.",
					 "bank.example.org", "n4.example.org" };
static const char *const sans[] = { "etcd.example.org", "10.0.0.100",	  "n1",	      "N1.",
				    "10.0.0.1",		"*.example.org",  "10.0.0.4", "10.0.0.66",
				    "bank.example.org", "lb.example.org", "n2",	      "n6" };
/* Where the members and the thieves are. */
static const char *const sources[] = { "10.0.0.4", "10.0.0.66", "10.0.0.40", "10.0.0.100", "192.0.2.1" };
static const char *const keys[] = { "K1", "K1", "K7", "K8" };
/* Nobody who asks may ever get one of these: of the CA host, of MEMBERS, and of n6, which is on record. */
static const char *const foreign[] = { "n1", "10.0.0.1", "ca.example.org",    "n2",	  "10.0.0.2",
				       "n3", "fd00::3",	 "etcd5.example.org", "10.0.0.5", "n5",
				       "n6", "10.0.0.6", "localhost" };

/* What a person gave: a name, and what belongs to it. */
struct world {
	struct scene s;
	const char *bound; /* of the token that this sequence has: "", "name", "name address" */
	char *done;	   /* what happened, for the message */
	bool removed;	   /* the key K1 is that of a removed machine */
};

static bool among(const char *const *list, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (enroll_same(list[i], s))
			return true;
	return false;
}

static void tell(struct world *w, const char *what, const char *a, const char *b)
{
	auto_free char *before = w->done;

	w->done = xasprintf("%s\n%s %s %s", before, what, a, b);
}

/* --- What changes by itself, or by a hostile member. */

static void set_list(struct scene *s)
{
	static const char *const called[] = { "n4", "n4", "n2", "x", "-" };
	static const char *const hosts[] = { "10.0.0.4", "10.0.0.66", "10.0.0.40", "10.0.0.2", "bank.example.org" };
	static const char *const ids[] = { "a4", "a4", "a4", "b4", "a2" };

	rpc_members_free(&s->known.list.members);
	s->known.list.members.cluster_id = 0xc1;
	for (unsigned int i = any(8); i < 7; i += 2) {
		auto_free char *words = xasprintf("%s/%s/%s", PICK(called), PICK(hosts), PICK(ids));
		auto_strv char **parts = text_split(words, "/");

		scene_member(s, parts);
	}
	/* One that lies about who answers does so for all. */
	s->known.looked_at = any(2) ? 0xa4 : 0xb4;
	s->known.answers = any(2);
}

static void set_dns(struct scene *s)
{
	static const char *const all[] = { "ca.example.org 10.0.0.1", "evil.example.org 10.0.0.66",
					   "evil.example.org 10.0.0.1,10.0.0.66", "etcd5.example.org 10.0.0.5",
					   "n4.example.org 10.0.0.4" };

	enroll_lookups_free(&s->known.lookups);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		auto_strv char **parts = text_split(all[i], " ");

		if (any(3) > 0)
			scene_dns(s, parts);
	}
}

static void change(struct world *w)
{
	struct scene *s = &w->s;

	if (any(5) == 0)
		set_list(s);
	if (any(2) == 0)
		set_dns(s);
	s->known.list.agreed = any(4) > 0;
	s->known.vacant = any(2);
	if (any(4) == 0)
		s->f.now += (time_t)any(12) * 86400;
}

/* --- What the server does. */

static void bury(struct world *w, size_t i)
{
	struct enroll_records *all = &w->s.known.records;
	auto_free char *words = xasprintf("%s %s 0", all->list[i].name, all->list[i].key);
	auto_strv char **parts = text_split(words, " ");

	tell(w, "  buried", all->list[i].name, all->list[i].key);
	w->removed = w->removed || strcmp(all->list[i].key, "K1") == 0;
	scene_tombstone(&w->s, parts);
	w->s.known.tombstones.list[w->s.known.tombstones.n - 1].time = w->s.f.now;
	enroll_record_free(&all->list[i]);
	all->list[i] = all->list[--all->n];
}

static void learn(struct world *w)
{
	struct enroll_records *all = &w->s.known.records;

	for (size_t i = all->n; w->s.known.list.agreed && i-- > 0;)
		if (strcmp(all->list[i].name, "n6") != 0 &&
		    enroll_learn_record(&w->s.known.list, w->s.f.now, &all->list[i]) == ENROLL_GONE)
			bury(w, i);
}

static void put_record(struct world *w)
{
	struct enroll_records *all = &w->s.known.records;
	const struct enroll_record *base = enroll_rules_base(&w->s.f);
	auto_free char *former = base && strcmp(base->name, w->s.q.name) != 0 ? xstrdup(base->name) : NULL;
	struct enroll_record next;

	enroll_next_record(&w->s.q, &w->s.known, &w->s.f, &next);
	for (size_t i = all->n; i-- > 0;) {
		if (strcmp(all->list[i].name, next.name) == 0 && strcmp(all->list[i].key, next.key) != 0)
			bury(w, i);
		else if (strcmp(all->list[i].name, next.name) == 0 ||
			 (former && strcmp(all->list[i].name, former) == 0)) {
			enroll_record_free(&all->list[i]);
			all->list[i] = all->list[--all->n];
		}
	}
	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	all->list[all->n++] = next;
}

/* True when a person, or the connection, gave it to the machine. */
static bool is_given(const struct world *w, const char *san, bool server)
{
	const struct enroll_question *q = &w->s.q;
	const bool token = w->s.f.token != NULL;

	if (enroll_same(san, "localhost") || enroll_same(san, "127.0.0.1") || enroll_same(san, "::1"))
		return true;
	if (among(foreign, ARRAY_LEN(foreign), san))
		return false;
	if (enroll_has(w->s.conf.extra_sans, san))
		return server;
	if (enroll_same(san, q->name))
		return strcmp(q->name, "n4") == 0 || (*w->bound && strcmp(q->name, "n9") == 0) ||
		       ((token || w->s.f.own) && !strchr(q->name, '.'));
	/* The record of n4 at the beginning, the token for n9; and where the machine is. */
	return (strcmp(q->name, "n4") == 0 && enroll_same(san, "10.0.0.4")) ||
	       (strcmp(q->name, "n9") == 0 && strchr(w->bound, ' ') &&
		(enroll_same(san, "n4.example.org") || enroll_same(san, "lb.example.org") ||
		 enroll_same(san, "192.0.2.9"))) ||
	       (enroll_same(san, w->s.source) && enroll_same(san, q->address)) ||
	       (w->s.f.own && enroll_same(san, w->s.f.own->address));
}

static void check_grant(const struct world *w)
{
	const struct enroll_question *q = &w->s.q;

	for (int leaf = PKI_SERVER; leaf <= PKI_PEER; leaf++) {
		auto_want struct pki_want want =
			pki_want(q->name, q->address, q->addresses, q->sans, pki_profile(leaf));

		for (char **san = want.sans; *san; san++)
			if (!is_given(w, *san, leaf == PKI_SERVER))
				fail_msg("%s got a certificate for %s:%s", w->s.f.key, *san, w->done);
	}
	if (w->removed && strcmp(w->s.f.key, "K1") == 0)
		fail_msg("the key of a removed machine got a certificate:%s", w->done);
}

/* --- What they ask. */

static void set_question(struct world *w)
{
	struct scene *s = &w->s;
	bool cert = any(3) > 0;

	/* Most ask for a name that they may have: others are refused at once. */
	scene_question(s, "name", any(4) == 0 ? PICK(names) : cert ? "n4" : "n9");
	scene_question(s, "address", any(4) ? PICK(sources) : PICK(addresses));
	scene_question(s, "source", any(4) && config_is_ip(s->q.address) ? s->q.address : PICK(sources));
	if (!among(sources, ARRAY_LEN(sources), s->source))
		scene_question(s, "source", PICK(sources)); /* nobody connects from another's address */
	scene_question(s, "key", any(4) == 0 ? PICK(keys) : cert ? "K1" : "K7");
	strv_free(s->q.sans);
	strv_free(s->q.addresses);
	s->q.sans = s->q.addresses = NULL;
	for (unsigned int i = any(6); i > 4; i--)
		strv_add(&s->q.addresses, any(3) ? "192.0.2.9" : PICK(sources));
	for (unsigned int i = any(6); i > 3; i--)
		strv_add(&s->q.sans, PICK(sans));
	s->q.now = s->f.now;
	s->q.member = any(2) ? 0xa4 : 0;
	s->f.token = cert ? NULL : &s->token;
	s->f.cert = cert ? &s->cert : NULL;
	set_text(&s->f.cert_key, any(4) ? s->f.key : PICK(keys));
	s->f.source = s->source;
	s->f.asked = false;
	s->f.formed = s->known.list.agreed || any(4) > 0;
	tell(w, cert ? "cert" : "token", s->q.name, s->q.address);
	tell(w, "  from, key", s->source, s->f.key);
}

/* 1 granted. */
static int ask(struct world *w)
{
	struct scene *s = &w->s;
	struct err e = { 0 };
	int rc;

	set_question(w);
	enroll_facts_fill(&s->q, &s->known, &s->f);
	if (enroll_rules(&s->q, &s->f, &e) < 0)
		return 0;
	s->f.asked = true;
	learn(w);
	enroll_facts_fill(&s->q, &s->known, &s->f);
	rc = enroll_rules(&s->q, &s->f, &e);
	if (rc < 0)
		return 0;
	tell(w, "  granted to", s->f.key, "");
	check_grant(w);
	if (rc > 0) {
		struct token_entry *t = &s->token;

		t->used = xrealloc(t->used, t->n_used + 1, sizeof(*t->used));
		t->used[t->n_used++] = (struct token_use){ xstrdup(s->q.name), xstrdup(s->f.key), s->f.now };
	}
	put_record(w);
	return 1;
}

static int run(unsigned int number)
{
	static const char *const tokens[] = {
		"", "t.name=n9", "t.name=n9 t.address=n4.example.org t.sans=lb.example.org t.addresses=192.0.2.9"
	};
	static const char *const bound[] = { "", "name", "name address" };
	unsigned int kind = any(3);
	/* n4 is a voter; or a learner, which some lists have missed. It may be behind a NAT. */
	auto_free char *words =
		xasprintf("t.uses=3 %s rec=n4/10.0.0.4/K1/30d/1d/%s %s rec=n6/10.0.0.6/K6/30d/1d/a6 "
			  "at=n4/10.0.0.4/a4/up",
			  tokens[kind], any(3) ? "a4" : "0 listed=13/60", any(4) ? "" : "from=192.0.2.1");
	struct world w = { .bound = bound[kind], .done = xasprintf("sequence %u", number) };
	int granted = 0;

	scene_set(&w.s, words);
	w.s.token.expires = NOW + 86400L * 365;
	set_dns(&w.s);
	for (int i = 0; i < REQUESTS; i++) {
		change(&w);
		granted += ask(&w);
	}
	scene_free(&w.s);
	free(w.done);
	return granted;
}

static void nobody_gets_more_than_a_person_gave(void **state)
{
	int granted = 0;

	(void)state;
	for (unsigned int i = 0; i < SEQUENCES; i++) {
		any_begin(i);
		granted += run(i);
	}
	print_message("%d of %d requests were granted\n", granted, SEQUENCES * REQUESTS);
	assert_true(granted > SEQUENCES / 10); /* or they try nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nobody_gets_more_than_a_person_gave) };

	return cmocka_run_group_tests_name("enroll_model", tests, NULL, NULL);
}
