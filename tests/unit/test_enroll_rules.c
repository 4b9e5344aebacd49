/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/rules: a decision for each request of enroll_table.h; enroll/record.
 */
#include "machine_fixture.h"

#include <sys/stat.h>

#include "base/text.h"
#include "enroll_table.h"
#include "member/forming.h"

/* The facts of a line and the objects to which they point. */
struct scene {
	struct config conf;
	struct config_member members[4];
	struct token_entry token;
	struct x509_info cert;
	struct enroll_record record;
	char **sans, **addresses, **others;
};

static void set_token(struct scene *s, enum way way)
{
	s->token = (struct token_entry){ .made = NOW - 600, .expires = NOW + 3600, .uses = 2 };
	memcpy(s->token.token.id, "0123456789abcdef", TOKEN_ID_HEX);
	s->token.members = way == FORMING || way == USED_UP || way == USED_HALF;
	if (way == FOR_N4 || way == FOR_N4_AT)
		s->token.name = xstrdup("n4");
	if (way == FOR_N4_AT) {
		s->token.address = xstrdup("10.0.0.4");
		strv_add(&s->token.sans, "lb.example.org");
	}
	if (way == EXPIRED)
		s->token.expires = NOW;
	if (way == USED_UP || way == USED_HALF) {
		s->token.uses = way == USED_UP ? 1 : 2;
		s->token.used = xcalloc(1, sizeof(*s->token.used));
		s->token.used[s->token.n_used++] = (struct token_use){ xstrdup("n2"), xstrdup(K1), NOW - 60 };
	}
}

static void set_cert(struct scene *s, enum way way)
{
	static const char *const common[] = { "127.0.0.1", "::1", "localhost", "old.example.org" };

	s->cert = (struct x509_info){ .cn = xstrdup(PKI_PEER_CN), .not_before = NOW - 30 * 86400 };
	strv_add(&s->cert.sans, way == CERT ? "10.0.0.2" : "10.0.0.4");
	strv_add(&s->cert.sans, way == CERT ? "n2" : "n4");
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		strv_add(&s->cert.sans, common[i]);
}

static void set_record(struct scene *s, const struct line *l)
{
	bool same = l->past == SAME || l->past == LONG_AGO;

	s->record = (struct enroll_record){ .name = xstrdup(l->name ? l->name : "n2"),
					    .address = xstrdup("10.0.0.2"),
					    .key = xstrdup(same ? K1 : K2),
					    .former = xstrdup(l->past == REKEYED ? K1 : ""),
					    .token = xstrdup(l->past == OTHER_NOW ? "0123456789abcdef"
										  : "7777777777777777"),
					    .serials = xstrdup("peer:01"),
					    .time = l->past == LONG_AGO	  ? NOW - 30 * 86400 + 3600
						    : l->past == YEAR_AGO ? NOW - 365 * 86400
						    : l->past == LATER	  ? NOW - 60
									  : NOW - 86400 };
}

static void set_scene(struct scene *s, const struct line *l)
{
	static const struct config_member members[] = { { (char *)(uintptr_t) "n1", (char *)(uintptr_t) "10.0.0.1" },
							{ (char *)(uintptr_t) "n2", (char *)(uintptr_t) "10.0.0.2" },
							{ (char *)(uintptr_t) "n3", (char *)(uintptr_t) "fd00::3" },
							{ (char *)(uintptr_t) "n5",
							  (char *)(uintptr_t) "etcd5.example.org" } };

	memcpy(s->members, members, sizeof(members));
	s->conf = (struct config){ .role = ROLE_CLUSTER,
				   .name = s->members[0].name,
				   .address = s->members[0].address,
				   .members = s->members,
				   .n_members = 4,
				   .client_port = 2379,
				   .peer_port = 2380,
				   .cluster_token = (char *)(uintptr_t) "etcd-cluster" };
	strv_add(&s->conf.extra_sans, "etcd.example.org");
	set_token(s, l->way);
	set_cert(s, l->way);
	set_record(s, l);
	s->sans = l->sans ? text_split(l->sans, BLANKS) : NULL;
	s->addresses = text_split(l->resolved ? l->resolved : l->address ? l->address : "10.0.0.2", BLANKS);
	s->others = l->others ? text_split(l->others, BLANKS) : NULL;
}

static void scene_free(struct scene *s)
{
	strv_free(s->conf.extra_sans);
	token_entry_free(&s->token);
	x509_info_free(&s->cert);
	enroll_record_free(&s->record);
	strv_free(s->sans);
	strv_free(s->addresses);
	strv_free(s->others);
}

/* For a field that owns its text. */
static char *text_of(const char *text, const char *otherwise)
{
	return (char *)(uintptr_t)(text ? text : otherwise);
}

static void a_request_is_decided(void **state)
{
	const struct line *l = *state;
	cleanup(scene_free) struct scene s = { .sans = NULL };
	bool cert = l->way == CERT || l->way == CERT_N4;
	struct enroll_question q = { .name = text_of(l->name, "n2"),
				     .address = text_of(l->address, "10.0.0.2"),
				     .now = (time_t)(NOW + l->clock),
				     .members = text_of(l->members, NULL),
				     .cluster_token = text_of(l->cluster_token, NULL),
				     .ports = text_of(l->ports, NULL) };
	struct enroll_facts f = { .conf = &s.conf,
				  .now = NOW,
				  .formed = l->formed,
				  .key = text_of(l->key, K1),
				  .source = l->source ? l->source : "10.0.0.2",
				  .view = l->view,
				  .token = cert ? NULL : &s.token,
				  .cert = cert ? &s.cert : NULL,
				  .cert_key = cert ? text_of(K1, NULL) : NULL,
				  .record = l->past == NOTHING ? NULL : &s.record };
	struct err er = { 0 };
	int rc;

	set_scene(&s, l);
	q.sans = s.sans;
	f.addresses = s.addresses;
	f.others = s.others;
	rc = enroll_rules(&q, &f, &er);
	if (rc < 0)
		rc = -(int)er.class;
	if (rc != l->want || (l->text && !strstr(er.msg, l->text) && !strstr(er.hint, l->text)))
		fail_msg("want %d %s, got %d %s (%s)", l->want, l->text ? l->text : "", rc, er.msg, er.hint);
}

static void members_and_ports_are_written_alike_on_both_sides(void **state)
{
	const struct line l = { .what = "" };
	cleanup(scene_free) struct scene s = { .sans = NULL };
	auto_free char *members = NULL, *ports = NULL;

	(void)state;
	set_scene(&s, &l);
	members = forming_members(&s.conf);
	assert_string_equal(members, "n1=10.0.0.1,n2=10.0.0.2,n3=fd00::3,n5=etcd5.example.org");
	ports = forming_ports(&s.conf);
	assert_string_equal(ports, "2379,2380");
}

/* --- The record. */

static void a_record_is_read_as_written(void **state)
{
	const struct enroll_record r = { .name = (char *)(uintptr_t) "n2",
					 .address = (char *)(uintptr_t) "fd00::2",
					 .key = (char *)(uintptr_t)K1,
					 .former = (char *)(uintptr_t)K2,
					 .token = (char *)(uintptr_t) "",
					 .serials = (char *)(uintptr_t) "peer:01 server:02",
					 .time = NOW };
	cleanup(enroll_record_free) struct enroll_record got = { .name = NULL };
	const struct machine *m = *state;
	auto_free char *path = xasprintf("%s/members/n2", m->at.enroll);
	auto_strv char **names = NULL;
	struct err er = { 0 };
	struct stat st;

	assert_null(enroll_record_names(m));
	assert_int_equal(enroll_record_read(m, "n2", &got, &er), 0);
	assert_ok(enroll_record_write(m, &r, e));
	assert_int_equal(enroll_record_read(m, "n2", &got, &er), 1);
	assert_string_equal(got.name, r.name);
	assert_string_equal(got.address, r.address);
	assert_string_equal(got.key, r.key);
	assert_string_equal(got.former, r.former);
	assert_string_equal(got.token, "");
	assert_string_equal(got.serials, r.serials);
	assert_int_equal(got.time, NOW);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	names = enroll_record_names(m);
	assert_int_equal(strv_len(names), 1);
	enroll_record_free(&got);
	/* A record with another name, and an empty one. */
	assert_ok(file_replace(path, FILE_MODE(0600), "NAME=n3\nKEY=1\nTIME=1\n", 21, e));
	assert_err(enroll_record_read(m, "n2", &got, e), ERR_CONFIG, "not as it was written");
	assert_int_equal(enroll_record_drop(m, "n2", &er), 1);
	assert_int_equal(enroll_record_drop(m, "n2", &er), 0);
	assert_int_equal(enroll_record_drop(m, "../tokens/x", &er), 0);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(table) + 2] = {
		cmocka_unit_test(members_and_ports_are_written_alike_on_both_sides),
		WITH_MACHINE(a_record_is_read_as_written),
	};

	unit_rows(tests + 2, table, a_request_is_decided, NULL, NULL);
	return cmocka_run_group_tests_name("enroll_rules", tests, NULL, NULL);
}
