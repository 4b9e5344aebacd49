/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster/health: the result after answers, refusals and timeouts.
 */
#include "machine_fixture.h"

#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "cluster/health.h"

/* Answers in protobuf: header { cluster 1, member 2 }. */
#define HEAD "0a0408011002"
#define STATUS_REST                                                                                                    \
	"1206332e362e3134"                                                                                             \
	"2002"                                                                                                         \
	"2809"                                                                                                         \
	"3809" /* 3.6.14, leader 2, raft index 9, applied 9 */
#define STATUS	"ok:" HEAD STATUS_REST
#define LEARNER STATUS "5001"
#define LIST	"ok:" HEAD "1206080212026e31" /* { 2 "n1" } */
#define LIST_GHOST                                                                                                     \
	LIST "1204"                                                                                                    \
	     "080312"                                                                                                  \
	     "00" /* and { 3, never started } */
#define OK	  "ok:" HEAD
#define ALARM	  "ok:" HEAD "120408021001" /* { 2 NOSPACE } */
#define NO_LEADER "error:14:etcdserver%3A%20no%20leader"

#define TIMEOUT_MS 1500 /* long enough to distinguish one timeout from two on a busy machine */

/* With further lines of cluster.conf. Returns the duration in ms. */
static long long survey(const char *script, const char *conf, struct member_survey *s)
{
	struct fake_etcd p = fake_start("server", script);
	long long begin;
	struct machine m;

	open_machine_of(&m, p.port, conf);
	begin = clock_ms();
	assert_ok(member_survey(&m, TIMEOUT_MS, s, e));
	begin = clock_ms() - begin;
	machine_free(&m);
	fake_stop(&p);
	return begin;
}

static void a_healthy_member_is_surveyed(void **state)
{
	struct member_survey s;
	struct member_votes votes;

	(void)state;
	survey(STATUS " " LIST " " OK " " LIST " " ALARM, "", &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.cluster_id, 1);
	assert_int_equal(s.leader, 2);
	assert_true(s.agreed);
	assert_true(s.list[0].here && s.list[0].listed && s.list[0].answers && s.list[0].healthy);
	assert_string_equal(s.list[0].name, "n1");
	assert_string_equal(s.list[0].status.version, "3.6.14");
	assert_true(s.list[0].cert_end > time(NULL));
	assert_true(s.list[0].has_clock);
	assert_in_range(s.list[0].ahead_ms, 590000, 602000);
	assert_int_equal(s.n_alarms, 1);
	assert_int_equal(s.alarms[0].kind, RPC_ALARM_NOSPACE);
	votes = member_count_votes(&s);
	assert_int_equal(votes.all, 1);
	assert_int_equal(votes.healthy, 1);
	assert_int_equal(votes.quorum, 1);
	member_survey_free(&s);
}

static void without_a_quorum_the_local_list_is_used(void **state)
{
	struct member_survey s;

	(void)state;
	survey(STATUS " " LIST_GHOST " " NO_LEADER, "", &s);
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

static void a_learner_without_a_list_is_healthy(void **state)
{
	struct member_survey s;

	(void)state;
	survey(LEARNER " " OK, "", &s);
	assert_int_equal(s.n, 1);
	assert_true(s.list[0].here && s.list[0].healthy && s.list[0].learner);
	assert_false(s.list[0].listed);
	assert_false(s.agreed);
	assert_int_equal(s.cluster_id, 1);
	assert_int_equal(member_count_votes(&s).all, 0);
	member_survey_free(&s);
}

static void a_stopped_member_does_not_answer(void **state)
{
	struct fake_etcd p = fake_start("server", "close");
	struct member_health h;
	struct member_survey s;
	struct machine m;

	(void)state;
	fake_stop(&p);
	open_machine_of(&m, p.port, "");
	assert_ok(member_survey(&m, TIMEOUT_MS, &s, e));
	assert_int_equal(s.n, 1);
	assert_true(s.list[0].here);
	assert_false(s.list[0].answers);
	assert_non_null(strstr(s.list[0].why.msg, "Connection refused"));
	member_survey_free(&s);
	assert_err(member_probe(&m, TIMEOUT_MS, &h, e), ERR_HEALTH, "Connection refused");
	machine_free(&m);
}

static void the_probe_distinguishes_answering_from_healthy(void **state)
{
	struct fake_etcd p = fake_start("server", STATUS " " OK " close " STATUS " " NO_LEADER);
	struct member_health h;
	struct machine m;

	(void)state;
	open_machine_of(&m, p.port, "");
	assert_ok(member_probe(&m, TIMEOUT_MS, &h, e));
	assert_true(h.healthy);
	assert_int_equal(h.cluster_id, 1);
	assert_int_equal(h.member_id, 2);
	assert_err(member_probe(&m, TIMEOUT_MS, &h, e), ERR_HEALTH, "Status: https://127.0.0.1:");
	assert_ok(member_probe(&m, TIMEOUT_MS, &h, e));
	assert_false(h.healthy);
	machine_free(&m);
	fake_stop(&p);
}

static void etcd_env_has_its_address(void **state)
{
	struct fake_etcd p = fake_start("server", STATUS " " OK);
	auto_free char *text =
		xasprintf("ETCD_ADVERTISE_CLIENT_URLS=https://127.0.0.1:%d,https://192.0.2.1:1\n", p.port);
	struct member_health h;
	struct machine m;

	(void)state;
	open_machine_of(&m, 1, "");
	put_file("/etc/etcd/etcd.env", text);
	assert_ok(member_probe(&m, TIMEOUT_MS, &h, e));
	assert_true(h.healthy);
	machine_free(&m);
	fake_stop(&p);
}

/* One member of a list in protobuf, as hex behind LIST: id, name, client URL. */
static char *entry(int id, const char *name, const char *url)
{
	auto_free char *name_hex = xcalloc(2 * strlen(name) + 1, 1), *url_hex = xcalloc(2 * strlen(url) + 1, 1);

	text_hex((const uint8_t *)name, strlen(name), name_hex);
	text_hex((const uint8_t *)url, strlen(url), url_hex);
	return xasprintf("12%02zx08%02x12%02zx%s22%02zx%s", 6 + strlen(name) + strlen(url), (unsigned int)id,
			 strlen(name), name_hex, strlen(url), url_hex);
}

static void every_listed_member_is_asked_and_the_silent_ones_cost_one_timeout(void **state)
{
	struct fake_etcd other = fake_start("server", "ok:0a0408011003" STATUS_REST " error:12:no " OK);
	struct fake_etcd dead = fake_start("server", "slow");
	auto_free char *url3 = xasprintf("https://127.0.0.1:%d", other.port);
	auto_free char *url4 = xasprintf("https://127.0.0.1:%d", dead.port);
	auto_free char *url5 = xasprintf("https://localhost:%d", dead.port);
	auto_free char *n3 = entry(3, "n3", url3), *n4 = entry(4, "n4", url4), *n5 = entry(5, "n5", url5);
	auto_free char *script =
		xasprintf("%s %s%s%s%s %s %s%s%s%s %s", STATUS, LIST, n3, n4, n5, OK, LIST, n3, n4, n5, OK);
	struct member_survey s;

	(void)state;
	assert_in_range(survey(script, "", &s), TIMEOUT_MS - 10, 2 * TIMEOUT_MS - 100);
	assert_int_equal(s.n, 4);
	assert_true(s.list[0].here && s.list[0].healthy);
	assert_true(s.list[1].answers && s.list[1].healthy && s.list[1].cert_end > time(NULL));
	assert_int_equal(s.list[1].id, 3);
	assert_false(s.list[2].answers || s.list[3].answers);
	assert_non_null(strstr(s.list[2].why.msg, "within 1500 ms"));
	assert_non_null(strstr(s.list[3].why.msg, "within 1500 ms"));
	member_survey_free(&s);
	fake_stop(&dead);
	fake_stop(&other);
}

static void another_member_at_its_address_is_recognised(void **state)
{
	struct fake_etcd other = fake_start("server", "ok:0a0408071008" STATUS_REST " error:12:no " OK);
	auto_free char *url = xasprintf("https://127.0.0.1:%d", other.port), *n3 = entry(3, "n3", url);
	auto_free char *script = xasprintf("%s %s%s %s %s%s %s", STATUS, LIST, n3, OK, LIST, n3, OK);
	struct member_survey s;

	(void)state;
	survey(script, "", &s);
	assert_int_equal(s.n, 2);
	assert_false(s.list[1].answers);
	assert_int_equal(s.list[1].id, 3);
	assert_non_null(strstr(s.list[1].why.msg,
			       "member 0000000000000008 of cluster 0000000000000007 answers at https://127.0.0.1:"));
	assert_int_equal(s.leader, 2);
	member_survey_free(&s);
	fake_stop(&other);
}

static void a_removed_member_comes_first_in_the_list(void **state)
{
	const char *const conf = "ROLE=join\nADDRESS=127.0.0.1\nJOIN=127.0.0.1\n";
	struct member_survey s;

	(void)state;
	/* The etcd here is down; another one is found by JOIN (CLIENT_PORT is its port). */
	put_file("/etc/etcd/etcd.env", "ETCD_ADVERTISE_CLIENT_URLS=https://127.0.0.1:1\n");
	put_file("/etc/etcd/member-id", "CLUSTER_ID=0000000000000001\nMEMBER_ID=0000000000000009\nNAME=n1\n");
	survey(STATUS " " LIST " " OK " " LIST " " OK, conf, &s);
	assert_int_equal(s.n, 2);
	assert_true(s.list[0].here && !s.list[0].listed && !s.list[0].answers);
	assert_int_equal(s.list[0].id, 9);
	assert_non_null(strstr(s.list[0].why.msg, "Connection refused"));
	assert_true(s.list[1].listed && !s.list[1].here);
	assert_true(s.agreed && s.cluster_id == s.home_cluster && s.home_member == 9);
	member_survey_free(&s);

	put_file("/etc/etcd/member-id", "CLUSTER_ID=0000000000000005\nMEMBER_ID=0000000000000009\nNAME=n1\n");
	survey(STATUS " " LIST " " OK " " LIST " " OK, conf, &s);
	assert_true(s.cluster_id == 1 && s.home_cluster == 5);
	member_survey_free(&s);
}

static void without_a_certificate_nothing_is_asked(void **state)
{
	struct member_survey s;
	struct machine m;

	(void)state;
	open_machine_of(&m, 1, "");
	remove_path("/etc/etcd/pki/etcdctl-etcd-client.crt");
	assert_err(member_survey(&m, TIMEOUT_MS, &s, e), ERR_CONFIG, "etcdctl-etcd-client.crt");
	member_survey_free(&s);
	machine_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CLIENT(a_healthy_member_is_surveyed),
		WITH_CLIENT(without_a_quorum_the_local_list_is_used),
		WITH_CLIENT(a_learner_without_a_list_is_healthy),
		WITH_CLIENT(a_stopped_member_does_not_answer),
		WITH_CLIENT(the_probe_distinguishes_answering_from_healthy),
		WITH_CLIENT(etcd_env_has_its_address),
		WITH_CLIENT(every_listed_member_is_asked_and_the_silent_ones_cost_one_timeout),
		WITH_CLIENT(another_member_at_its_address_is_recognised),
		WITH_CLIENT(a_removed_member_comes_first_in_the_list),
		WITH_CLIENT(without_a_certificate_nothing_is_asked),
	};

	return cmocka_run_group_tests_name("survey", tests, certs_setup, certs_teardown);
}
