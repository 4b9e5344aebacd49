/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 *
 * core/member: what is concluded from answers, refusals and silence.
 */
#include "pretend_machine.h"

#include "core/member.h"

/* Answers in protobuf: header { cluster 1, member 2 }. */
#define HEAD "0a0408011002"
#define STATUS                                                                                                         \
	"ok:" HEAD "1206332e362e3134"                                                                                  \
	"2002"                                                                                                         \
	"2809"                                                                                                         \
	"3809" /* 3.6.14, leader 2, raft index 9, applied 9 */
#define LEARNER STATUS "5001"
#define LIST	"ok:" HEAD "1206080212026e31" /* { 2 "n1" } */
#define LIST_GHOST                                                                                                     \
	LIST "1204"                                                                                                    \
	     "080312"                                                                                                  \
	     "00" /* and { 3, never started } */
#define OK	  "ok:" HEAD
#define ALARM	  "ok:" HEAD "120408021001" /* { 2 NOSPACE } */
#define NO_LEADER "error:14:etcdserver%3A%20no%20leader"
#define NOT_HERE  "error:14:etcdserver%3A%20rpc%20not%20supported%20for%20learner"

static void survey(const char *script, struct member_survey *s)
{
	struct pretend p = pretend_start(pki, "server", script);
	struct machine m;

	open_machine(&m, p.port);
	assert_ok(member_survey(&m, 500, s, e));
	machine_free(&m);
	pretend_stop(&p);
}

static void a_healthy_member(void **state)
{
	struct member_survey s;
	struct member_votes votes;

	(void)state;
	survey(STATUS " " LIST " " STATUS " " OK " " ALARM, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.cluster_id, 1);
	assert_int_equal(s.leader, 2);
	assert_true(s.agreed);
	assert_true(s.list[0].here && s.list[0].listed && s.list[0].answers && s.list[0].healthy);
	assert_string_equal(s.list[0].name, "n1");
	assert_string_equal(s.list[0].status.version, "3.6.14");
	assert_int_equal(s.n_alarms, 1);
	assert_int_equal(s.alarms[0].kind, RPC_ALARM_NOSPACE);
	votes = member_count_votes(&s);
	assert_int_equal(votes.all, 1);
	assert_int_equal(votes.healthy, 1);
	assert_int_equal(votes.quorum, 1);
	member_survey_free(&s);
}

static void without_quorum_the_list_is_what_it_remembers(void **state)
{
	struct member_survey s;

	(void)state;
	survey(STATUS " " NO_LEADER " " LIST_GHOST " " STATUS " " NO_LEADER, &s);
	assert_int_equal(s.n, 2);
	assert_false(s.agreed);
	assert_true(s.list[0].answers);
	assert_false(s.list[0].healthy);
	assert_int_equal(s.list[0].why.rpc, GRPC_UNAVAILABLE);
	assert_non_null(strstr(s.list[0].why.msg, "no leader"));
	assert_false(s.list[1].answers);
	assert_non_null(strstr(s.list[1].why.msg, "not started yet"));
	assert_int_equal(member_count_votes(&s).quorum, 2);
	member_survey_free(&s);
}

static void a_learner_of_3_4_has_no_list_but_is_well(void **state)
{
	struct member_survey s;

	(void)state;
	survey(LEARNER " " NOT_HERE " " NOT_HERE " " LEARNER " " OK, &s);
	assert_int_equal(s.n, 1);
	assert_true(s.list[0].here && s.list[0].healthy && s.list[0].learner);
	assert_false(s.list[0].listed);
	assert_false(s.agreed);
	assert_int_equal(s.cluster_id, 1);
	assert_int_equal(member_count_votes(&s).all, 0);
	member_survey_free(&s);
}

static void silence_is_a_member_that_does_not_answer(void **state)
{
	struct pretend p = pretend_start(pki, "server", "close");
	struct member_health h;
	struct member_survey s;
	struct machine m;

	(void)state;
	pretend_stop(&p);
	open_machine(&m, p.port);
	assert_ok(member_survey(&m, 500, &s, e));
	assert_int_equal(s.n, 1);
	assert_true(s.list[0].here);
	assert_false(s.list[0].answers);
	assert_non_null(strstr(s.list[0].why.msg, "Connection refused"));
	member_survey_free(&s);
	assert_err(member_probe(&m, 500, &h, e), ERR_HEALTH, "Connection refused");
	machine_free(&m);
}

static void the_probe_tells_answering_from_healthy(void **state)
{
	struct pretend p = pretend_start(pki, "server", STATUS " " OK " close " STATUS " " NO_LEADER);
	struct member_health h;
	struct machine m;

	(void)state;
	open_machine(&m, p.port);
	assert_ok(member_probe(&m, 500, &h, e));
	assert_true(h.answers && h.healthy);
	assert_int_equal(h.cluster_id, 1);
	assert_int_equal(h.member_id, 2);
	assert_string_equal(h.version, "3.6.14");
	assert_err(member_probe(&m, 500, &h, e), ERR_HEALTH, "Status: https://127.0.0.1:");
	assert_ok(member_probe(&m, 500, &h, e));
	assert_true(h.answers);
	assert_false(h.healthy);
	machine_free(&m);
	pretend_stop(&p);
}

static void etcd_env_says_where_it_is(void **state)
{
	struct pretend p = pretend_start(pki, "server", STATUS " " OK);
	auto_free char *env = xasprintf("%s/etc/etcd/etcd.env", root);
	auto_free char *text =
		xasprintf("ETCD_ADVERTISE_CLIENT_URLS=https://127.0.0.1:%d,https://192.0.2.1:1\n", p.port);
	struct member_health h;
	struct machine m;

	(void)state;
	open_machine(&m, 1);
	put(env, text);
	assert_ok(member_probe(&m, 500, &h, e));
	assert_true(h.healthy);
	assert_ok(file_remove_tree(env, e));
	machine_free(&m);
	pretend_stop(&p);
}

static void without_a_certificate_nothing_is_asked(void **state)
{
	auto_free char *cert = xasprintf("%s/etc/etcd/pki/etcdctl-etcd-client.crt", root);
	struct member_survey s;
	struct machine m;

	(void)state;
	open_machine(&m, 1);
	assert_ok(file_remove_tree(cert, e));
	assert_err(member_survey(&m, 500, &s, e), ERR_CONFIG, "etcdctl-etcd-client.crt");
	member_survey_free(&s);
	copy_pair("client", "etcdctl-etcd-client", "crt");
	machine_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_member),
		cmocka_unit_test(without_quorum_the_list_is_what_it_remembers),
		cmocka_unit_test(a_learner_of_3_4_has_no_list_but_is_well),
		cmocka_unit_test(silence_is_a_member_that_does_not_answer),
		cmocka_unit_test(the_probe_tells_answering_from_healthy),
		cmocka_unit_test(etcd_env_says_where_it_is),
		cmocka_unit_test(without_a_certificate_nothing_is_asked),
	};

	return cmocka_run_group_tests_name("member", tests, setup, teardown);
}
