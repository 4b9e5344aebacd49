/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor/examine, doctor/host, doctor/peers, doctor/ca: every situation has its message, its level and a command to
 * type.
 */
#include "findings_fixture.h"

#include "adapter/probe.h"
#include "certify_fixture.h"
#include "config/default.h"
#include "pki/crl.h"

/* --- Before the first start. */

static int before_start(const char *conf, struct err *e)
{
	struct machine m;
	int rc;

	open_machine(&m, conf);
	rc = doctor_before_start(&m, e);
	machine_free(&m);
	return rc;
}

static void a_port_that_is_taken_names_the_program(void **state)
{
	uint16_t port;
	auto_close int fd = listener(1, &port);
	auto_free char *conf = xasprintf("CLIENT_PORT=%u\nPEER_PORT=10223\nMETRICS_URL=\"\"\n", port);
	auto_free char *want =
		xasprintf("https://127.0.0.1:%u is taken by test_doctor (process %d)", port, (int)getpid());
	auto_free char *env = xasprintf("ETCD_LISTEN_CLIENT_URLS=https://0.0.0.0:%u\n", port);
	auto_free char *network_gap = config_network_gap();

	(void)state;
	assert_true(fd >= 0);
	assert_err(before_start(conf, e), ERR_CONFIG, want);
	/* An existing etcd.env decides; a listener on one address blocks one on all addresses. */
	put_file("/etc/etcd/etcd.env", env);
	assert_err(before_start("CLIENT_PORT=10222\n", e), ERR_CONFIG, "is taken by test_doctor");
	put_file("/etc/etcd/etcd.env", "ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:10222\n");
	assert_ok(before_start(conf, e));
	put_file("/etc/etcd/etcd.env", "ETCD_LISTEN_CLIENT_URLS=https://192.0.2.77:10222\n");
	/* A build environment can have no network. */
	assert_err(before_start(conf, e), network_gap ? ERR_PENDING : ERR_CONFIG,
		   "192.0.2.77 is not an address of this machine");
	put_file("/etc/etcd/etcd.env",
		 "ETCD_LISTEN_CLIENT_URLS=https://[::ffff:c000:24d]:10222,http://name.invalid:1\n");
	assert_err(before_start(conf, e), network_gap ? ERR_PENDING : ERR_CONFIG,
		   "::ffff:c000:24d is not an address of this machine");
	put_file("/etc/etcd/etcd.env", "ETCD_NAME=n1\n");
	assert_ok(before_start(conf, e));
}

static void an_address_that_is_a_name_must_resolve_here(void **state)
{
	(void)state;
	assert_err(before_start("ADDRESS=no-such-host.invalid\n", e), ERR_CONFIG,
		   "no-such-host.invalid cannot be resolved");
	assert_ok(before_start("ADDRESS=localhost\n", e));
}

/* --- The other machines. */

/* Another machine with a full queue, which does not answer connections, like behind a firewall that drops packets. */
static int silent_listener(uint16_t *port, int full[2])
{
	int fd = listener(2, port);
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

/* *servers: the expected number of other enrolment servers; on return the real one. NULL: the number that was found. */
static struct doctor_report look_around(const char *conf, const struct member_survey *s, size_t *servers)
{
	struct doctor_exam x = { .survey = *s, .report.running = true };
	struct machine m;
	size_t n;

	open_machine(&m, conf);
	doctor_peers(&m, &x);
	n = x.servers;
	if (servers) {
		x.servers = *servers;
		*servers = n;
	}
	doctor_ca(&m, &x);
	machine_free(&m);
	return x.report;
}

static void the_ports_of_the_others_are_tried(void **state)
{
	uint16_t port, shut, deaf;
	int full[2];
	auto_close int fd = listener(2, &port), gone = listener(2, &shut), dead = silent_listener(&deaf, full);
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
	struct doctor_report r;
	size_t servers = 0;

	(void)state;
	assert_true(fd >= 0 && dead >= 0);
	(void)close(gone);
	gone = -1;
	r = look_around(conf, &s, &servers);
	assert_finding(&r, DOCTOR_OK, open, "");
	assert_finding(&r, DOCTOR_OK, yet, "");
	assert_finding(&r, DOCTOR_BAD, "no-such-host.invalid cannot be resolved", "/etc/hosts");
	assert_int_equal(servers, 0);
	doctor_report_free(&r);

	/* The addresses in the member list count if it can be read. */
	s = three(list);
	list[1].url = url;
	list[1].peer_urls = at;
	list[2].url = far;
	list[2].peer_urls = far_at;
	r = look_around(conf, &s, &servers);
	assert_finding(&r, DOCTOR_OK, open, "");
	assert_finding(&r, DOCTOR_WARN, refuses, "on that machine: etcd-cluster check");
	assert_finding(&r, DOCTOR_WARN, lost, "firewall");
	assert_null(find(&r, "no-such-host"));
	doctor_report_free(&r);
	(void)close(full[0]);
	(void)close(full[1]);
}

static void two_members_are_advised_against(void **state)
{
	struct member_survey s = { 0 };
	struct doctor_report r =
		look_around("ROLE=cluster\nNAME=n1\nADDRESS=127.0.0.1\nCLIENT_PORT=9\nPEER_PORT=10\nENROLL_PORT=11\n"
			    "MEMBERS=n1=127.0.0.1,n2=127.0.0.2\n",
			    &s, NULL);

	(void)state;
	assert_finding(&r, DOCTOR_WARN, "MEMBERS in cluster.conf has two members", "three");
	doctor_report_free(&r);
}

static void a_machine_without_certificates_needs_a_token_and_an_enrolment_server(void **state)
{
#define JOINER "ROLE=join\nNAME=n4\nADDRESS=127.0.0.1\nJOIN=127.0.0.2\nCLIENT_PORT=9\n"
	uint16_t port;
	auto_close int fd = listener(2, &port);
	auto_free char *with_server = xasprintf(JOINER "ENROLL_PORT=%u\n", port);
	struct member_survey s = { 0 };
	struct doctor_report r;

	(void)state;
	assert_true(fd >= 0);
	r = look_around(JOINER "ENROLL_PORT=11\n", &s, NULL);
	assert_finding(&r, DOCTOR_WARN, "has neither certificates nor an enrolment token", "etcd-cluster token new");
	assert_finding(&r, DOCTOR_WARN, "no CA host can be reached on the enrolment port 11", "TCP port 11");
	doctor_report_free(&r);
	put_file("/etc/etcd/enroll-token", "hunter2\n");
	r = look_around(with_server, &s, NULL);
	assert_int_equal(find(&r, "token")->level, DOCTOR_BAD);
	assert_null(find(&r, "hunter2"));
	assert_finding(&r, DOCTOR_OK, "the enrolment port of a CA host can be reached", "");
	doctor_report_free(&r);
	put_file("/etc/etcd/enroll-token", "9f3c52a7e1b8460dd47a05c6f21b93e8c05d7714\n");
	r = look_around(with_server, &s, NULL);
	assert_finding(&r, DOCTOR_OK, "is strong and nobody else can read it", "");
	doctor_report_free(&r);
#undef JOINER
}

static void a_ca_host_needs_its_enrolment_port_and_tokens_for_the_others(void **state)
{
	uint16_t port;
	auto_close int fd = listener(1, &port);
	const char *const members = "ROLE=cluster\nNAME=n1\nADDRESS=127.0.0.1\nCLIENT_PORT=9\nPEER_PORT=10\n"
				    "MEMBERS=n1=127.0.0.1,n2=127.0.0.2,n3=127.0.0.3\n";
	auto_free char *taken = xasprintf("%sENROLL_PORT=%u\n", members, port);
	auto_free char *free_port = xasprintf("%sENROLL_PORT=10221\n", members);
	auto_free char *want = xasprintf("the enrolment port %u is taken by test_doctor", port);
	struct member_survey s = { 0 };
	struct member list[3];
	struct doctor_report r;
	size_t servers = 1;

	(void)state;
	assert_true(fd >= 0);
	put_file("/etc/etcd/pki/ca.crt", "");
	put_file("/etc/etcd/pki/ca.key", "");
	r = look_around(taken, &s, NULL);
	assert_finding(&r, DOCTOR_BAD, want, "ENROLL_PORT");
	assert_finding(&r, DOCTOR_WARN,
		       "n2, n3 of MEMBERS have no certificates yet, and the tokens here are good for 0",
		       "etcd-cluster token new --uses 2");
	assert_finding(&r, DOCTOR_OK, "no other machine is a CA host", "ca export");
	doctor_report_free(&r);

	s = three(list);
	r = look_around(free_port, &s, &servers);
	assert_finding(&r, DOCTOR_OK, "the enrolment port 10221 is free", "");
	assert_null(find(&r, "of MEMBERS have no certificates"));
	assert_null(find(&r, "no other machine is a CA host"));
	doctor_report_free(&r);
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
	assert_non_null(strstr(program, "test_doctor"));
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
	const char *const order[] = { "no_quorum", "broken", "later", "odd", "fine" };
	struct doctor_report r = { 0 };

	(void)state;
	doctor_ok(&r, "fine", "fine");
	doctor_warn(&r, "odd", "odd -> look");
	assert_ok(doctor_verdict(&r, e));
	doctor_bad(&r, ERR_VERIFY, "broken", "%s\033[1m -> fix %s", "broken", "it");
	doctor_bad(&r, ERR_CONFIG, "later", "later: %s", "an -> arrow");
	doctor_bad(&r, ERR_CONFIG, "later", "later: %s", "an -> arrow");
	assert_int_equal(r.n, 4); /* the same words once */
	assert_err(doctor_verdict(&r, e), ERR_VERIFY, "broken?[1m");
	assert_err(doctor_verdict(&r, e), ERR_VERIFY, "fix it");
	r.running = true;
	assert_err(doctor_verdict(&r, e), ERR_HEALTH, "broken");
	assert_string_equal(r.list[2].fix, "fix it");
	assert_string_equal(r.list[3].what, "later: an -> arrow");
	assert_string_equal(r.list[3].fix, "");
	doctor_bad(&r, ERR_HEALTH, "no_quorum", "no quorum");
	doctor_sort(&r);
	for (size_t i = 0; i < r.n; i++)
		assert_string_equal(r.list[i].code, order[i]);
	doctor_report_free(&r);
}

/* --- The revocation list. */

static void assert_revocation(const struct machine *m, struct member *list, size_t n, enum doctor_level level,
			      const char *what, const char *fix)
{
	const struct member_survey s = { .n = n, .list = list, .home_member = 1 };
	struct doctor_report r = { 0 };

	doctor_revocation(m, &s, &r);
	assert_int_equal(r.n, 1);
	assert_finding(&r, level, what, fix);
	doctor_report_free(&r);
}

static void a_list_that_is_not_in_force_everywhere_is_pending(void **state)
{
	static char serial[] = "0123456789abcdef0123456789abcdef";
	char *serials[] = { serial, NULL };
	auto_free char *path = NULL;
	struct machine m cleanup(machine_free) = { 0 };
	struct doctor_report none = { 0 };
	struct member list[3];
	struct member_survey s = three(list);
	struct err e = { 0 };

	(void)state;
	open_machine(&m, "NAME=n1\nADDRESS=127.0.0.1\nCLIENT_PORT=1\nPEER_PORT=2\n");
	ensure(&m, 1);
	s.n = 1;
	doctor_revocation(&m, &s, &none);
	assert_int_equal(none.n, 0); /* an empty list refuses nobody */
	path = machine_pki_path(&m, "crl", "der");
	assert_int_equal(pki_crl_write(&m, path, serials, &e), 1);
	assert_revocation(&m, list, 1, DOCTOR_WARN, "is not in force on n1, where connections of a removed machine",
			  "one after the other: systemctl restart etcd");
	assert_revocation(&m, list, 3, DOCTOR_WARN, "revocation pending: which members have revocation list",
			  "etcd-cluster status on a healthy member");
	pki_crl_note_start(&m);
	assert_revocation(&m, list, 1, DOCTOR_OK, "is in force on every member", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(a_port_that_is_taken_names_the_program),
		WITH_ROOT(an_address_that_is_a_name_must_resolve_here),
		WITH_ROOT(the_ports_of_the_others_are_tried),
		WITH_ROOT(two_members_are_advised_against),
		WITH_ROOT(a_machine_without_certificates_needs_a_token_and_an_enrolment_server),
		WITH_ROOT(a_ca_host_needs_its_enrolment_port_and_tokens_for_the_others),
		WITH_ROOT(probes_see_this_process),
		WITH_ROOT(the_verdict_is_the_first_bad_one),
		WITH_ROOT(a_list_that_is_not_in_force_everywhere_is_pending),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
