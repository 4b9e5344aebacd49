/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/rpc: converts valid answers of etcd and refuses invalid ones.
 */
#include "machine_fixture.h"

#include "adapter/rpc.h"

/* Header { cluster_id 1, member_id 2, revision 3, raft_term 6 } of every answer. */
#define HEADER                                                                                                         \
	"0a08080110021803"                                                                                             \
	"2006"

static void status_is_copied_field_by_field(void **state)
{
	/*
	 * version "3.6.14", db_size 16384, leader 2, raft 9 6 9, error "x\e", in use 8192, learner, storage "3.6.0",
	 * quota 2 GiB, and a field 99 that we do not know.
	 */
	struct fake_etcd p = fake_start("server", "ok:" HEADER "1207332e362e31341b"
						  "18808001"
						  "2002"
						  "2809"
						  "3006"
						  "3809"
						  "4202781b"
						  "4880"
						  "40"
						  "5001"
						  "5a05332e362e30"
						  "608080808008"
						  "980601");
	auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 2000);
	struct rpc_status s;

	(void)state;
	assert_ok(rpc_status(g, &s, e));
	assert_int_equal(s.cluster_id, 1);
	assert_int_equal(s.member_id, 2);
	assert_int_equal(s.revision, 3);
	assert_string_equal(s.version, "3.6.14?");
	assert_int_equal(s.db_size, 16384);
	assert_int_equal(s.leader, 2);
	assert_int_equal(s.raft_index, 9);
	assert_int_equal(s.raft_term, 6);
	assert_int_equal(s.raft_applied_index, 9);
	assert_int_equal(s.db_size_in_use, 8192);
	assert_true(s.is_learner);
	assert_int_equal(s.db_quota, (int64_t)2 << 30);
	fake_stop(&p);
}

static void an_empty_answer_is_all_zeros(void **state)
{
	struct fake_etcd p = fake_start("server", "ok:");
	auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 2000);
	struct rpc_status s;
	struct rpc_members m;
	struct rpc_alarm *alarms;
	size_t n;

	(void)state;
	assert_ok(rpc_status(g, &s, e));
	assert_int_equal(s.member_id, 0);
	assert_string_equal(s.version, "");
	assert_ok(rpc_member_list(g, true, &m, e));
	assert_int_equal(m.n, 0);
	assert_ok(rpc_alarms(g, &alarms, &n, e));
	assert_int_equal(n, 0);
	free(alarms);
	rpc_members_free(&m);
	fake_stop(&p);
}

static void members_and_alarms(void **state)
{
	/* members { 1 "n1" peer "p" client "c" } { 2, learner, not started }, then alarm { 2 NOSPACE } { 1 77 }. */
	struct fake_etcd p = fake_start("server", "ok:" HEADER "120c080112026e311a0170220163"
						  "1204"
						  "08022801"
						  " ok:"
						  "120408021001"
						  "12040801104d");
	auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 2000);
	struct rpc_members m;
	struct rpc_alarm *alarms;
	size_t n;

	(void)state;
	assert_ok(rpc_member_list(g, false, &m, e));
	assert_int_equal(m.cluster_id, 1);
	assert_int_equal(m.n, 2);
	assert_int_equal(m.list[0].id, 1);
	assert_string_equal(m.list[0].name, "n1");
	assert_string_equal(m.list[0].peer_urls[0], "p");
	assert_string_equal(m.list[0].client_urls[0], "c");
	assert_false(m.list[0].is_learner);
	assert_string_equal(m.list[1].name, "");
	assert_null(m.list[1].client_urls);
	assert_true(m.list[1].is_learner);
	rpc_members_free(&m);
	assert_ok(rpc_alarms(g, &alarms, &n, e));
	assert_int_equal(n, 2);
	assert_int_equal(alarms[0].member_id, 2);
	assert_string_equal(rpc_alarm_name(alarms[0].kind), "NOSPACE");
	assert_non_null(strstr(rpc_alarm_name(alarms[1].kind), "unknown"));
	free(alarms);
	fake_stop(&p);
}

static void nonsense_is_refused(void **state)
{
	/* A length that leads out of the message; a header of the wrong wire type; 300 members. */
	char many[8 + 300 * 4] = "ok:";
	struct fake_etcd p;
	struct rpc_status s;
	struct rpc_members m;

	(void)state;
	p = fake_start("server", "ok:12ff ok:08");
	{
		auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 2000);

		assert_err(rpc_status(g, &s, e), ERR_HEALTH, "Status: https://127.0.0.1");
		assert_err(rpc_status(g, &s, e), ERR_HEALTH, "cannot be decoded");
	}
	fake_stop(&p);
	for (size_t i = 0; i < 300; i++)
		strcat(many, "1200");
	p = fake_start("server", many);
	{
		auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 2000);

		assert_err(rpc_member_list(g, true, &m, e), ERR_HEALTH, "300 members");
	}
	fake_stop(&p);
}

static void permission_denied_counts_as_healthy(void **state)
{
	struct fake_etcd p = fake_start("server", "error:7:denied error:14:etcdserver%3A%20no%20leader ok:" HEADER);
	auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 2000);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(rpc_health(g, false, &e), 0);
	assert_int_equal(e.class, ERR_NONE);
	assert_int_equal(rpc_health(g, false, &e), -1);
	assert_int_equal(e.rpc, GRPC_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "no leader (UNAVAILABLE)"));
	assert_int_equal(rpc_health(g, true, &e), 0);
	fake_stop(&p);
}

static void a_key_is_read_and_put_by_its_revision(void **state)
{
	/* kvs { key "k", mod_revision 7, value "v\e" }; none; succeeded; not. */
	struct fake_etcd p = fake_start("server", "ok:" HEADER "12090a016b18072a02761b"
						  " ok:" HEADER " ok:" HEADER "1001"
						  " ok:" HEADER);
	auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 2000);
	auto_free char *value = NULL, *none = NULL;
	struct err e = { 0 };
	int64_t revision;

	(void)state;
	assert_int_equal(rpc_get(g, "k", true, &value, &revision, &e), 1);
	assert_string_equal(value, "v?");
	assert_int_equal(revision, 7);
	assert_int_equal(rpc_get(g, "k", true, &none, &revision, &e), 0);
	assert_null(none);
	assert_int_equal(revision, 0);
	assert_int_equal(rpc_put_if(g, "k", 7, "w", &e), 1);
	assert_int_equal(rpc_put_if(g, "k", 7, "w", &e), 0);
	fake_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_copied_field_by_field),
		cmocka_unit_test(an_empty_answer_is_all_zeros),
		cmocka_unit_test(members_and_alarms),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(permission_denied_counts_as_healthy),
		cmocka_unit_test(a_key_is_read_and_put_by_its_revision),
	};

	return cmocka_run_group_tests_name("rpc", tests, certs_setup, certs_teardown);
}
