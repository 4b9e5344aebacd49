/* SPDX-License-Identifier: Apache-2.0
 *
 * flow/certify on a machine that enrols at a CA host: when it sends a request, for which keys, the accepted answers,
 * and the behaviour without an answer.
 */
#include "fake_ca_host.h"

#include "pki/origin.h"

#define TOKEN "5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f"
#define JOIN  "NAME=n2\nADDRESS=10.0.0.2\nROLE=join\nJOIN=10.0.0.1\n"

/* The machine that joins, with a token. */
static void open_joiner(struct machine *m, const char *conf)
{
	put_file("/etc/etcd/enroll-token", TOKEN);
	open_machine(m, conf);
}

/* assert_settled without a request to the server; nothing that must stay was replaced. */
static void assert_enrolled(const struct machine *m)
{
	struct pki_entry *list;
	int calls = server.calls;

	assert_settled(m);
	assert_int_equal(server.calls, calls);
	free(shell("test ! -e pki.old"));
	list = pki_list(m);
	assert_string_equal(list[0].source, server.name);
	pki_list_free(list);
}

/* A machine that has enrolled. */
static void enrolled(struct machine *m)
{
	open_joiner(m, JOIN);
	ensure(m, 1);
	assert_enrolled(m);
}

static void nothing_is_made_before_there_is_a_token(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_joiner(&m, JOIN);
	free(shell("rm enroll-token"));
	assert_err(certify(&m, false, true, e), ERR_CONFIG, "no token");
	assert_false(file_exists(m.at.pki));
	server.calls = 0;
	assert_err(certify(&m, true, true, e), ERR_PENDING, "has to be asked");
	m.dry_run = true;
	ensure(&m, 1);
	assert_int_equal(server.calls, 0);
	assert_false(file_exists(m.at.pki));
	assert_int_equal(pki_origin(&m), PKI_TO_ENROLL);
}

static void the_same_keys_are_asked_for_again(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *files = NULL, *first = NULL, *before = NULL;

	(void)state;
	open_joiner(&m, JOIN);
	server.does = BUSY;
	assert_err(certify(&m, false, true, e), ERR_PENDING, "nobody answers");
	assert_int_equal(server.n, PKI_LEAVES);
	first = xstrdup(buf_str(&server.keys));
	files = shell("cd pki && echo *");
	assert_string_equal(files,
			    "apiserver-etcd-client.key etcdctl-etcd-client.key generation healthcheck-client.key "
			    "peer.key server.key\n");
	before = tree();
	assert_err(certify(&m, false, true, e), ERR_PENDING, "nobody answers");
	assert_tree(before);
	assert_string_equal(first, buf_str(&server.keys));
	free(shell("test -e enroll-token")); /* it is still needed */
	server.does = ISSUES;
	ensure(&m, 1);
	assert_string_equal(first, buf_str(&server.keys));
	free(shell("test ! -e enroll-token"));
	assert_enrolled(&m);
	free(shell("grep -qx 'DOOR=10.0.0.1:2382' pki/ca.host && test ! -e pki/ca.key && test $(stat -c %a "
		   "pki/peer.key) = 640"));
}

static void wrong_answers_are_discarded(void **state)
{
	static const struct {
		enum behaviour does;
		const char *message;
	} wrong[] = { { WRONG_NAME, "10.0.0.9" },
		      { WRONG_KEY, "does not match its key" },
		      { NO_CA, "not the certificate of a CA" },
		      { OLD, "expired on" },
		      { GARBAGE, "no certificate" },
		      { LACKS_ONE, "no certificate" } };
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL;

	(void)state;
	open_joiner(&m, JOIN);
	server.does = BUSY;
	assert_err(certify(&m, false, true, e), ERR_PENDING, "");
	before = tree();
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		server.does = wrong[i].does;
		assert_err(certify(&m, false, true, e), ERR_VERIFY, wrong[i].message);
		assert_err(certify(&m, false, true, e), ERR_VERIFY, "10.0.0.1:2382 is not used");
		assert_tree(before);
	}
	free(shell("test -e enroll-token"));
}

/* A server with another CA than ours: a member with its certificates could not connect to the others. */
static void a_new_ca_is_refused(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL;

	(void)state;
	enrolled(&m);
	before = tree();
	server.does = OTHER_CA;
	assert_err(certify_renew(&m, NULL, true, e), ERR_VERIFY, "was not issued by this ca.crt");
	assert_err(certify_renew(&m, NULL, true, e), ERR_VERIFY, "enrol again with a new token");
	m.now += 300LL * DAY; /* due, but the present ones are still valid: only a warning */
	ensure(&m, 0);
	assert_tree(before);
}

static void certificates_are_renewed_for_the_same_keys(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *keys = NULL, *crt = NULL, *now = NULL;
	struct err why = { 0 };

	(void)state;
	enrolled(&m);
	keys = shell("cat pki/*.key");
	crt = shell("cat pki/peer.crt");
	m.now += 300LL * DAY;
	server.name = "[fd00::1]:2382"; /* another CA host */
	assert_int_equal(certify_renew(&m, NULL, false, &why), 1);
	assert_int_equal(server.n, PKI_LEAVES);
	now = shell("cat pki/*.key");
	assert_string_equal(keys, now);
	free(now);
	now = shell("cat pki/peer.crt");
	assert_string_not_equal(crt, now);
	free(shell("grep -qx 'DOOR=\\[fd00::1\\]:2382' pki/ca.host"));
	assert_enrolled(&m);
}

static void a_missing_answer_is_a_warning_until_expiry(void **state)
{
	static const enum behaviour ways[] = { BUSY, REFUSES };
	cleanup(machine_free) struct machine m;
	struct err why = { 0 };

	(void)state;
	enrolled(&m);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		const enum err_class class = ways[i] == BUSY ? ERR_PENDING : ERR_VERIFY;
		auto_free char *before = tree();

		server.does = ways[i];
		m.now = NOW + 300LL * DAY;
		ensure(&m, 0);
		assert_int_equal(certify_renew(&m, NULL, false, &why), 0);
		assert_err(certify_renew(&m, NULL, true, e), class, ""); /* a renewal by name */
		assert_int_equal(certify(&m, true, true, &why), 0);
		m.now = NOW + 400LL * DAY; /* expired */
		assert_err(certify(&m, false, true, e), class, "");
		assert_err(certify(&m, true, true, e), ERR_PENDING, "");
		assert_tree(before);
	}
	server.does = ISSUES; /* a machine that was off for a year */
	ensure(&m, 1);
	assert_enrolled(&m);
}

static void drift_is_fixed_by_the_enrolment_server(void **state)
{
	cleanup(machine_free) struct machine m;
	cleanup(machine_free) struct machine named;
	cleanup(machine_free) struct machine moved;
	cleanup(machine_free) struct machine rekeyed;
	auto_free char *keys = NULL, *now = NULL;

	(void)state;
	enrolled(&m);
	keys = shell("cat pki/*.key");
	open_joiner(&named, JOIN "EXTRA_SANS=lb.example.org\n");
	server.does = BUSY;
	ensure(&named, 0); /* usable as they are */
	server.does = ISSUES;
	ensure(&named, 1);
	assert_int_equal(server.n, 1); /* no peer certificate has them */
	assert_enrolled(&named);
	open_joiner(&moved, "NAME=n2\nADDRESS=10.0.0.22\nROLE=join\nJOIN=10.0.0.1\n");
	server.does = BUSY;
	assert_err(certify(&moved, false, true, e), ERR_PENDING, ""); /* no machine could connect to it */
	server.does = ISSUES;
	ensure(&moved, 1);
	assert_enrolled(&moved);
	now = shell("cat pki/*.key");
	assert_string_equal(keys, now);
	open_joiner(&rekeyed, "NAME=n2\nADDRESS=10.0.0.22\nROLE=join\nJOIN=10.0.0.1\nKEY_TYPE=ed25519\n");
	server.does = BUSY;
	ensure(&rekeyed, 0);
	free(now);
	now = shell("cat pki/*.key");
	assert_string_equal(keys, now);
	server.does = ISSUES;
	ensure(&rekeyed, 1);
	free(shell("test -e pki.old/2/peer.key && rm -r pki.old"));
	assert_enrolled(&rekeyed);
}

static void a_lost_pair_is_issued_again(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	enrolled(&m);
	free(shell("rm pki/server.crt pki/server.key pki/healthcheck-client.*"));
	ensure(&m, 1);
	assert_int_equal(server.n, 2);
	assert_enrolled(&m);
}

static void copy_ca(const char *ext)
{
	auto_free char *script = xasprintf("cp -p '%s/etc/etcd/pki/'ca.%s pki/", ca_root, ext);

	free(shell(script));
}

/* A second CA host: ca.key came from `ca import`, or was copied as with etcdadm while the machine waited. */
static void with_the_ca_key_no_server_is_asked(void **state)
{
	cleanup(machine_free) struct machine m, waiting;
	struct err why = { 0 };
	struct pki_entry *list;

	(void)state;
	enrolled(&m);
	server.calls = 0;
	server.does = REFUSES;
	copy_ca("key");
	assert_int_equal(pki_origin(&m), PKI_CA);
	assert_int_equal(certify_renew(&m, NULL, true, &why), 1);
	list = pki_list(&m);
	assert_string_equal(list[0].source, "this machine");
	pki_list_free(list);

	free(shell("rm -r pki"));
	server.does = BUSY;
	open_joiner(&waiting, JOIN);
	assert_err(certify(&waiting, false, true, e), ERR_PENDING, "");
	assert_int_equal(server.calls, 1);
	copy_ca("*");
	ensure(&waiting, 1);
	assert_ok(pki_check_start(&waiting, e));
	assert_int_equal(server.calls, 1);
}

static void a_lost_ca_certificate_is_refused(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL;

	(void)state;
	enrolled(&m);
	free(shell("mv pki/ca.crt x.crt"));
	before = tree();
	assert_err(certify(&m, false, true, e), ERR_CONFIG, "no ca.crt");
	assert_tree(before);
	free(shell("mv x.crt pki/ca.crt && echo >pki/ca.host"));
	ensure(&m, 0); /* no request is needed, so the server does not matter */
}

static void the_first_of_members_makes_a_ca_only_when_all_are_new(void **state)
{
	static const char conf[] = "NAME=n2\nROLE=cluster\nMEMBERS=n2=127.0.0.8,n3=127.0.0.9\n";
	cleanup(machine_free) struct machine m, rebuilt;
	struct err why = { 0 };

	(void)state;
	open_joiner(&m, conf);
	for (int local = 0; local < 2; local++)
		assert_err(certify(&m, local, false, e), ERR_PENDING, "all of MEMBERS have reported");
	assert_false(file_exists(m.at.pki));
	assert_int_equal(server.calls, 0);
	/* A rebuilt machine takes certificates from another CA host like any other machine. */
	open_joiner(&rebuilt, "NAME=n2\nROLE=cluster\nMEMBERS=n2=127.0.0.8,n3=127.0.0.9\nREPLACE=yes\n");
	server.does = BUSY;
	assert_err(certify(&rebuilt, false, false, e), ERR_PENDING, "nobody answers");
	server.does = ISSUES;
	assert_int_equal(certify(&rebuilt, false, false, &why), 1);
	assert_enrolled(&rebuilt);
	/* All have reported. */
	free(shell("rm -r pki"));
	ensure(&m, 1);
	assert_int_equal(pki_origin(&m), PKI_CA);
}

/* A member whose /etc/etcd/pki is gone, by its member-id or by its data. */
static void no_ca_is_made_beside_data(void **state)
{
	static const char *const confs[] = { "NAME=n2\nROLE=cluster\nMEMBERS=n2=127.0.0.8,n3=127.0.0.9\n",
					     "NAME=n2\nROLE=single\n" };
	cleanup(machine_free) struct machine m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(confs); i++) {
		open_joiner(&m, confs[i]);
		put_file("/etc/etcd/member-id", "x");
		assert_err(certify(&m, false, false, e), ERR_CONFIG, "is a member already");
		remove_path("/etc/etcd/member-id");
		put_file("/var/lib/etcd-cluster/member/wal/0.wal", "x");
		assert_err(certify(&m, false, false, e), ERR_CONFIG, "is a member already");
		assert_err(certify(&m, true, false, e), ERR_CONFIG, "etcd-cluster ca import");
		remove_path("/var/lib/etcd-cluster/member");
		assert_false(file_exists(m.at.pki));
		if (i == 0)
			machine_free(&m);
	}
}

static void only_the_first_of_members_makes_a_ca(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_joiner(&m, "NAME=n2\nROLE=cluster\nMEMBERS=n1=127.0.0.8,n2=127.0.0.9\n");
	server.does = BUSY;
	assert_err(certify(&m, false, true, e), ERR_PENDING, "nobody answers");
	free(shell("test ! -e pki/ca.key"));
	server.does = ISSUES;
	ensure(&m, 1);
	assert_enrolled(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CA_HOST(nothing_is_made_before_there_is_a_token),
		WITH_CA_HOST(the_same_keys_are_asked_for_again),
		WITH_CA_HOST(wrong_answers_are_discarded),
		WITH_CA_HOST(a_new_ca_is_refused),
		WITH_CA_HOST(certificates_are_renewed_for_the_same_keys),
		WITH_CA_HOST(a_missing_answer_is_a_warning_until_expiry),
		WITH_CA_HOST(drift_is_fixed_by_the_enrolment_server),
		WITH_CA_HOST(a_lost_pair_is_issued_again),
		WITH_CA_HOST(with_the_ca_key_no_server_is_asked),
		WITH_CA_HOST(a_lost_ca_certificate_is_refused),
		WITH_CA_HOST(the_first_of_members_makes_a_ca_only_when_all_are_new),
		WITH_CA_HOST(no_ca_is_made_beside_data),
		WITH_CA_HOST(only_the_first_of_members_makes_a_ca),
	};

	return cmocka_run_group_tests_name("certify_enroll", tests, NULL, NULL);
}
