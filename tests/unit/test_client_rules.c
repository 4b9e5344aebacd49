/* SPDX-License-Identifier: Apache-2.0
 *
 * cahost/client_rules: a decision for each request of client_table.h; random sequences of requests by clients and
 * thieves; the records of clients in a copy of the CA.
 */
#include "any.h"
#include "client_table.h"
#include "machine_fixture.h"

#include "cahost/client_rules.h"
#include "cahost/copy.h"

static int decide(struct scene *s, struct err *e)
{
	enroll_facts_fill(&s->q, &s->known, &s->f);
	return (s->q.client ? client_rules : enroll_rules)(&s->q, &s->f, e);
}

static void a_request_is_decided(void **state)
{
	const struct row *row = *state;
	cleanup(scene_free) struct scene s;
	const char *text = row->text;
	const bool early = text && text[0] == '!';
	struct err er = { 0 };
	int rc;

	scene_set(&s, row->words);
	rc = decide(&s, &er);
	if (early && rc >= 0)
		fail_msg("is not refused before others are asked");
	if (rc >= 0) {
		s.f.asked = true;
		rc = decide(&s, &er);
	}
	if (rc < 0)
		rc = -(int)er.class;
	text = text ? text + early : "";
	if (rc != row->want || (!strstr(er.msg, text) && !strstr(er.hint, text)))
		fail_msg("want %d %s, got %d %s (%s)", row->want, text, rc, er.msg, er.hint);
	if (rc < 0 && !er.hint[0])
		fail_msg("no hint: %s", er.msg);
}

/* --- Sequences. */

#define SEQUENCES 5000
#define REQUESTS  6

static const char *const names[] = { "backup",
				     "backup",
				     "backup",
				     "vault",
				     "n1",
				     "n2",
				     "n2.",
				     "N4",
				     "etcd-peer",
				     "Etcd-Peer",
				     "root",
				     "ROOT",
				     "n6",
				     "10.0.0.1",
				     "10.0.0.6",
				     "localhost",
				     "kube-etcd-healthcheck-client",
				     "../n4",
				     "" };
static const char *const keys[] = { "K1", "K1", "K7", "K8" };
/* What is left of them are the CNs that a person made a token for. */
static const char *const given[] = { "backup", "vault" };

/* What the signer makes of the question, as cahost/serve.c does. */
static void check_grant(const struct scene *s, bool revoked)
{
	struct pki_profile p = *pki_profile(PKI_ETCDCTL);
	bool is_given = false;

	p.cn = s->q.name;
	auto_want struct pki_want want = pki_want(s->q.name, s->q.address, s->q.addresses, s->q.sans, &p);

	for (size_t i = 0; i < ARRAY_LEN(given); i++)
		is_given = is_given || strcmp(want.cn, given[i]) == 0;
	if (!s->q.client || !is_given || want.sans || want.server)
		fail_msg("a client got a certificate for %s", want.cn);
	if (revoked)
		fail_msg("the revoked key %s got a certificate", s->f.key);
}

static void drop(struct scene *s, size_t i, bool bury)
{
	struct enroll_records *all = &s->known.clients;
	auto_free char *words = xasprintf("%s %s 0", all->list[i].name, all->list[i].key);
	auto_strv char **parts = text_split(words, " ");

	if (bury) {
		scene_bury(&s->known.revoked, parts);
		s->known.revoked.list[s->known.revoked.n - 1].time = s->f.now;
	}
	enroll_record_free(&all->list[i]);
	all->list[i] = all->list[--all->n];
}

static void grant(struct scene *s, int use)
{
	struct enroll_records *all = &s->known.clients;
	struct token_entry *t = &s->token;
	struct enroll_record next;

	if (use > 0) {
		t->used = xrealloc(t->used, t->n_used + 1, sizeof(*t->used));
		t->used[t->n_used++] = (struct token_use){ xstrdup(s->q.name), xstrdup(s->f.key), s->f.now };
	}
	enroll_next_record(&s->q, &s->known, &s->f, &next);
	assert_int_equal(next.kind, ENROLL_CLIENT);
	for (size_t i = all->n; i-- > 0;)
		if (strcmp(all->list[i].name, next.name) == 0)
			drop(s, i, strcmp(all->list[i].key, next.key) != 0);
	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	all->list[all->n++] = next;
}

static bool is_revoked(const struct scene *s)
{
	for (size_t i = 0; i < s->known.revoked.n; i++)
		if (strv_has(s->known.revoked.list[i].keys, s->f.key))
			return true;
	return false;
}

static void set_question(struct scene *s)
{
	const bool cert = any(2);

	scene_question(s, "name", PICK(names));
	scene_question(s, "key", PICK(keys));
	s->q.client = any(8) > 0;
	scene_question(s, "address", s->q.client ? "" : "10.0.0.66");
	scene_question(s, "source", any(2) ? "10.0.0.66" : "10.0.0.2");
	strv_free(s->q.sans);
	s->q.sans = NULL;
	if (any(4) == 0)
		strv_add(&s->q.sans, "n2"); /* no message has them; they must not matter */
	s->q.now = s->f.now;
	s->f.token = cert ? NULL : &s->token;
	s->f.cert = cert ? &s->cert : NULL;
	free(s->cn);
	s->cert.cn = s->cn = xstrdup(any(3) ? s->q.name : PICK(names));
	set_text(&s->f.cert_key, any(4) ? s->f.key : PICK(keys));
	s->f.source = s->source;
	s->f.asked = false;
	s->f.formed = any(2);
	s->known.list.agreed = any(4) > 0;
	if (strcmp(s->cert.cn, PKI_PEER_CN) == 0 && cert && !s->q.client)
		set_text(&s->f.cert_key, "K9"); /* nobody here has the key of a member */
	if (any(4) == 0)
		s->f.now += (time_t)any(12) * 86400;
	/* A person revokes, and makes another token. */
	if (any(8) == 0 && s->known.clients.n > 0)
		drop(s, any((unsigned int)s->known.clients.n), true);
	if (any(6) == 0) {
		set_text(&s->token.name, PICK(given));
		s->token.made = s->f.now + 1;
		for (size_t i = 0; i < s->token.n_used; i++) {
			free(s->token.used[i].name);
			free(s->token.used[i].key);
		}
		s->token.n_used = 0;
	}
}

static int run(void)
{
	cleanup(scene_free) struct scene s;
	int granted = 0;

	scene_set(&s, "t.client t.name=backup t.uses=1 rec=n4/10.0.0.4/K4/30d/1d/a4 rec=n6/10.0.0.6/K6/30d/1d/a6 "
		      "dead=n7/K5/9d");
	s.token.expires = NOW + 86400L * 365;
	for (int i = 0; i < REQUESTS; i++) {
		struct err e = { 0 };
		int rc;

		set_question(&s);
		if (decide(&s, &e) < 0)
			continue;
		s.f.asked = true;
		rc = decide(&s, &e);
		if (rc < 0)
			continue;
		check_grant(&s, is_revoked(&s));
		grant(&s, rc);
		granted++;
	}
	return granted;
}

static void no_client_gets_more_than_its_cn(void **state)
{
	int granted = 0;

	(void)state;
	for (unsigned int i = 0; i < SEQUENCES; i++) {
		any_begin(i);
		granted += run();
	}
	print_message("%d of %d requests were granted\n", granted, SEQUENCES * REQUESTS);
	assert_true(granted > SEQUENCES / 10); /* or they try nothing */
}

/* --- Records. */

static void clients_and_revoked_ones_are_in_a_copy_of_the_ca(void **state)
{
	struct enroll_record r = { .kind = ENROLL_CLIENT,
				   .name = (char *)(uintptr_t) "A@b:c",
				   .address = (char *)(uintptr_t) "",
				   .key = (char *)(uintptr_t) "K1",
				   .since = 1,
				   .time = 1 };
	cleanup(enroll_tombstone_free) struct enroll_tombstone t = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record got = { .name = NULL };
	const struct machine *m = *state;
	auto_free char *clients = xasprintf("%s/clients", m->at.enroll), *gone = xasprintf("%s/revoked", m->at.enroll);
	auto_buf struct buf text = { 0 };
	struct err er = { 0 };
	time_t exported;

	enroll_grants_add(&r.grants, NOW + 5, "client:01", NOW);
	assert_ok(enroll_record_write(m, &r, e));
	r.name = (char *)(uintptr_t) "old";
	assert_ok(enroll_record_write(m, &r, e));
	assert_int_equal(enroll_record_bury(m, ENROLL_CLIENT, "old", &er), 1);
	assert_int_equal(enroll_record_bury(m, ENROLL_MACHINE, "A@b:c", &er), 0);
	assert_ok(enroll_records_export(m, &text, e));
	assert_ok(file_remove_tree(clients, e));
	assert_ok(file_remove_tree(gone, e));
	assert_int_equal(enroll_records_import(m, &text, &exported, &er), 1);
	assert_int_equal(exported, NOW);
	assert_int_equal(enroll_record_read(m, ENROLL_CLIENT, "A@b:c", &got, &er), 1);
	assert_true(got.kind == ENROLL_CLIENT && enroll_record_end(&got) == NOW + 5);
	assert_int_equal(enroll_record_read(m, ENROLL_MACHINE, "A@b:c", &(struct enroll_record){ 0 }, &er), 0);
	assert_int_equal(enroll_tombstone_read(m, ENROLL_CLIENT, "old", &t, &er), 1);
	assert_true(strv_has(t.keys, "K1") && t.grants.n == 1);
	assert_int_equal(enroll_records_import(m, &text, &exported, &er), 0);
	/* Files that no client can have are not read as theirs. */
	assert_int_equal(enroll_record_drop(m, ENROLL_CLIENT, "../lock", &er), 0);
	buf_puts(&text, "[clients/../x]\nNAME=../x\nKEY=1\nTIME=1\n");
	assert_err(enroll_records_import(m, &text, &exported, e), ERR_VERIFY, "is not a record");
	enroll_grants_free(&r.grants);
}

#define FURTHER 2

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(client_rows) + FURTHER] = {
		cmocka_unit_test(no_client_gets_more_than_its_cn),
		WITH_MACHINE(clients_and_revoked_ones_are_in_a_copy_of_the_ca),
	};

	unit_rows(tests + FURTHER, client_rows, a_request_is_decided, NULL, NULL);
	return cmocka_run_group_tests_name("client_rules", tests, NULL, NULL);
}
