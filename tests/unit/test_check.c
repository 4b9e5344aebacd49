/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 *
 * core/check: every situation has its sentence, its level and something to type.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check_parts.h"
#include "core/config_default.h"
#include "core/probe.h"

static char *root;

static int setup(void **state)
{
	auto_free char *etc = NULL;

	(void)state;
	root = unit_dir();
	etc = xasprintf("%s/etc/etcd", root);
	assert_ok(file_mkdirs(etc, FILE_MODE(0755), e));
	return 0;
}

static int teardown(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (file_remove_tree(root, &e) < 0)
		return -1;
	free(root);
	return 0;
}

static void put(const char *name, const char *text)
{
	auto_free char *path = xasprintf("%s/etc/etcd/%s", root, name);

	assert_ok(file_replace(path, FILE_MODE(0600), text, strlen(text), e));
}

static void open_machine(struct machine *m, const char *conf)
{
	const struct machine_options o = { .root = root };

	put("cluster.conf", conf);
	assert_ok(machine_open(m, &o, e));
}

/* The finding whose sentence has this text. */
static const struct check_finding *find(const struct check_report *r, const char *text)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strstr(r->list[i].what, text))
			return &r->list[i];
	}
	return NULL;
}

static void assert_finding(const struct check_report *r, enum check_level level, const char *what, const char *mend)
{
	const struct check_finding *f = find(r, what);

	if (!f) {
		for (size_t i = 0; i < r->n; i++)
			print_message("# %s: %s\n", check_level_name(r->list[i].level), r->list[i].what);
		fail_msg("no finding says \"%s\"", what);
		return;
	}
	assert_int_equal(f->level, level);
	if (!strstr(f->mend, mend))
		fail_msg("\"%s\" is not what mends \"%s\": %s", mend, f->what, f->mend);
}

/* --- What a survey means. */

/* A survey of three healthy members, the first one here and leader, as the starting point of each case. */
static struct member_survey three(struct member list[3])
{
	static char names[3][3] = { "n1", "n2", "n3" };
	static char urls[3][24] = { "https://127.0.0.1:2379", "https://n2:2379", "https://n3:2379" };

	for (size_t i = 0; i < 3; i++)
		list[i] = (struct member){ .id = i + 1,
					   .name = names[i],
					   .url = urls[i],
					   .here = i == 0,
					   .listed = true,
					   .answers = true,
					   .healthy = true,
					   .status = { .cluster_id = 9,
						       .member_id = i + 1,
						       .leader = 1,
						       .raft_index = 100000,
						       .raft_applied_index = 100000,
						       .db_size = 1 << 20,
						       .db_size_in_use = 1 << 20,
						       .version = "3.5.30" } };
	return (struct member_survey){ .cluster_id = 9, .leader = 1, .agreed = true, .list = list, .n = 3 };
}

static void down(struct member *one)
{
	one->answers = one->healthy = false;
	(void)err_set(&one->why, ERR_HEALTH, "Connection refused");
}

static struct check_report judge(const char *conf, const struct member_survey *s)
{
	struct check_report r = { .running = true };
	auto_free char *text = xasprintf("%s%s", strstr(conf, "NAME=") ? "" : "NAME=n1\n", conf);
	struct machine m;

	open_machine(&m, text);
	check_members(&m, s, &r);
	machine_free(&m);
	return r;
}

static void a_healthy_cluster_has_nothing_to_say(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct check_report r = judge("", &s);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(r.n, 3);
	assert_null(find(&r, "clock"));
	for (size_t i = 0; i < r.n; i++)
		assert_int_equal(r.list[i].level, CHECK_OK);
	assert_int_equal(check_verdict(&r, &e), 0);
	check_report_free(&r);
}

static void one_of_three_down_is_a_warning_two_are_no_quorum(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct check_report r;

	(void)state;
	down(&list[2]);
	r = judge("", &s);
	assert_finding(&r, CHECK_WARN, "member n3 does not answer: Connection refused",
		       "on that machine: etcd-cluster status; if it is lost for ever: etcd-cluster remove n3");
	assert_finding(&r, CHECK_WARN, "2 of 3 voting members are healthy: one more failure stops the cluster", "mend");
	assert_ok(check_verdict(&r, e));
	check_report_free(&r);

	down(&list[1]);
	list[0].healthy = false;
	(void)err_set(&list[0].why, ERR_HEALTH, "no leader");
	s.agreed = false;
	r = judge("", &s);
	assert_finding(&r, CHECK_BAD, "no quorum: 0 of 3 voting members are healthy, 2 are needed",
		       "are down: n2, n3; if they are lost for ever: etcd-cluster restore --force-new-cluster 9");
	assert_finding(&r, CHECK_BAD, "member n1 answers but reaches no quorum: no leader", "start the other members");
	assert_err(check_verdict(&r, e), ERR_HEALTH, "n1");
	check_report_free(&r);
}

static void the_member_here_being_down_is_bad(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct check_report r;

	(void)state;
	down(&list[0]);
	r = judge("", &s);
	assert_finding(&r, CHECK_BAD, "member n1 does not answer", "systemctl start etcd");
	check_report_free(&r);
}

static void what_is_odd_about_a_member(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct rpc_alarm alarms[] = { { 2, RPC_ALARM_NOSPACE }, { 3, RPC_ALARM_CORRUPT } };
	struct check_report r;

	(void)state;
	list[1].learner = true;
	list[1].status.raft_applied_index = 90000;
	list[2].status.db_size = (int64_t)1 << 30;
	memcpy(list[2].status.version, "3.5.16", sizeof("3.5.16"));
	s.alarms = alarms;
	s.n_alarms = ARRAY_LEN(alarms);
	r = judge("ETCD_QUOTA_BACKEND_BYTES=1200000000\n", &s);
	assert_finding(&r, CHECK_WARN, "n2 is a learner", "on that machine: etcd-cluster setup");
	assert_finding(&r, CHECK_WARN, "n2 is 10000 log entries behind", "etcd-cluster check");
	assert_finding(&r, CHECK_WARN, "the database of n3 takes 89 % of its quota", "ETCD_QUOTA_BACKEND_BYTES");
	assert_finding(&r, CHECK_WARN, "n3 runs etcd 3.5.16, the leader 3.5.30", "release list");
	assert_finding(&r, CHECK_BAD, "member n2 (2) has raised the alarm NOSPACE", "alarm disarm");
	assert_finding(&r, CHECK_BAD, "member n3 (3) has raised the alarm CORRUPT", "etcd-cluster leave");
	assert_finding(&r, CHECK_WARN, "two voting members", "etcd-cluster join");
	check_report_free(&r);

	s = three(list);
	list[2].status.db_size = (int64_t)1 << 30;
	list[2].status.db_size_in_use = (int64_t)1 << 20;
	s.leader = 0;
	r = judge("", &s);
	assert_finding(&r, CHECK_WARN, "more than half of the database of n3", "defrag --endpoints=https://n3:2379");
	assert_finding(&r, CHECK_BAD, "do not agree on a leader", "journalctl");
	check_report_free(&r);
}

static void the_machine_remembers_who_it_is(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	char url[] = "https://10.9.9.9:2380";
	char *moved[] = { url, NULL };
	struct check_report r;

	(void)state;
	s.home_cluster = 9;
	s.home_member = 1;
	list[0].peer_urls = moved;
	r = judge("", &s);
	assert_null(find(&r, "this machine is member"));
	assert_finding(&r, CHECK_WARN,
		       "dials this member at https://10.9.9.9:2380, cluster.conf says https://127.0.0.1:2380",
		       "etcd-cluster setup");
	check_report_free(&r);
	r = judge("NAME=n7\n", &s);
	assert_finding(&r, CHECK_WARN, "the cluster calls this member n1, cluster.conf n7", "restart etcd");
	check_report_free(&r);

	list[0].id = 7;
	r = judge("", &s);
	assert_finding(&r, CHECK_BAD, "is member 7 of cluster 9, but this machine is member 1 of 9",
		       "systemctl stop etcd");
	check_report_free(&r);
}

static void one_that_is_no_member_is_told_how_to_become_one(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	struct check_report r;

	(void)state;
	down(&list[0]);
	list[0].listed = false;
	s.home_cluster = 9;
	s.home_member = 1;
	r = judge("", &s);
	assert_finding(&r, CHECK_BAD, "this machine's member 1 was removed from the cluster", "etcd-cluster join n2");
	assert_null(find(&r, "does not answer"));
	check_report_free(&r);
	s.home_cluster = 8;
	r = judge("", &s);
	assert_finding(&r, CHECK_BAD, "are of the cluster 9, this machine's data is of the cluster 8", "join n2");
	check_report_free(&r);
	s.home_cluster = s.home_member = 0;
	r = judge("", &s);
	assert_finding(&r, CHECK_WARN, "not a member of the cluster 9 yet", "etcd-cluster join n2");
	check_report_free(&r);
	r = judge("ROLE=join\nJOIN=n2\nADDRESS=127.0.0.1\n", &s);
	assert_finding(&r, CHECK_WARN, "not a member of the cluster 9 yet", "etcd-cluster setup");
	check_report_free(&r);
	/* Without a quorum nobody knows. */
	s.agreed = false;
	r = judge("", &s);
	assert_finding(&r, CHECK_BAD, "member n1 does not answer", "systemctl start etcd");
	check_report_free(&r);
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
	struct check_report r;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		list[i].peer_urls = at[i];
	r = judge(MEMBERS, &s);
	assert_finding(&r, CHECK_OK, "the members are those of MEMBERS", "");
	check_report_free(&r);

	list[1].peer_urls = at[3];
	list[2].name = n9;
	r = judge(MEMBERS, &s);
	assert_finding(&r, CHECK_WARN,
		       "the cluster dials n2 at https://10.0.0.9:2380, MEMBERS in cluster.conf says "
		       "https://10.0.0.2:2380",
		       "etcd-cluster setup on that machine");
	assert_finding(&r, CHECK_WARN, "the member at https://10.0.0.3:2380 calls itself n9", "correct MEMBERS");
	check_report_free(&r);

	list[2].peer_urls = at[3];
	list[1].peer_urls = at[1];
	r = judge(MEMBERS, &s);
	assert_finding(&r, CHECK_WARN, "MEMBERS in cluster.conf has n3 (10.0.0.3), which is no member",
		       "etcd-cluster join");
	assert_finding(&r, CHECK_WARN, "n9 (https://10.0.0.9:2380) is a member, but MEMBERS", "add it to MEMBERS");
	check_report_free(&r);

	/* Added, never started: not drift but one that is missed. */
	list[2].peer_urls = at[2];
	list[2].name = nobody;
	list[2].url = nobody;
	down(&list[2]);
	r = judge(MEMBERS, &s);
	assert_null(find(&r, "MEMBERS in cluster.conf has"));
	assert_finding(&r, CHECK_WARN, "the new member does not answer", "etcd-cluster remove 3");
	check_report_free(&r);
#undef MEMBERS
}

static void certificates_and_clocks_of_the_others(void **state)
{
	struct member list[3];
	struct member_survey s = three(list);
	const time_t now = time(NULL);
	struct check_report r;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		list[i].cert_begin = now - 300 * 86400L;
		list[i].cert_end = now + 100 * 86400L;
		list[i].has_clock = true;
		list[i].ahead_ms = 900;
	}
	r = judge("", &s);
	assert_null(find(&r, "certificate"));
	assert_finding(&r, CHECK_OK, "clocks of the members agree", "");
	check_report_free(&r);

	list[1].cert_end = now + 50 * 86400L + 60;
	list[2].ahead_ms = -600000;
	r = judge("", &s);
	assert_finding(&r, CHECK_WARN, "the certificate that n2 serves is good for 50 more days", "cert renew");
	assert_finding(&r, CHECK_WARN, "the clock of n3 is 600 s behind that of this machine",
		       "on the one that is wrong");
	check_report_free(&r);

	list[1].ahead_ms = -601000;
	r = judge("", &s);
	assert_finding(&r, CHECK_WARN, "the clock of this machine is 601 s ahead of the clocks of the other members",
		       "here: timedatectl");
	check_report_free(&r);
	list[1].ahead_ms = list[2].ahead_ms = 7200000;
	r = judge("", &s);
	assert_finding(&r, CHECK_BAD, "the clock of this machine is 7200 s behind", "set-ntp");
	check_report_free(&r);

	list[1].cert_end = now - 86400;
	down(&list[1]);
	list[1].why.rpc = GRPC_UNAUTHENTICATED;
	r = judge("", &s);
	assert_finding(&r, CHECK_WARN, "member n2 does not answer", "on that machine: etcd-cluster setup");
	check_report_free(&r);
}

/* --- Before the first start. */

static int listener(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static int before_start(const char *conf, struct err *e)
{
	struct machine m;
	int rc;

	open_machine(&m, conf);
	rc = check_before_start(&m, e);
	machine_free(&m);
	return rc;
}

static void a_port_that_is_taken_names_the_program(void **state)
{
	uint16_t port;
	auto_close int fd = listener(&port);
	auto_free char *conf = xasprintf("CLIENT_PORT=%u\nPEER_PORT=10223\nMETRICS_URL=\"\"\n", port);
	auto_free char *want =
		xasprintf("https://127.0.0.1:%u is taken by test_check (process %d)", port, (int)getpid());
	auto_free char *env = xasprintf("ETCD_LISTEN_CLIENT_URLS=https://0.0.0.0:%u\n", port);

	(void)state;
	assert_err(before_start(conf, e), ERR_CONFIG, want);
	/* etcd.env decides, once it is there; and a listener on one address is in the way of one on all of them. */
	put("etcd.env", env);
	assert_err(before_start("CLIENT_PORT=10222\n", e), ERR_CONFIG, "is taken by test_check");
	put("etcd.env", "ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:10222\n");
	assert_ok(before_start(conf, e));
	put("etcd.env", "ETCD_LISTEN_CLIENT_URLS=https://192.0.2.77:10222\n");
	/* A build may be without a network. */
	assert_err(before_start(conf, e), config_is_offline() ? ERR_PENDING : ERR_CONFIG,
		   "192.0.2.77 is not an address of this machine");
	put("etcd.env", "ETCD_LISTEN_CLIENT_URLS=https://[::ffff:c000:24d]:10222,http://name.invalid:1\n");
	assert_err(before_start(conf, e), config_is_offline() ? ERR_PENDING : ERR_CONFIG,
		   "::ffff:c000:24d is not an address of this machine");
	put("etcd.env", "ETCD_NAME=n1\n");
	assert_ok(before_start(conf, e));
}

static void an_address_that_is_a_name_must_lead_here(void **state)
{
	(void)state;
	assert_err(before_start("ADDRESS=no-such-host.invalid\n", e), ERR_CONFIG,
		   "no-such-host.invalid cannot be resolved");
	assert_ok(before_start("ADDRESS=localhost\n", e));
}

/* --- The other machines. */

/* A listener on 127.0.0.2, as if it were another machine. */
static int other_listener(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* Its queue is full, so that no further connection is answered: what a firewall that drops looks like. */
static int silent_listener(uint16_t *port, int full[2])
{
	int fd = other_listener(port);
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1),
				  .sin_port = htons(*port) };

	assert_int_equal(listen(fd, 0), 0);
	for (size_t i = 0; i < 2; i++) {
		full[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)connect(full[i], (const struct sockaddr *)&at, sizeof(at));
	}
	return fd;
}

static struct check_report look_around(const char *conf, const struct member_survey *s, size_t *doors)
{
	struct check_report r = { .running = true };
	size_t n = 0;
	struct machine m;

	open_machine(&m, conf);
	check_peers(&m, s, &n, &r);
	check_ca(&m, s, doors ? *doors : n, &r);
	if (doors)
		*doors = n;
	machine_free(&m);
	return r;
}

static void the_ports_of_the_others_are_tried(void **state)
{
	uint16_t port, shut, deaf;
	int full[2];
	auto_close int fd = other_listener(&port), gone = other_listener(&shut), dead = silent_listener(&deaf, full);
	auto_free char *conf = xasprintf("ROLE=cluster\nNAME=n1\nADDRESS=127.0.0.1\nCLIENT_PORT=%u\nPEER_PORT=%u\n"
					 "ENROLL_PORT=%u\nMEMBERS=n1=127.0.0.1,n2=127.0.0.2,n3=no-such-host.invalid\n",
					 port, shut, port + 1U == shut ? shut + 1U : port + 1U);
	auto_free char *open = xasprintf("n2 (127.0.0.2) can be reached: port %u", port);
	auto_free char *yet = xasprintf("n2 (127.0.0.2) is there; nobody listens on port %u yet", shut);
	auto_free char *refuses = xasprintf("n2 (127.0.0.2) refuses connections to port %u", shut);
	auto_free char *url = xasprintf("https://127.0.0.2:%u", port), *peer = xasprintf("https://127.0.0.2:%u", shut);
	auto_free char *far = xasprintf("https://127.0.0.2:%u", deaf);
	auto_free char *lost =
		xasprintf("n3 (127.0.0.2) cannot be reached on port %u, %u: Connection timed out", deaf, deaf);
	char *at[] = { peer, NULL }, *far_at[] = { far, NULL };
	struct member_survey s = { 0 };
	struct member list[3];
	struct check_report r;
	size_t doors = 0;

	(void)state;
	(void)close(gone);
	gone = -1;
	r = look_around(conf, &s, &doors);
	assert_finding(&r, CHECK_OK, open, "");
	assert_finding(&r, CHECK_OK, yet, "");
	assert_finding(&r, CHECK_BAD, "no-such-host.invalid cannot be resolved", "/etc/hosts");
	assert_int_equal(doors, 0);
	check_report_free(&r);

	/* Where the cluster says they are counts, once it can be asked. */
	s = three(list);
	list[1].url = url;
	list[1].peer_urls = at;
	list[2].url = far;
	list[2].peer_urls = far_at;
	r = look_around(conf, &s, &doors);
	assert_finding(&r, CHECK_OK, open, "");
	assert_finding(&r, CHECK_WARN, refuses, "on that machine: etcd-cluster check");
	assert_finding(&r, CHECK_WARN, lost, "firewall");
	assert_null(find(&r, "no-such-host"));
	check_report_free(&r);
	(void)close(full[0]);
	(void)close(full[1]);
}

static void two_members_are_advised_against(void **state)
{
	struct member_survey s = { 0 };
	struct check_report r =
		look_around("ROLE=cluster\nNAME=n1\nADDRESS=127.0.0.1\nCLIENT_PORT=9\nPEER_PORT=10\nENROLL_PORT=11\n"
			    "MEMBERS=n1=127.0.0.1,n2=127.0.0.2\n",
			    &s, NULL);

	(void)state;
	assert_finding(&r, CHECK_WARN, "MEMBERS in cluster.conf has two members", "three");
	check_report_free(&r);
}

static void who_asks_for_certificates_needs_a_token_and_a_door(void **state)
{
#define JOINER "ROLE=join\nNAME=n4\nADDRESS=127.0.0.1\nJOIN=127.0.0.2\nCLIENT_PORT=9\n"
	uint16_t port;
	auto_close int fd = other_listener(&port);
	auto_free char *with_door = xasprintf(JOINER "ENROLL_PORT=%u\n", port);
	auto_free char *token = xasprintf("%s/etc/etcd/enroll-token", root);
	struct member_survey s = { 0 };
	struct check_report r;

	(void)state;
	r = look_around(JOINER "ENROLL_PORT=11\n", &s, NULL);
	assert_finding(&r, CHECK_WARN, "has neither certificates nor an enrolment token", "etcd-cluster token new");
	assert_finding(&r, CHECK_WARN, "no CA host can be reached on the enrolment port 11", "TCP port 11");
	check_report_free(&r);
	put("enroll-token", "hunter2\n");
	r = look_around(with_door, &s, NULL);
	assert_int_equal(find(&r, "token")->level, CHECK_BAD);
	assert_null(find(&r, "hunter2"));
	assert_finding(&r, CHECK_OK, "the enrolment port of a CA host can be reached", "");
	check_report_free(&r);
	put("enroll-token", "9f3c52a7e1b8460dd47a05c6f21b93e8c05d7714\n");
	r = look_around(with_door, &s, NULL);
	assert_finding(&r, CHECK_OK, "is strong and nobody else can read it", "");
	check_report_free(&r);
	assert_ok(file_remove_tree(token, e));
#undef JOINER
}

static void a_ca_host_has_a_door_and_somebody_to_wait_for(void **state)
{
	uint16_t port;
	auto_close int fd = listener(&port);
	auto_free char *dir = xasprintf("%s/etc/etcd/pki", root);
	const char *const members = "ROLE=cluster\nNAME=n1\nADDRESS=127.0.0.1\nCLIENT_PORT=9\nPEER_PORT=10\n"
				    "MEMBERS=n1=127.0.0.1,n2=127.0.0.2,n3=127.0.0.3\n";
	auto_free char *taken = xasprintf("%sENROLL_PORT=%u\n", members, port);
	auto_free char *free_port = xasprintf("%sENROLL_PORT=10221\n", members);
	auto_free char *want = xasprintf("the enrolment port %u is taken by test_check", port);
	struct member_survey s = { 0 };
	struct member list[3];
	struct check_report r;
	size_t doors = 1;

	(void)state;
	assert_ok(file_mkdirs(dir, FILE_MODE(0755), e));
	put("pki/ca.crt", "");
	put("pki/ca.key", "");
	r = look_around(taken, &s, NULL);
	assert_finding(&r, CHECK_BAD, want, "ENROLL_PORT");
	assert_finding(&r, CHECK_WARN, "n2, n3 of MEMBERS got no certificates yet, and the tokens here do for 0",
		       "etcd-cluster token new --uses 2");
	assert_finding(&r, CHECK_OK, "no other machine is a CA host", "ca export");
	check_report_free(&r);

	s = three(list);
	r = look_around(free_port, &s, &doors);
	assert_finding(&r, CHECK_OK, "the enrolment port 10221 is free", "");
	assert_null(find(&r, "of MEMBERS got no certificates"));
	assert_null(find(&r, "no other machine is a CA host"));
	check_report_free(&r);
	assert_ok(file_remove_tree(dir, e));
}

/* --- Probes. */

static void probes_see_this_process(void **state)
{
	auto_strv char **env = probe_environ(getpid());
	auto_free char *program = probe_program(getpid());
	time_t started = probe_started(getpid());
	struct probe_disk d;

	(void)state;
	assert_true(strv_len(env) > 0);
	assert_non_null(strstr(program, "test_check"));
	assert_in_range(started, time(NULL) - 600, time(NULL) + 2);
	assert_int_equal(probe_open_files(getpid()), sysconf(_SC_OPEN_MAX));
	assert_null(probe_environ(INT32_MAX));
	assert_int_equal(probe_started(INT32_MAX), 0);
	assert_int_equal(probe_open_files(INT32_MAX), -1);
	assert_int_equal(probe_etcd(root, NULL), 0);
	assert_err(probe_disk("/nonexistent", &d, e), ERR_FAIL, "/nonexistent");
	assert_ok(probe_disk(root, &d, e));
	assert_true(d.writes > 0 && d.median_ms <= d.p99_ms);
}

static void the_verdict_is_the_first_bad_one(void **state)
{
	struct check_report r = { 0 };

	(void)state;
	check_ok(&r, "fine");
	check_mend(check_warn(&r, "odd"), "look");
	assert_ok(check_verdict(&r, e));
	check_mend(check_bad(&r, ERR_VERIFY, "%s\033[1m", "broken"), "mend it");
	(void)check_bad(&r, ERR_CONFIG, "later");
	assert_err(check_verdict(&r, e), ERR_VERIFY, "broken?[1m");
	assert_err(check_verdict(&r, e), ERR_VERIFY, "mend it");
	r.running = true;
	assert_err(check_verdict(&r, e), ERR_HEALTH, "broken");
	check_report_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_cluster_has_nothing_to_say),
		cmocka_unit_test(one_of_three_down_is_a_warning_two_are_no_quorum),
		cmocka_unit_test(the_member_here_being_down_is_bad),
		cmocka_unit_test(what_is_odd_about_a_member),
		cmocka_unit_test(the_machine_remembers_who_it_is),
		cmocka_unit_test(one_that_is_no_member_is_told_how_to_become_one),
		cmocka_unit_test(members_that_cluster_conf_does_not_know),
		cmocka_unit_test(certificates_and_clocks_of_the_others),
		cmocka_unit_test(a_port_that_is_taken_names_the_program),
		cmocka_unit_test(an_address_that_is_a_name_must_lead_here),
		cmocka_unit_test(the_ports_of_the_others_are_tried),
		cmocka_unit_test(two_members_are_advised_against),
		cmocka_unit_test(who_asks_for_certificates_needs_a_token_and_a_door),
		cmocka_unit_test(a_ca_host_has_a_door_and_somebody_to_wait_for),
		cmocka_unit_test(probes_see_this_process),
		cmocka_unit_test(the_verdict_is_the_first_bad_one),
	};

	return cmocka_run_group_tests_name("check", tests, setup, teardown);
}
