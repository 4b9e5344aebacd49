/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor/members, doctor/drift: findings from the answers of the members.
 */
#include "findings_fixture.h"

static void a_healthy_cluster_has_no_warnings(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct doctor_report r = judge("", &s);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(r.n, 3);
	assert_null(find(&r, "clock"));
	for (size_t i = 0; i < r.n; i++)
		assert_int_equal(r.list[i].level, DOCTOR_OK);
	assert_int_equal(doctor_verdict(&r, &e), 0);
	doctor_report_free(&r);
}

static void one_of_three_down_is_a_warning_two_are_no_quorum(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct doctor_report r;

	(void)state;
	down(&list[2]);
	r = judge("", &s);
	assert_finding(&r, DOCTOR_WARN, "member n3 does not answer: Connection refused",
		       "on that machine: etcd-cluster status; if it is lost for ever: etcd-cluster remove n3");
	assert_finding(&r, DOCTOR_WARN, "2 of 3 voting members are healthy: one more failure stops the cluster",
		       "repair");
	assert_string_equal(find(&r, "member n3 does not answer")->code, "member_down");
	assert_err(doctor_verdict(&r, e), ERR_HEALTH, "member n3 does not answer"); /* the cluster is degraded */
	doctor_report_free(&r);

	down(&list[1]);
	list[0].healthy = false;
	(void)err_set(&list[0].why, ERR_HEALTH, "no leader");
	s.agreed = false;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_BAD, "no quorum: 0 of 3 voting members are healthy, 2 are needed",
		       "look first at the network of this machine");
	assert_finding(&r, DOCTOR_BAD, "no quorum: 0 of 3 voting members are healthy, 2 are needed",
		       "are down: n2, n3; if they are lost for ever: etcd-cluster restore --force-new-cluster "
		       "0000000000000009");
	assert_finding(&r, DOCTOR_BAD, "member n1 answers but reaches no quorum: no leader", "start the other members");
	assert_err(doctor_verdict(&r, e), ERR_HEALTH, "n1");
	doctor_report_free(&r);
}

static void the_member_here_being_down_is_bad(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct doctor_report r;

	(void)state;
	down(&list[0]);
	r = judge("", &s);
	assert_finding(&r, DOCTOR_BAD, "member n1 does not answer", "systemctl start etcd");
	doctor_report_free(&r);
}

static void each_oddity_of_a_member_is_a_finding(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct rpc_alarm alarms[] = { { 2, RPC_ALARM_NOSPACE }, { 3, RPC_ALARM_CORRUPT } };
	struct doctor_report r;

	(void)state;
	list[1].learner = true;
	list[1].status.raft_applied_index = 90000;
	list[2].status.db_size = (int64_t)1 << 30;
	memcpy(list[2].status.version, "3.5.16", sizeof("3.5.16"));
	s.alarms = alarms;
	s.n_alarms = ARRAY_LEN(alarms);
	r = judge("ETCD_QUOTA_BACKEND_BYTES=1200000000\n", &s);
	assert_finding(&r, DOCTOR_WARN, "n2 is a learner", "on that machine: etcd-cluster setup");
	assert_finding(&r, DOCTOR_WARN, "n2 is 10000 log entries behind", "etcd-cluster check");
	assert_finding(&r, DOCTOR_WARN, "the database of n3 takes 89 % of its quota", "ETCD_QUOTA_BACKEND_BYTES");
	assert_finding(&r, DOCTOR_WARN, "n3 runs etcd 3.5.16, the leader 3.5.30", "release list");
	assert_finding(&r, DOCTOR_BAD, "member n2 (0000000000000002) has raised the alarm NOSPACE", "alarm disarm");
	assert_finding(&r, DOCTOR_BAD, "member n3 (0000000000000003) has raised the alarm CORRUPT",
		       "etcd-cluster leave");
	assert_finding(&r, DOCTOR_WARN, "two voting members", "etcd-cluster join");
	doctor_report_free(&r);

	s = three(list);
	list[2].status.db_size = (int64_t)1 << 30;
	list[2].status.db_size_in_use = (int64_t)1 << 20;
	s.leader = 0;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_WARN, "more than half of the database of n3", "defrag --endpoints=https://n3:2379");
	assert_finding(&r, DOCTOR_BAD, "do not agree on a leader", "journalctl");
	doctor_report_free(&r);
}

static void the_machine_remembers_who_it_is(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	char url[] = "https://10.9.9.9:2380";
	char *moved[] = { url, NULL };
	struct doctor_report r;

	(void)state;
	s.home_cluster = 9;
	s.home_member = 1;
	list[0].peer_urls = moved;
	r = judge("", &s);
	assert_null(find(&r, "this machine is member"));
	assert_finding(&r, DOCTOR_WARN,
		       "dials this member at https://10.9.9.9:2380, cluster.conf says https://127.0.0.1:2380",
		       "etcd-cluster setup");
	doctor_report_free(&r);
	r = judge("NAME=n7\n", &s);
	assert_finding(&r, DOCTOR_WARN, "the cluster calls this member n1, cluster.conf n7", "restart etcd");
	doctor_report_free(&r);

	list[0].id = 7;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_BAD,
		       "is member 0000000000000007 of cluster 0000000000000009, but this machine is member "
		       "0000000000000001 of 0000000000000009",
		       "systemctl stop etcd");
	doctor_report_free(&r);
}

static void a_machine_that_is_not_a_member_gets_the_command_to_become_one(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct doctor_report r;

	(void)state;
	down(&list[0]);
	list[0].listed = false;
	s.home_cluster = 9;
	s.home_member = 1;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_BAD, "this machine's member 0000000000000001 was removed from the cluster",
		       "etcd-cluster join n2");
	assert_null(find(&r, "does not answer"));
	doctor_report_free(&r);
	s.home_cluster = 8;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_BAD,
		       "are of the cluster 0000000000000009, this machine's data is of the cluster 0000000000000008",
		       "join n2");
	doctor_report_free(&r);
	s.home_cluster = s.home_member = 0;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_WARN, "not a member of the cluster 0000000000000009 yet", "etcd-cluster join n2");
	doctor_report_free(&r);
	r = judge("ROLE=join\nJOIN=n2\nADDRESS=127.0.0.1\n", &s);
	assert_finding(&r, DOCTOR_WARN, "not a member of the cluster 0000000000000009 yet", "etcd-cluster setup");
	doctor_report_free(&r);
	/* Without a quorum this is unknown. */
	s.agreed = false;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_BAD, "member n1 does not answer", "systemctl start etcd");
	doctor_report_free(&r);
}

static void members_that_cluster_conf_does_not_know(void **state)
{
#define MEMBERS "ROLE=cluster\nNAME=n1\nADDRESS=10.0.0.1\nMEMBERS=n1=10.0.0.1,n2=10.0.0.2,n3=10.0.0.3\n"
	struct member list[3];
	struct member_survey s = three(list);
	char url[][24] = { "https://10.0.0.1:2380", "https://10.0.0.2:2380", "https://10.0.0.3:2380",
			   "https://10.0.0.9:2380" };
	char *at[][2] = { { url[0], NULL }, { url[1], NULL }, { url[2], NULL }, { url[3], NULL } };
	char n9[] = "n9", nobody[] = "";
	struct doctor_report r;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		list[i].peer_urls = at[i];
	r = judge(MEMBERS, &s);
	assert_finding(&r, DOCTOR_OK, "the members are those of MEMBERS", "");
	doctor_report_free(&r);

	list[1].peer_urls = at[3];
	list[2].name = n9;
	r = judge(MEMBERS, &s);
	assert_finding(&r, DOCTOR_WARN,
		       "the cluster dials n2 at https://10.0.0.9:2380, MEMBERS in cluster.conf says "
		       "https://10.0.0.2:2380",
		       "etcd-cluster setup on that machine");
	assert_finding(&r, DOCTOR_WARN, "the member at https://10.0.0.3:2380 calls itself n9", "correct MEMBERS");
	doctor_report_free(&r);

	list[2].peer_urls = at[3];
	list[1].peer_urls = at[1];
	r = judge(MEMBERS, &s);
	assert_finding(&r, DOCTOR_WARN, "MEMBERS in cluster.conf has n3 (10.0.0.3), which is not a member",
		       "etcd-cluster join");
	assert_finding(&r, DOCTOR_WARN, "n9 (https://10.0.0.9:2380) is a member, but MEMBERS", "add it to MEMBERS");
	doctor_report_free(&r);

	/* A member that was added and never started counts as missing, not as drift. */
	list[2].peer_urls = at[2];
	list[2].name = nobody;
	list[2].url = nobody;
	down(&list[2]);
	r = judge(MEMBERS, &s);
	assert_null(find(&r, "MEMBERS in cluster.conf has"));
	assert_finding(&r, DOCTOR_WARN, "the new member does not answer", "etcd-cluster remove 0000000000000003");
	doctor_report_free(&r);
#undef MEMBERS
}

static void certificates_and_clocks_of_the_others(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	const time_t now = NOW;
	struct doctor_report r;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		list[i].cert_begin = now - 300 * 86400L;
		list[i].cert_end = now + 100 * 86400L;
		list[i].has_clock = true;
		list[i].ahead_ms = 900;
	}
	r = judge("", &s);
	assert_null(find(&r, "certificate"));
	assert_finding(&r, DOCTOR_OK, "clocks of the members agree", "");
	doctor_report_free(&r);

	list[1].cert_end = now + 50 * 86400L + 60;
	list[2].ahead_ms = -600000;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_WARN, "the certificate that n2 serves is good for 50 more days", "cert renew");
	assert_finding(&r, DOCTOR_WARN, "the clock of n3 is 600 s behind that of this machine",
		       "on the one that is wrong");
	doctor_report_free(&r);

	list[1].ahead_ms = -601000;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_WARN, "the clock of this machine is 601 s ahead of the clocks of the other members",
		       "here: timedatectl");
	doctor_report_free(&r);
	list[1].ahead_ms = list[2].ahead_ms = 7200000;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_BAD, "the clock of this machine is 7200 s behind", "set-ntp");
	doctor_report_free(&r);

	list[1].cert_end = now - 86400;
	down(&list[1]);
	list[1].why.rpc = GRPC_UNAUTHENTICATED;
	r = judge("", &s);
	assert_finding(&r, DOCTOR_WARN, "member n2 does not answer", "on that machine: etcd-cluster setup");
	doctor_report_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(a_healthy_cluster_has_no_warnings),
		WITH_ROOT(one_of_three_down_is_a_warning_two_are_no_quorum),
		WITH_ROOT(the_member_here_being_down_is_bad),
		WITH_ROOT(each_oddity_of_a_member_is_a_finding),
		WITH_ROOT(the_machine_remembers_who_it_is),
		WITH_ROOT(a_machine_that_is_not_a_member_gets_the_command_to_become_one),
		WITH_ROOT(members_that_cluster_conf_does_not_know),
		WITH_ROOT(certificates_and_clocks_of_the_others),
	};

	return cmocka_run_group_tests_name("doctor_members", tests, NULL, NULL);
}
