/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/rules, enroll/facts: a decision for each request of enroll_table.h and enroll_table_cert.h; enroll/record.
 */
#include "any.h"
#include "enroll_table_cert.h"
#include "machine_fixture.h"

#include <sys/stat.h>

#include "cahost/order.h"
#include "member/forming.h"

/* As the server does before a grant. A removal in the list is learned, with a tombstone of now. */
static void learn(struct scene *s)
{
	struct enroll_records *all = &s->known.records;

	for (size_t i = 0; s->known.list.agreed && i < all->n; i++) {
		struct enroll_record *r = &all->list[i];
		auto_free char *words = xasprintf("%s %s 0", r->name, r->key);
		auto_strv char **parts = text_split(words, " ");

		if (enroll_learn_record(&s->known.list, NOW, r) != ENROLL_GONE)
			continue;
		scene_tombstone(s, parts);
		enroll_record_free(r);
		all->list[i--] = all->list[--all->n];
	}
}

static void a_request_is_decided(void **state)
{
	const struct row *row = *state;
	cleanup(scene_free) struct scene s;
	const char *text = row->text;
	bool early = text && text[0] == '!';
	struct err er = { 0 };
	int rc;

	scene_set(&s, row->words);
	enroll_facts_fill(&s.q, &s.known, &s.f);
	rc = enroll_rules(&s.q, &s.f, &er);
	if (early && rc >= 0)
		fail_msg("is not refused before others are asked");
	if (rc >= 0) {
		s.f.asked = true;
		learn(&s);
		enroll_facts_fill(&s.q, &s.known, &s.f);
		rc = enroll_rules(&s.q, &s.f, &er);
	}
	if (rc < 0)
		rc = -(int)er.class;
	text = text ? text + early : "";
	if (rc != row->want || (!strstr(er.msg, text) && !strstr(er.hint, text)))
		fail_msg("want %d %s, got %d %s (%s)", row->want, text, rc, er.msg, er.hint);
	if (rc < 0 && !er.hint[0])
		fail_msg("no hint: %s", er.msg);
}

static void members_and_ports_are_written_alike_on_both_sides(void **state)
{
	cleanup(scene_free) struct scene s;
	auto_free char *members = NULL, *ports = NULL;

	(void)state;
	scene_set(&s, "");
	members = forming_members(&s.conf);
	assert_string_equal(members, MLINE);
	ports = forming_ports(&s.conf);
	assert_string_equal(ports, "2379,2380");
}

/* --- The record. */

#define KEY_1 "1111111111111111111111111111111111111111111111111111111111111111"

static void assert_strv(char **got, const char *want)
{
	auto_free char *line = strv_join(got, " ");

	assert_string_equal(line, want);
}

static void a_record_is_read_as_written(void **state)
{
	struct enroll_record r = { .name = (char *)(uintptr_t) "n2",
				   .address = (char *)(uintptr_t) "fd00::2",
				   .key = (char *)(uintptr_t)KEY_1,
				   .token = (char *)(uintptr_t) "",
				   .cluster = 0xc1,
				   .member = 0xa2,
				   .not_member = 0xa9,
				   .listed = true,
				   .missed = 3,
				   .missed_at = NOW - 5,
				   .since = NOW - 9,
				   .time = NOW };
	cleanup(enroll_record_free) struct enroll_record got = { .name = NULL };
	const struct machine *m = *state;
	auto_free char *path = xasprintf("%s/members/n2", m->at.enroll);
	auto_strv char **names = NULL;
	struct err er = { 0 };
	struct stat st;

	strv_add(&r.sans, "lb.example.org");
	strv_add(&r.sans, "10.0.0.9");
	strv_add(&r.resolved, "fd00::2");
	enroll_grants_add(&r.grants, NOW + 5, "peer:01 server:02", NOW);
	enroll_grants_add(&r.grants, NOW + 6, "peer:03", NOW);
	enroll_grants_add(&r.grants, NOW - 1, "peer:04", NOW); /* has expired */
	for (int i = 1; i <= 6; i++) {			       /* the last five are kept */
		auto_free char *source = xasprintf("fd00::%d", i);

		visits_add(&r.visits, NOW + i, source);
	}
	assert_null(enroll_record_names(m, ENROLL_MACHINE));
	assert_int_equal(enroll_record_read(m, ENROLL_MACHINE, "n2", &got, &er), 0);
	assert_ok(enroll_record_write(m, &r, e));
	assert_int_equal(enroll_record_read(m, ENROLL_MACHINE, "n2", &got, &er), 1);
	assert_string_equal(got.name, r.name);
	assert_string_equal(got.address, r.address);
	assert_strv(got.sans, "lb.example.org 10.0.0.9");
	assert_strv(got.resolved, "fd00::2");
	assert_string_equal(got.key, r.key);
	assert_string_equal(got.token, "");
	assert_true(got.cluster == 0xc1 && got.member == 0xa2 && got.not_member == 0xa9);
	assert_true(got.listed && got.missed == 3 && got.missed_at == NOW - 5);
	assert_true(got.since == NOW - 9 && got.time == NOW);
	assert_int_equal(got.grants.n, 2);
	assert_string_equal(got.grants.list[1].serials, "peer:03");
	assert_int_equal(got.grants.list[1].end, NOW + 6);
	assert_int_equal(got.visits.n, 5);
	assert_int_equal(got.visits.list[0].time, NOW + 6);
	assert_string_equal(got.visits.list[0].source, "fd00::6");
	assert_string_equal(got.visits.list[4].source, "fd00::2");
	assert_true(visits_moved(&got.visits));
	visits_free(&r.visits);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	names = enroll_record_names(m, ENROLL_MACHINE);
	assert_int_equal(strv_len(names), 1);
	enroll_record_free(&got);
	/* A record with another name, and an empty one. */
	assert_ok(file_replace(path, FILE_MODE(0600), "NAME=n3\nKEY=1\nTIME=1\n", 21, e));
	assert_err(enroll_record_read(m, ENROLL_MACHINE, "n2", &got, e), ERR_CONFIG, "not as it was written");
	assert_int_equal(enroll_record_drop(m, ENROLL_MACHINE, "n2", &er), 1);
	assert_int_equal(enroll_record_drop(m, ENROLL_MACHINE, "n2", &er), 0);
	assert_int_equal(enroll_record_drop(m, ENROLL_MACHINE, "../tokens/x", &er), 0);
	enroll_grants_free(&r.grants);
	strv_free(r.sans);
	strv_free(r.resolved);
}

/* As version 408ba7c wrote it. */
static void a_record_of_an_earlier_version_counts_as_its_name_and_address(void **state)
{
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	const struct machine *m = *state;
	struct err er = { 0 };

	put_file("/etc/etcd/enroll/members/n2",
		 "# A machine that got its certificates from this one.\nNAME=n2\nADDRESS=10.0.0.2\nKEY=" KEY_1
		 "\nFORMER=\nTOKEN=0123456789abcdef\nSERIALS=\"peer:01 server:02\"\nTIME=1799999999\n");
	assert_int_equal(enroll_record_read(m, ENROLL_MACHINE, "n2", &r, &er), 1);
	assert_string_equal(r.address, "10.0.0.2");
	assert_true(!r.sans && !r.resolved && r.member == 0 && r.cluster == 0 && !r.listed);
	assert_true(r.since == 1799999999 && r.time == 1799999999);
	assert_int_equal(r.grants.n, 1);
	assert_string_equal(r.grants.list[0].serials, "peer:01 server:02");
	assert_ok(enroll_record_write(m, &r, e));
	enroll_record_free(&r);
	assert_int_equal(enroll_record_read(m, ENROLL_MACHINE, "n2", &r, &er), 1);
	assert_int_equal(r.grants.n, 1);
}

static void a_removal_keeps_every_key_and_every_valid_serial(void **state)
{
	struct enroll_record r = { .name = (char *)(uintptr_t) "n2",
				   .address = (char *)(uintptr_t) "10.0.0.2",
				   .key = (char *)(uintptr_t) "K1",
				   .since = 1,
				   .time = 1 };
	cleanup(enroll_tombstone_free) struct enroll_tombstone t = { .name = NULL };
	struct machine *m = *state;
	struct err er = { 0 };

	enroll_grants_add(&r.grants, NOW + 5, "peer:01", NOW);
	assert_ok(enroll_record_write(m, &r, e));
	assert_int_equal(enroll_record_bury(m, ENROLL_MACHINE, "n2", &er), 1);
	assert_int_equal(enroll_record_read(m, ENROLL_MACHINE, "n2", &(struct enroll_record){ 0 }, &er), 0);
	r.key = (char *)(uintptr_t) "K2";
	enroll_grants_free(&r.grants);
	enroll_grants_add(&r.grants, NOW + 99, "peer:02", NOW);
	assert_ok(enroll_record_write(m, &r, e));
	m->now += 10;
	assert_int_equal(enroll_record_bury(m, ENROLL_MACHINE, "n2", &er), 1);
	assert_int_equal(enroll_record_bury(m, ENROLL_MACHINE, "n2", &er), 0);
	assert_int_equal(enroll_tombstone_read(m, ENROLL_MACHINE, "n2", &t, &er), 1);
	assert_strv(t.keys, "K1 K2");
	assert_int_equal(t.time, NOW + 10);
	assert_int_equal(t.grants.n, 2);
	enroll_tombstone_free(&t);
	/* One that was damaged is not taken for none. */
	put_file("/etc/etcd/enroll/removed/n2", "NAME=n2\n");
	assert_err(enroll_tombstone_read(m, ENROLL_MACHINE, "n2", &t, e), ERR_CONFIG, "not as it was written");
	{
		cleanup(enroll_tombstones_free) struct enroll_tombstones all;

		assert_err(enroll_tombstones_read(m, ENROLL_MACHINE, &all, e), ERR_CONFIG, "removed/n2");
	}
	enroll_grants_free(&r.grants);
}

static void what_was_issued_by_hand_ends_with_its_machine(void **state)
{
	static const char *const names[] = { "N2", "n2", "n3" };
	cleanup(enroll_tombstone_free) struct enroll_tombstone t = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record kept = { .name = NULL };
	auto_strv char **left = NULL;
	struct machine *m = *state;
	struct err er = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct pki_signed made = { .name = (char *)(uintptr_t)names[i],
					   .key = (char *)(uintptr_t)KEY_1,
					   .serials = (char *)(uintptr_t) "peer:01",
					   .end = NOW + 9 };

		assert_ok(issue_record(m, &made, e));
		made.serials = (char *)(uintptr_t) "peer:02";
		assert_ok(issue_record(m, &made, e));
	}
	assert_int_equal(enroll_machine_bury(m, "n2", &er), 0); /* it has no record itself */
	assert_ok(enroll_record_list(m, ENROLL_ISSUED, false, &left, e));
	assert_strv(left, "n3");
	assert_int_equal(enroll_record_read(m, ENROLL_ISSUED, "n3", &kept, &er), 1);
	assert_int_equal(kept.grants.n, 2);
	assert_int_equal(enroll_tombstone_read(m, ENROLL_CLIENT, "N2", &t, &er), 1);
	assert_int_equal(t.grants.n, 2);
	/* More than a file holds is refused before it is signed away. */
	for (unsigned int i = 0; i < ENROLL_GRANTS_MAX; i++) {
		auto_free char *serial = xasprintf("peer:%x", i + 100);

		enroll_grants_add(&kept.grants, NOW + 9, serial, NOW);
	}
	assert_ok(enroll_record_write(m, &kept, e));
	{
		const struct pki_signed more = { .name = (char *)(uintptr_t) "n3",
						 .key = (char *)(uintptr_t)KEY_1,
						 .serials = (char *)(uintptr_t) "peer:03",
						 .end = NOW + 9 };

		assert_err(issue_record(m, &more, e), ERR_CONFIG, "402 certificates that are still valid");
	}
}

/* n3 was removed, n4 is the former name of n2, n5 waits, n6 is listed with another ID, n7 and n8 are one that left. */
static void the_records_follow_the_list(void **state)
{
	static const char *const rows[][3] = { { "n2", "K2", "a2" }, { "n3", "K3", "a3" }, { "n4", "K2", "0" },
					       { "n5", "K5", "0" },  { "n6", "K6", "a6" }, { "n7", "K7", "a7" },
					       { "n8", "K7", "0" } };
	struct rpc_member listed[] = { { .id = 0xa2, .name = (char *)(uintptr_t) "n2" },
				       { .id = 0xb6, .name = (char *)(uintptr_t) "n6" } };
	struct enroll_list none = { .agreed = false };
	struct enroll_list list = { .agreed = true,
				    .members = { .cluster_id = 0xc1, .list = listed, .n = ARRAY_LEN(listed) } };
	const struct machine *m = *state;
	struct err er = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct enroll_record r = { .name = (char *)(uintptr_t)rows[i][0],
					   .address = (char *)(uintptr_t) "10.0.0.9",
					   .key = (char *)(uintptr_t)rows[i][1],
					   .time = 1 };

		assert_true(text_parse_hex(rows[i][2], &r.member));
		r.cluster = r.member ? 0xc1 : 0;
		if (strcmp(rows[i][0], "n4") == 0 || strcmp(rows[i][0], "n8") == 0) {
			r.listed = true;
			r.missed = 14;
		}
		assert_ok(enroll_record_write(m, &r, e));
	}
	assert_int_equal(enroll_learn(m, &none, &er), 0);
	assert_int_equal(enroll_learn(m, &list, &er), 1);
	{
		auto_strv char **names = enroll_record_names(m, ENROLL_MACHINE);
		cleanup(enroll_tombstones_free) struct enroll_tombstones gone;

		assert_strv(names, "n2 n5");
		assert_ok(enroll_tombstones_read(m, ENROLL_MACHINE, &gone, e));
		assert_int_equal(gone.n, 4);
		assert_strv(gone.list[0].keys, "K3");
		assert_strv(gone.list[1].keys, "K6");
		assert_strv(gone.list[2].keys, "K7");
	}
	assert_int_equal(enroll_learn(m, &list, &er), 0);
}

/* Until then its ID may change without a person: a slot that was never used, a learner that is added again. */
static void a_key_is_a_members_from_its_first_vote_on(void **state)
{
	char *client[] = { (char *)(uintptr_t) "https://10.0.0.2:2379", NULL };
	struct rpc_member one = { .id = 0xa2, .name = (char *)(uintptr_t) "n2" };
	struct enroll_list list = { .agreed = true, .members = { .cluster_id = 0xc1, .list = &one, .n = 1 } };
	struct enroll_record r = { .name = (char *)(uintptr_t) "n2", .time = NOW - 60 };

	(void)state;
	/* One of MEMBERS has its name before it has started. */
	assert_int_equal(enroll_learn_record(&list, NOW, &r), ENROLL_CHANGED);
	assert_true(r.listed && r.member == 0);
	assert_int_equal(enroll_learn_record(&list, NOW, &r), ENROLL_KEPT);
	one.client_urls = client;
	one.is_learner = true;
	assert_int_equal(enroll_learn_record(&list, NOW, &r), ENROLL_KEPT);
	/* One that receives data for more than a week stays on record. */
	assert_int_equal(enroll_learn_record(&list, NOW + 8LL * DAY, &r), ENROLL_CHANGED);
	assert_int_equal(r.member, 0);
	one.id = 0xb2;
	one.is_learner = false;
	assert_int_equal(enroll_learn_record(&list, NOW + 8LL * DAY, &r), ENROLL_CHANGED);
	assert_int_equal(r.member, 0xb2);
	assert_int_equal(enroll_learn_record(&list, NOW + 8LL * DAY, &r), ENROLL_KEPT);
	one.id = 0xc2;
	assert_int_equal(enroll_learn_record(&list, NOW + 8LL * DAY, &r), ENROLL_GONE);
}

/* A learner that is missed: how often a list is looked at, and when. */
static void a_learner_counts_as_removed_after_fifteen_minutes_of_looks(void **state)
{
	struct rpc_member one = { .id = 0xa2, .name = (char *)(uintptr_t) "n2", .is_learner = true };
	struct enroll_list with = { .agreed = true, .members = { .cluster_id = 0xc1, .list = &one, .n = 1 } };
	struct enroll_list without = { .agreed = true, .members = { .cluster_id = 0xc1 } };
	struct enroll_list recovered = { .agreed = true, .members = { .cluster_id = 0xc2 } };
	struct enroll_record r = { .name = (char *)(uintptr_t) "n2" };
	time_t now = NOW;

	(void)state;
	/* It enrolled, and nobody has listed it: it is awaited. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(enroll_learn_record(&without, now + i * DAY, &r), ENROLL_KEPT);
	assert_int_equal(enroll_learn_record(&with, now, &r), ENROLL_CHANGED);
	/* It is added again in time. */
	for (int i = 0; i < 14; i++)
		assert_int_equal(enroll_learn_record(&without, now += 60, &r), ENROLL_CHANGED);
	assert_int_equal(enroll_learn_record(&with, now, &r), ENROLL_CHANGED);
	assert_int_equal(r.missed, 0);
	/* A hundred looks in a minute are one, and so is one after a jump of the clock, and one after years of silence. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(enroll_learn_record(&without, now + i / 2, &r), i == 0 ? ENROLL_CHANGED : ENROLL_KEPT);
	assert_int_equal(enroll_learn_record(&without, now += 1000LL * DAY, &r), ENROLL_CHANGED);
	assert_int_equal(r.missed, 2);
	/* Set back: a new beginning, which counts for nothing. */
	assert_int_equal(enroll_learn_record(&without, now = NOW, &r), ENROLL_CHANGED);
	assert_int_equal(enroll_learn_record(&without, now += 59, &r), ENROLL_KEPT);
	assert_int_equal(r.missed, 2);
	for (int i = 0; i < 12; i++)
		assert_int_equal(enroll_learn_record(&without, now += 60, &r), ENROLL_CHANGED);
	assert_int_equal(enroll_learn_record(&without, now + 60, &r), ENROLL_GONE);
	/* The new cluster of a recovery has not had it yet. */
	assert_int_equal(enroll_learn_record(&recovered, now + 60, &r), ENROLL_CHANGED);
	for (int i = 2; i < 100; i++)
		assert_int_equal(enroll_learn_record(&recovered, now + i * 60, &r), ENROLL_KEPT);
}

/* Whatever the clock does, and whenever somebody has the list looked at. */
static void no_clock_makes_fifteen_looks_of_fewer(void **state)
{
	struct enroll_list without = { .agreed = true, .members = { .cluster_id = 0xc1 } };

	(void)state;
	for (unsigned int i = 1; i <= 2000; i++) {
		struct enroll_record r = { .name = (char *)(uintptr_t) "n2", .cluster = 0xc1, .listed = true };
		time_t clock = NOW, last = 0;
		int looks = 0, jumps = 0, minutes = 0;

		any_begin(i);
		do {
			const bool jumps_now = any(10) == 0;
			const time_t step = jumps_now ? (time_t)any(2000000) - 1000000 : (time_t)any(90);

			jumps += jumps_now;
			clock += step;
			if (!jumps_now)
				last += step; /* time that went by in truth, in seconds */
			minutes = (int)(last / 60);
			looks++;
		} while (enroll_learn_record(&without, clock, &r) != ENROLL_GONE);
		if (looks < 15 || minutes + jumps < 14)
			fail_msg("sequence %u: gone after %d looks, %d minutes and %d jumps", i, looks, minutes, jumps);
	}
}

#define FURTHER 9

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(token_rows) + ARRAY_LEN(cert_rows) + FURTHER] = {
		cmocka_unit_test(members_and_ports_are_written_alike_on_both_sides),
		WITH_MACHINE(a_record_is_read_as_written),
		WITH_MACHINE(a_record_of_an_earlier_version_counts_as_its_name_and_address),
		WITH_MACHINE(a_removal_keeps_every_key_and_every_valid_serial),
		WITH_MACHINE(what_was_issued_by_hand_ends_with_its_machine),
		WITH_MACHINE(the_records_follow_the_list),
		cmocka_unit_test(a_key_is_a_members_from_its_first_vote_on),
		cmocka_unit_test(a_learner_counts_as_removed_after_fifteen_minutes_of_looks),
		cmocka_unit_test(no_clock_makes_fifteen_looks_of_fewer),
	};

	unit_rows(tests + FURTHER, token_rows, a_request_is_decided, NULL, NULL);
	unit_rows(tests + FURTHER + ARRAY_LEN(token_rows), cert_rows, a_request_is_decided, NULL, NULL);
	return cmocka_run_group_tests_name("enroll_rules", tests, NULL, NULL);
}
