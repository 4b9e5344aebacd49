/* SPDX-License-Identifier: Apache-2.0
 *
 * A CA host and a request, written as words. The CA host is n1=10.0.0.1, EXTRA_SANS=etcd.example.org,10.0.0.100,vip
 * and MEMBERS n1=10.0.0.1 n2=10.0.0.2 n3=fd00::3 n5=etcd5.example.org.
 *
 *   token | cert             how the machine proves itself; else nothing of the kind is set
 *   t.name= t.address= t.addresses=A,B t.from= t.sans=
 *   t.members t.recovery t.expired t.uses=N t.made=AGE t.used=NAME/KEY
 *   c.sans=A,B c.key=KEY     of the certificate; by default for n2 at 10.0.0.2, and K1
 *   name= address= addresses=A,B sans=A,B key=KEY source= clock=SECONDS member=ID mline= ctoken= ports=    the question
 *   rec=NAME/ADDRESS/KEY/SINCE/TIME/ID[/RESOLVED,…[/SANS,…]]      a record; ages; ID 0: none
 *   not=ID from=IP more=A,B  of the last record: a member that another key was; what it connects from; ADDRESSES
 *   listed=MISSED/AGE        of the last record: a list had it, and so many have not since, the last one that long ago
 *   dead=NAME/KEY,…/AGE      a tombstone
 *   client c.cn=CN t.client  the question, the certificate, the token are those of a client
 *   crec=CN/KEY/SINCE/TIME cdead=CN/KEY,…/AGE   the record of a client; that it was revoked
 *   quorum                   a quorum was asked
 *   at=NAME/HOST/ID[/up]     a member in its list; with up, it answers
 *   dns=NAME/IP,…            what a name stands for; names without are unknown
 *   standby=NAME/SERVER other=NAME/SERVER claimed   by the file of this host; by etcd; a person's word
 *   formed gathers admitted vacant
 *   list                     the question is for the revocation list alone
 * Ages are seconds, or with d days.
 */
#pragma once

#include "machine_fixture.h"

#include "base/text.h"
#include "cahost/facts.h"
#include "pki/profile.h"

#define TOKEN_ID "0123456789abcdef"

struct scene {
	struct config conf;
	struct config_member members[4];
	struct token_entry token;
	struct x509_info cert;
	struct enroll_question q;
	struct enroll_known known;
	struct enroll_facts f;
	char *source;
	char *cn; /* of the certificate, unless it is a peer's */
};

static inline time_t age(const char *s)
{
	char *end;
	const long long n = strtoll(s, &end, 10);

	return (time_t)(NOW - (*end == 'd' ? n * 86400 : n));
}

static inline void set_text(char **field, const char *value)
{
	free(*field);
	*field = xstrdup(value);
}

static inline void scene_client(struct scene *s, char **p)
{
	struct enroll_records *all = &s->known.clients;

	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	all->list[all->n++] = (struct enroll_record){ .kind = ENROLL_CLIENT,
						      .name = xstrdup(p[0]),
						      .address = xstrdup(""),
						      .key = xstrdup(p[1]),
						      .token = xstrdup("7777777777777777"),
						      .since = age(p[2]),
						      .time = age(p[3]) };
}

static inline void scene_record(struct scene *s, char **p)
{
	struct enroll_records *all = &s->known.records;
	size_t n = strv_len(p);
	struct enroll_record r = { .name = xstrdup(p[0]),
				   .address = xstrdup(p[1]),
				   .key = xstrdup(p[2]),
				   .token = xstrdup("7777777777777777"),
				   .since = age(p[3]),
				   .time = age(p[4]) };

	assert_true(text_parse_hex(p[5], &r.member));
	r.cluster = r.member ? 0xc1 : 0;
	r.listed = r.member != 0;
	if (n > 6 && strcmp(p[6], "-") != 0)
		r.resolved = text_split(p[6], ",");
	if (n > 7)
		r.sans = text_split(p[7], ",");
	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	all->list[all->n++] = r;
}

static inline void scene_bury(struct enroll_tombstones *all, char **p)
{
	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	all->list[all->n++] =
		(struct enroll_tombstone){ .name = xstrdup(p[0]), .keys = text_split(p[1], ","), .time = age(p[2]) };
}

static inline void scene_tombstone(struct scene *s, char **p)
{
	scene_bury(&s->known.tombstones, p);
}

static inline void scene_member(struct scene *s, char **p)
{
	struct rpc_members *all = &s->known.list.members;
	auto_free char *url = config_url(p[1], 2380);
	struct rpc_member one = { .name = xstrdup(strcmp(p[0], "-") == 0 ? "" : p[0]) };

	assert_true(text_parse_hex(p[2], &one.id));
	strv_add(&one.peer_urls, url);
	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	all->list[all->n++] = one;
	/* The one that is asked about is the one that was looked at. */
	if (strcmp(p[0], s->q.name) == 0) {
		s->known.looked_at = one.id;
		s->known.answers = strv_len(p) > 3;
	}
}

static inline void scene_dns(struct scene *s, char **p)
{
	struct enroll_lookups *all = &s->known.lookups;

	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	all->list[all->n++] = (struct enroll_lookup){ xstrdup(p[0]), p[1] ? text_split(p[1], ",") : NULL };
}

/* What belongs to the token; false for another word. */
static inline bool scene_token(struct scene *s, const char *key, const char *value)
{
	struct token_entry *t = &s->token;
	auto_strv char **parts = text_split(value, "/");
	uint64_t n = 0;

	if (strcmp(key, "t.name") == 0)
		set_text(&t->name, value);
	else if (strcmp(key, "t.address") == 0)
		set_text(&t->address, value);
	else if (strcmp(key, "t.from") == 0)
		set_text(&t->from, value);
	else if (strcmp(key, "t.addresses") == 0)
		t->addresses = text_split(value, ",");
	else if (strcmp(key, "t.sans") == 0)
		t->sans = text_split(value, ",");
	else if (strcmp(key, "t.client") == 0)
		t->client = true;
	else if (strcmp(key, "t.members") == 0)
		t->members = true;
	else if (strcmp(key, "t.recovery") == 0)
		t->recovery = true;
	else if (strcmp(key, "t.expired") == 0)
		t->expires = NOW;
	else if (strcmp(key, "t.made") == 0)
		t->made = age(value);
	else if (strcmp(key, "t.uses") == 0 && text_parse_u64(value, 0, 9, &n))
		t->uses = (unsigned int)n;
	else if (strcmp(key, "t.used") == 0) {
		t->used = xrealloc(t->used, t->n_used + 1, sizeof(*t->used));
		t->used[t->n_used++] = (struct token_use){ xstrdup(parts[0]), xstrdup(parts[1]), NOW - 60 };
	} else
		return false;
	return true;
}

/* What is in the question; false for another word. */
static inline bool scene_question(struct scene *s, const char *key, const char *value)
{
	struct enroll_question *q = &s->q;

	if (strcmp(key, "name") == 0)
		set_text(&q->name, value);
	else if (strcmp(key, "client") == 0) {
		q->client = true;
		set_text(&q->address, "");
	} else if (strcmp(key, "address") == 0)
		set_text(&q->address, value);
	else if (strcmp(key, "addresses") == 0)
		q->addresses = text_split(value, ",");
	else if (strcmp(key, "sans") == 0)
		q->sans = text_split(value, ",");
	else if (strcmp(key, "key") == 0)
		set_text(&s->f.key, value);
	else if (strcmp(key, "source") == 0)
		set_text(&s->source, value);
	else if (strcmp(key, "clock") == 0)
		q->now = (time_t)(NOW + strtoll(value, NULL, 10));
	else if (strcmp(key, "member") == 0)
		(void)text_parse_hex(value, &q->member);
	else if (strcmp(key, "mline") == 0)
		set_text(&q->members, value);
	else if (strcmp(key, "ctoken") == 0)
		set_text(&q->cluster_token, value);
	else if (strcmp(key, "ports") == 0)
		set_text(&q->ports, value);
	else
		return false;
	return true;
}

static inline void scene_ca_host(struct ca_host *h, char **p)
{
	if (strv_len(p) < 2)
		return;
	h->name = xstrdup(p[0]);
	h->server = xstrdup(p[1]);
	h->member = 0xd1;
}

static inline void scene_word(struct scene *s, const char *key, const char *value)
{
	auto_strv char **parts = text_split(value, "/");

	if (scene_token(s, key, value) || scene_question(s, key, value))
		return;
	if (strcmp(key, "token") == 0) {
		s->f.token = &s->token;
	} else if (strcmp(key, "cert") == 0) {
		s->f.cert = &s->cert;
		set_text(&s->f.cert_key, "K1");
	} else if (strcmp(key, "c.sans") == 0) {
		strv_free(s->cert.sans);
		s->cert.sans = text_split(value, ",");
	} else if (strcmp(key, "c.key") == 0) {
		set_text(&s->f.cert_key, value);
	} else if (strcmp(key, "c.cn") == 0) {
		s->cert.cn = s->cn = xstrdup(value);
	} else if (strcmp(key, "crec") == 0) {
		scene_client(s, parts);
	} else if (strcmp(key, "cdead") == 0) {
		scene_bury(&s->known.revoked, parts);
	} else if (strcmp(key, "rec") == 0) {
		scene_record(s, parts);
	} else if (strcmp(key, "not") == 0) {
		(void)text_parse_hex(value, &s->known.records.list[s->known.records.n - 1].not_member);
	} else if (strcmp(key, "listed") == 0) {
		struct enroll_record *r = &s->known.records.list[s->known.records.n - 1];

		r->listed = true;
		r->missed = (unsigned int)strtoul(parts[0], NULL, 10);
		r->missed_at = age(parts[1]);
	} else if (strcmp(key, "more") == 0) {
		s->known.records.list[s->known.records.n - 1].addresses = text_split(value, ",");
	} else if (strcmp(key, "from") == 0) {
		set_text(&s->known.records.list[s->known.records.n - 1].from, value);
	} else if (strcmp(key, "dead") == 0) {
		scene_tombstone(s, parts);
	} else if (strcmp(key, "quorum") == 0) {
		s->known.list.agreed = s->f.formed = true;
	} else if (strcmp(key, "at") == 0) {
		scene_member(s, parts);
	} else if (strcmp(key, "dns") == 0) {
		scene_dns(s, parts);
	} else if (strcmp(key, "standby") == 0) {
		s->known.active.state = ENROLL_STANDBY;
		scene_ca_host(&s->known.active.host, parts);
	} else if (strcmp(key, "other") == 0) {
		scene_ca_host(&s->known.list.host, parts);
	} else if (strcmp(key, "claimed") == 0) {
		s->known.active.state = ENROLL_CLAIMED;
	} else if (strcmp(key, "formed") == 0) {
		s->f.formed = true;
	} else if (strcmp(key, "gathers") == 0) {
		s->f.gathers = true;
	} else if (strcmp(key, "admitted") == 0) {
		s->f.admitted = true;
	} else if (strcmp(key, "list") == 0) {
		s->q.list_only = true;
	} else if (strcmp(key, "vacant") == 0) {
		s->known.vacant = true;
	} else {
		fail_msg("%s is no word of a scene", key);
	}
}

/* The CA host and the request of n2 at 10.0.0.2 with the key K1, and then what the words say. */
static inline void scene_set(struct scene *s, const char *words)
{
	static const char *const members[][2] = {
		{ "n1", "10.0.0.1" }, { "n2", "10.0.0.2" }, { "n3", "fd00::3" }, { "n5", "etcd5.example.org" }
	};
	auto_strv char **all = text_split(words, BLANKS);

	*s = (struct scene){ .conf = { .role = ROLE_CLUSTER,
				       .n_members = ARRAY_LEN(members),
				       .client_port = 2379,
				       .peer_port = 2380,
				       .cluster_token = (char *)(uintptr_t) "etcd-cluster" },
			     .token = { .made = NOW - 600, .expires = NOW + 3600, .uses = 2 },
			     .cert = { .cn = (char *)(uintptr_t)PKI_PEER_CN, .not_before = NOW - 30 * 86400 },
			     .q = { .now = NOW } };
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		s->members[i] =
			(struct config_member){ (char *)(uintptr_t)members[i][0], (char *)(uintptr_t)members[i][1] };
	s->conf.members = s->members;
	s->conf.name = s->members[0].name;
	s->conf.address = s->members[0].address;
	strv_add(&s->conf.extra_sans, "etcd.example.org");
	strv_add(&s->conf.extra_sans, "10.0.0.100");
	strv_add(&s->conf.extra_sans, "vip");
	memcpy(s->token.token.id, TOKEN_ID, sizeof(s->token.token.id));
	s->cert.sans = text_split("10.0.0.2 n2 127.0.0.1 localhost", BLANKS);
	s->known.list.members.cluster_id = 0xc1;
	ca_host_self(&s->conf, 0xc1, 0xa1, &s->known.list.self);
	s->f = (struct enroll_facts){ .conf = &s->conf, .now = NOW };
	scene_question(s, "name", "n2");
	scene_question(s, "address", "10.0.0.2");
	scene_question(s, "source", "10.0.0.2");
	scene_question(s, "key", "K1");
	for (char **w = all; w && *w; w++) {
		auto_free char *key = xstrndup(*w, strcspn(*w, "="));

		scene_word(s, key, strchr(*w, '=') ? strchr(*w, '=') + 1 : "");
	}
	s->f.source = s->source;
}

static inline void scene_free(struct scene *s)
{
	strv_free(s->conf.extra_sans);
	token_entry_free(&s->token);
	strv_free(s->cert.sans);
	enroll_question_free(&s->q);
	enroll_known_free(&s->known);
	free(s->f.key);
	free(s->f.cert_key);
	enroll_owners_free(&s->f.owners);
	strv_free(s->f.addresses);
	free(s->source);
	free(s->cn);
}
