/* SPDX-License-Identifier: Apache-2.0
 *
 * member/joining: the journal is read as it was written; the initial cluster for etcd; suitable versions.
 */
#include "machine_fixture.h"

#include "member/joining.h"

static void every_step_is_read_as_written(void **state)
{
	char peer[] = "https://[fd00::3]:2380", cluster[] = "n1=https://10.0.0.1:2380,n3=https://[fd00::3]:2380";
	struct joining j = { .step = JOINING_ADDING, .peer_url = peer };
	struct machine *m = *state;
	struct err e = { 0 };

	{
		auto_joining struct joining got = { 0 };

		assert_int_equal(joining_read(m, &got, &e), 0);
		m->dry_run = true;
		assert_int_equal(joining_write(m, &j, &e), 1);
		assert_false(file_exists(m->at.joining));
		m->dry_run = false;
		assert_int_equal(joining_write(m, &j, &e), 1);
		assert_int_equal(joining_write(m, &j, &e), 0);
		assert_int_equal(joining_read(m, &got, &e), 1);
		assert_int_equal(got.step, JOINING_ADDING);
		assert_string_equal(got.peer_url, peer);
		assert_null(got.initial_cluster);
	}
	for (enum joining_step step = JOINING_ADDED; step <= JOINING_MEMBER; step++) {
		auto_joining struct joining got = { 0 };

		j = (struct joining){ step, UINT64_C(0xfedcba9876543210), 7, peer, cluster };
		assert_int_equal(joining_write(m, &j, &e), 1);
		assert_int_equal(joining_read(m, &got, &e), 1);
		assert_int_equal(got.step, step);
		assert_int_equal(got.cluster_id, j.cluster_id);
		assert_int_equal(got.member_id, 7);
		assert_string_equal(got.initial_cluster, cluster);
	}
}

static void an_incomplete_journal_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"STEP=adding\n",
		"STEP=dancing\nCLUSTER_ID=0000000000000000\nMEMBER_ID=0000000000000000\nPEER_URL=https://a:1\n",
		"STEP=added\nCLUSTER_ID=0000000000000001\nMEMBER_ID=0000000000000002\nPEER_URL=https://a:1\n",
		"STEP=added\nCLUSTER_ID=1\nMEMBER_ID=2\nPEER_URL=https://a:1\nINITIAL_CLUSTER=a=https://a:1\n",
		("STEP=started\nCLUSTER_ID=0000000000000001\nMEMBER_ID=0000000000000000\nPEER_URL=https://a:1\n"
		 "INITIAL_CLUSTER=a=https://a:1\n"),
	};
	const struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		auto_joining struct joining j = { 0 };

		put_file("/etc/etcd/joining", texts[i]);
		assert_err(joining_read(m, &j, e), ERR_CONFIG, "/etc/etcd/joining must have STEP");
	}
}

static void other_members_are_named_or_numbered(void **state)
{
	char n1[] = "n1", none[] = "", n4[] = "n4", odd[] = "a=b,c", twin[] = "default";
	char u1[] = "https://10.0.0.1:2380", u2[] = "https://10.0.0.2:2380", u3[] = "https://[fd00::3]:2380";
	char *url1[] = { u1, NULL }, *url2[] = { u2, NULL }, *both[] = { u3, u2, NULL };
	struct rpc_member three[] = {
		{ .id = 1, .name = n1, .peer_urls = url1 },
		{ .id = 2, .name = none, .peer_urls = url2 },
		{ .id = 0xabc, .name = none, .peer_urls = both },
	};
	struct rpc_member strange[] = {
		{ .id = 1, .name = twin, .peer_urls = url1 }, { .id = 2, .name = twin, .peer_urls = url1 },
		{ .id = 3, .name = odd, .peer_urls = url1 },  { .id = 4, .name = n4, .peer_urls = url1 },
		{ .id = 5, .name = none, .peer_urls = url2 },
	};
	auto_free char *plain = joining_cluster(&(struct rpc_members){ .list = three, .n = 3 }, 0xabc, "n3");
	auto_free char *hexed = joining_cluster(&(struct rpc_members){ .list = strange, .n = 5 }, 5, "n4");

	(void)state;
	assert_string_equal(plain, "n1=https://10.0.0.1:2380,0000000000000002=https://10.0.0.2:2380,"
				   "n3=https://[fd00::3]:2380,n3=https://10.0.0.2:2380");
	assert_string_equal(hexed, "0000000000000001=https://10.0.0.1:2380,0000000000000002=https://10.0.0.1:2380,"
				   "0000000000000003=https://10.0.0.1:2380,0000000000000004=https://10.0.0.1:2380,"
				   "n4=https://10.0.0.2:2380");
}

static void only_the_same_minor_version_or_the_next_may_join(void **state)
{
	char a[] = "3.5.30", b[] = "3.6.14", junk[] = "not decided";
	char *old[] = { a, NULL }, *mixed[] = { b, junk, a, NULL }, *none[] = { junk, NULL };

	(void)state;
	assert_ok(joining_check_version((struct version){ 3, 5, 16 }, old, e));
	assert_ok(joining_check_version((struct version){ 3, 6, 14 }, old, e));
	assert_err(joining_check_version((struct version){ 3, 4, 23 }, old, e), ERR_CONFIG, "has etcd 3.4.23");
	assert_err(joining_check_version((struct version){ 3, 7, 1 }, old, e), ERR_CONFIG, "RELEASE=3.5.30");
	assert_err(joining_check_version((struct version){ 4, 5, 0 }, old, e), ERR_CONFIG, "cluster runs 3.5.30");
	assert_ok(joining_check_version((struct version){ 3, 5, 16 }, mixed, e)); /* during an upgrade */
	assert_err(joining_check_version((struct version){ 3, 7, 1 }, mixed, e), ERR_CONFIG, "cluster runs 3.5.30");
	assert_ok(joining_check_version((struct version){ 3, 7, 1 }, none, e));
}

/* An etcd that has just started can answer before its data directory exists. */
static void its_own_learner_is_known_by_the_journal(void **state)
{
	static const struct {
		enum joining_step step;
		uint64_t id;
		bool learner, answers;
		enum joining_whose whose;
	} table[] = {
		{ JOINING_ADDED, 7, true, true, JOINING_RUNS },
		{ JOINING_STARTED, 7, true, true, JOINING_RUNS },
		{ JOINING_STARTED, 7, false, true, JOINING_RUNS },
		{ JOINING_ADDED, 7, true, false, JOINING_REMAINS },
		{ JOINING_ADDING, 0, true, false, JOINING_REMAINS },
		{ JOINING_ADDED, 7, false, false, JOINING_FOREIGN },
		{ JOINING_ADDED, 8, true, true, JOINING_FOREIGN },
		{ JOINING_ADDING, 0, true, true, JOINING_FOREIGN },
		{ JOINING_ADDING, 0, false, false, JOINING_FOREIGN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct joining journal = { .step = table[i].step, .member_id = table[i].id };
		const struct rpc_member one = { .id = 7, .is_learner = table[i].learner };

		assert_int_equal(joining_whose(&journal, &one, table[i].answers), table[i].whose);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(every_step_is_read_as_written),
		WITH_MACHINE(an_incomplete_journal_is_refused),
		cmocka_unit_test(other_members_are_named_or_numbered),
		cmocka_unit_test(only_the_same_minor_version_or_the_next_may_join),
		cmocka_unit_test(its_own_learner_is_known_by_the_journal),
	};

	return cmocka_run_group_tests_name("joining", tests, NULL, NULL);
}
