/* SPDX-License-Identifier: Apache-2.0
 *
 * flow/certify with CA=external: requests, what is taken over, and what is not. openssl is the CA
 * (tests/lib/external-ca).
 */
#include "certify_fixture.h"

#include "adapter/x509_csr.h"
#include "pki/external.h"

#define CONF "NAME=n1\nADDRESS=10.0.0.1\nCLIENT_PORT=1\nPEER_PORT=2\nCA=external\n" /* nobody listens on these ports */

static void open_node(struct machine *m, const char *more)
{
	auto_free char *text = xasprintf("%s%s", CONF, more);

	open_machine(m, text);
	m->now = time(NULL) + 60; /* openssl signs by the clock, now and a little later */
}

static char *pki_digest(void)
{
	return shell("find pki pki.old -type f 2>/dev/null | LC_ALL=C sort | xargs -r sha256sum");
}

static void assert_pki(const char *want)
{
	auto_free char *now = pki_digest();

	assert_string_equal(now, want);
}

/* A machine that waits for its certificates. */
static void ask(struct machine *m, const char *more)
{
	open_node(m, more);
	assert_err(certify(m, true, false, e), ERR_PENDING, "lacks ca.crt server.crt peer.crt etcdctl-etcd-client.crt");
	assert_err(pki_check_start(m, e), ERR_CONFIG, "has no certificates");
}

/* One that has them. The first is kept: openssl is slow. */
static void run(struct machine *m)
{
	auto_free char *kept = xasprintf("%s/pki", getenv("KEPT"));

	if (!file_exists(kept)) {
		ask(m, "");
		free(shell("\"$SIGN\" ca external"));
		ensure(m, 1);
		assert_settled(m);
		machine_free(m);
		free(shell("cp -a . \"$KEPT\""));
	}
	free(shell("cp -a \"$KEPT\"/. ."));
	open_node(m, "");
}

static void requests_name_all_that_is_needed(void **state)
{
	cleanup(machine_free) struct machine m, changed;
	auto_free char *text = NULL, *before = NULL, *after = NULL;

	(void)state;
	open_node(&m, "EXTRA_SANS=lb.example.org\n");
	m.dry_run = true;
	ensure(&m, 1);
	assert_false(file_exists(m.at.external));
	m.dry_run = false;
	assert_err(certify(&m, true, false, e), ERR_PENDING, "have the requests");
	assert_false(file_exists(m.at.pki));
	text = shell("for n in server peer etcdctl-etcd-client; do openssl req -verify -noout -text -nameopt RFC2253 "
		     "-in external/$n.csr 2>/dev/null | grep -o -e 'Subject: .*' -e 'DNS:.*' -e 'IP Address:.*' -e "
		     "'TLS Web.*'; done; "
		     "stat -c '%n %a' external external/server.key external/server.csr");
	assert_string_equal(text, "Subject: CN=n1\n"
				  "TLS Web Server Authentication, TLS Web Client Authentication\n"
				  "IP Address:10.0.0.1, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, "
				  "DNS:lb.example.org, DNS:localhost, DNS:n1\n"
				  "Subject: CN=etcd-peer\n"
				  "TLS Web Server Authentication, TLS Web Client Authentication\n"
				  "IP Address:10.0.0.1, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, "
				  "DNS:localhost, DNS:n1\n"
				  "Subject: CN=root\n"
				  "TLS Web Client Authentication\n"
				  "external 700\nexternal/server.key 600\nexternal/server.csr 644\n");
	before = shell("sha256sum external/*");
	assert_err(certify(&m, true, false, e), ERR_PENDING, "lacks");
	after = shell("sha256sum external/*");
	assert_string_equal(before, after);
	/* Another address: other requests for the same keys. */
	free(shell("sha256sum external/*.key >keys; cp external/server.csr was"));
	open_node(&changed, "EXTRA_SANS=lb2.example.org\n");
	assert_err(certify(&changed, true, false, e), ERR_PENDING, "lacks");
	free(shell("sha256sum --status -c keys; ! cmp -s was external/server.csr; "
		   "openssl req -noout -text -in external/server.csr | grep -q lb2"));
}

static void what_is_whole_is_taken_over(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *modes = NULL, *cn = NULL;
	struct pki_entry *list;
	struct err why = { 0 };

	(void)state;
	ask(&m, "");
	free(shell("\"$SIGN\" ca external server peer etcdctl-etcd-client"));
	m.dry_run = true;
	ensure(&m, 1);
	assert_false(file_exists(m.at.pki));
	m.dry_run = false;
	ensure(&m, 1); /* without those of Kubernetes */
	assert_ok(pki_check_start(&m, e));
	ensure(&m, 0);
	free(shell("\"$SIGN\" ca external healthcheck-client apiserver-etcd-client"));
	ensure(&m, 1);
	assert_settled(&m);
	modes = shell("stat -c '%n %a' pki pki/*.key pki/server.crt | tr '\\n' ' '; ls pki");
	assert_string_equal(modes,
			    "pki 750 pki/apiserver-etcd-client.key 600 pki/etcdctl-etcd-client.key 600 "
			    "pki/healthcheck-client.key 600 pki/peer.key 640 pki/server.key 640 pki/server.crt 644 "
			    "apiserver-etcd-client.crt\napiserver-etcd-client.key\nca.crt\netcdctl-etcd-client.crt\n"
			    "etcdctl-etcd-client.key\ngeneration\nhealthcheck-client.crt\nhealthcheck-client.key\n"
			    "peer.crt\npeer.key\nserver.crt\nserver.key\n");
	cn = pki_peer_cn(&m, &why);
	assert_string_equal(cn, "etcd-peer");
	list = pki_list(&m);
	assert_string_equal(list[0].source, "external");
	pki_list_free(list);
	assert_err(certify_renew(&m, NULL, true, e), ERR_CONFIG, "nothing can be issued here");
}

/* What was put there is unfit: nothing in pki changes. */
struct unfit {
	const char *what;
	const char *script;
	enum err_class class;
	const char *message;
	int days; /* that pass until it is looked at */
};

#define SANS_BUT(names) "EXT='extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=" names "' \"$SIGN\" ca external "

static const struct unfit unfits[] = {
	{ "half a set", "rm external/peer.crt", ERR_PENDING, "lacks peer.crt", 0 },
	{ "no CA", "rm external/ca.crt", ERR_PENDING, "lacks ca.crt", 0 },
	{ "a certificate for another key", "cp external/peer.crt external/server.crt", ERR_VERIFY,
	  "external/server.crt and ", 0 },
	{ "a key for another certificate", "cp external/peer.key external/server.key", ERR_VERIFY, "do not belong", 0 },
	{ "a server that is no client",
	  "EXT='extendedKeyUsage=serverAuth\nsubjectAltName=DNS:n1,DNS:localhost,IP:10.0.0.1' \"$SIGN\" ca external "
	  "server",
	  ERR_VERIFY, "external/server.crt lacks the extended key usage clientAuth", 0 },
	{ "a peer that is no server",
	  "EXT='extendedKeyUsage=clientAuth\nsubjectAltName=DNS:n1,IP:10.0.0.1' \"$SIGN\" ca external peer", ERR_VERIFY,
	  "external/peer.crt lacks the extended key usage serverAuth", 0 },
	{ "a client that is none", "EXT=extendedKeyUsage=serverAuth \"$SIGN\" ca external etcdctl-etcd-client",
	  ERR_VERIFY, "lacks the extended key usage clientAuth", 0 },
	{ "no extended key usage", "EXT='subjectAltName=DNS:n1,IP:10.0.0.1' \"$SIGN\" ca external peer", ERR_VERIFY,
	  "lacks the extended key usage", 0 },
	{ "without ADDRESS", SANS_BUT("DNS:n1,DNS:localhost") "server", ERR_VERIFY, "not valid for 10.0.0.1", 0 },
	{ "without NAME", SANS_BUT("IP:10.0.0.1,DNS:localhost") "server", ERR_VERIFY, "not valid for n1", 0 },
	{ "without loopback", SANS_BUT("DNS:n1,IP:10.0.0.1") "server", ERR_VERIFY, "not valid for 127.0.0.1", 0 },
	{ "a peer without ADDRESS", SANS_BUT("DNS:n1") "peer", ERR_VERIFY, "not valid for 10.0.0.1", 0 },
	{ "a peer with another CN", "SUBJECT=/CN=n1 \"$SIGN\" ca external peer", ERR_VERIFY,
	  "has CN n1 instead of etcd-peer", 0 },
	{ "expired", "DAYS=1 \"$SIGN\" ca external server", ERR_VERIFY, "external/server.crt expired on", 2 },
	{ "not valid yet", "true", ERR_CONFIG, "is not valid before", -2 },
	{ "of another CA", "\"$SIGN\" other external server", ERR_VERIFY, "does not verify up to ca.crt", 0 },
	{ "another CA with the same name", "mkdir x; \"$SIGN\" x/ca external server", ERR_VERIFY,
	  "does not verify up to ca.crt", 0 },
	{ "a leaf as CA", "cp external/peer.crt external/ca.crt", ERR_VERIFY, "not the certificate of a CA", 0 },
	{ "an empty file", ": >external/server.crt", ERR_VERIFY, "server.crt has no certificate", 0 },
	{ "an empty key", ": >external/server.key", ERR_VERIFY, "server.key has no private key", 0 },
	{ "no key", "rm external/server.key && ln -s nowhere external/server.key", ERR_PENDING, "lacks server.key", 0 },
	{ "a key for all", "chmod 644 external/server.key", ERR_VERIFY, "can be read by others", 0 },
	{ "a certificate that others may write", "chmod 666 external/server.crt", ERR_VERIFY, "written by others", 0 },
	{ "a directory that others may write", "chmod 777 external", ERR_VERIFY, "external", 0 },
	{ "a list in PEM", "cp external/ca.crt external/crl.der", ERR_VERIFY, "openssl crl -in FILE -outform DER", 0 },
	{ "half a client", "rm external/healthcheck-client.key; ln -s nowhere external/healthcheck-client.key",
	  ERR_PENDING, "lacks healthcheck-client.key", 0 },
};

static void what_is_unfit_replaces_nothing_and_is_refused_at_first(void **state)
{
	const struct unfit *u = *state;
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL;

	run(&m);
	before = pki_digest();
	free(shell(u->script));
	m.now += (time_t)u->days * DAY;
	if (u->days < 0)
		assert_err(certify_renew(&m, NULL, false, e), u->class, u->message);
	else
		assert_ok(certify_renew(&m, NULL, false, e));
	assert_pki(before);
	assert_err(pki_external_check(&m, e), u->class, u->message);
	free(shell("rm -r pki"));
	assert_err(certify(&m, true, false, e), u->class, u->message);
	assert_false(file_exists(m.at.pki));
}

static void a_renewal_keeps_the_key(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *keys = NULL, *crt = NULL, *renewed = NULL;
	struct pki_entry *list;

	(void)state;
	run(&m);
	keys = shell("sha256sum pki/*.key");
	crt = shell("sha256sum <pki/server.crt");
	m.now += 80LL * DAY; /* of 100: in the last third */
	ensure(&m, 0);
	list = pki_list(&m);
	assert_non_null(strstr(list[1].problem, "expires on"));
	assert_non_null(strstr(list[1].fix, "external/server.csr signed"));
	pki_list_free(list);
	/* A request that is gone is made again, and a key that is gone is that in use. */
	free(shell("rm external/server.csr external/peer.key"));
	ensure(&m, 1);
	free(shell("DAYS=300 \"$SIGN\" ca external"));
	ensure(&m, 1);
	assert_settled(&m);
	renewed = shell("sha256sum <pki/server.crt; sha256sum pki/*.key");
	assert_null(strstr(renewed, crt));
	assert_non_null(strstr(renewed, keys));
	assert_false(file_exists("pki.old"));
}

static void new_keys_come_as_a_whole(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *kept = root_path("/etc/etcd/pki.old/1/server.key");

	(void)state;
	run(&m);
	free(shell("rm external/*; openssl genpkey -algorithm ed25519 -out external/server.key; "
		   "chmod 600 external/server.key; cp pki/ca.crt external"));
	ensure(&m, 1); /* the other keys are those in use, and there are requests */
	free(shell("\"$SIGN\" ca external"));
	ensure(&m, 1);
	assert_settled(&m);
	free(shell("cmp external/server.key pki/server.key || openssl pkey -in pki/server.key -text -noout | grep -qi "
		   "ed25519"));
	assert_true(file_exists(kept));
}

static void an_intermediate_ca_may_sign(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	ask(&m, "");
	free(shell(
		"openssl req -x509 -newkey ed25519 -nodes -days 3000 -subj /CN=root "
		"-addext keyUsage=critical,keyCertSign,cRLSign -keyout root.key -out root.crt 2>/dev/null; mkdir ca; "
		"openssl req -newkey ed25519 -nodes -subj /CN=between -addext basicConstraints=critical,CA:TRUE "
		"-addext keyUsage=critical,keyCertSign,cRLSign -keyout ca/ca.key -out ca/ca.csr 2>/dev/null; "
		"openssl x509 -req -in ca/ca.csr -CA root.crt -CAkey root.key -copy_extensions copy -days 3000 "
		"-out ca/ca.crt 2>/dev/null; cp root.crt external/ca.crt; \"$SIGN\" ca external"));
	assert_err(certify(&m, true, false, e), ERR_VERIFY, "does not verify up to ca.crt");
	free(shell(
		"for f in external/*-client.crt external/server.crt external/peer.crt; do cat ca/ca.crt >>$f; done"));
	ensure(&m, 1);
	assert_settled(&m);
	free(shell("[ $(grep -c BEGIN pki/server.crt) = 2 ]"));
}

static void the_list_of_the_ca_is_taken_over(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *list = root_path("/etc/etcd/pki/crl.der");

	(void)state;
	run(&m);
	assert_false(file_exists(list)); /* nobody here can sign one */
	free(shell("for ca in ca other; do \"$SIGN\" $ca external server; : >$ca/index; "
		   "printf '[ca]\\ndefault_ca=x\\n[x]\\ndatabase=%s/index\\ndefault_md=sha256\\n' $ca >$ca/conf; "
		   "openssl ca -config $ca/conf -gencrl -crldays 30 -keyfile $ca/ca.key -cert $ca/ca.crt 2>/dev/null | "
		   "openssl crl -outform DER -out $ca/crl.der; done; \"$SIGN\" ca external server; "
		   "cp other/crl.der external"));
	assert_err(pki_external_check(&m, e), ERR_VERIFY, "not signed by a CA of ca.crt");
	free(shell("cp ca/crl.der external"));
	ensure(&m, 1);
	assert_settled(&m);
	free(shell("cmp ca/crl.der pki/crl.der; rm external/crl.der"));
	ensure(&m, 0); /* etcd would refuse every connection without it */
	assert_true(file_exists(list));
}

static void another_ca_comes_in_two_steps(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL;

	(void)state;
	run(&m);
	put_file("/etc/etcd/member-id", "x\n");
	before = pki_digest();
	free(shell("\"$SIGN\" new external; cp new/ca.crt external"));
	assert_err(pki_external_check(&m, e), ERR_VERIFY, "does not verify up to the ca.crt in use");
	ensure(&m, 0);
	assert_pki(before);
	free(shell("\"$SIGN\" ca external; cat ca/ca.crt new/ca.crt >external/ca.crt"));
	ensure(&m, 1);
	free(shell("\"$SIGN\" new external"));
	ensure(&m, 1);
	free(shell("cp new/ca.crt external"));
	ensure(&m, 1);
	assert_settled(&m);
}

static void no_other_ca_is_beside_it(void **state)
{
	cleanup(machine_free) struct machine m, own;

	(void)state;
	open_machine(&own, "NAME=n1\nADDRESS=10.0.0.1\nCLIENT_PORT=1\nPEER_PORT=2\n");
	own.now = time(NULL) + 60;
	ensure(&own, 1);
	open_node(&m, "");
	assert_err(certify(&m, true, true, e), ERR_CONFIG, "is the key of another CA");
	/* Those in use stay until others have come, and their keys are asked with. */
	free(shell("rm pki/ca.key"));
	ensure(&m, 1);
	ensure(&m, 0);
	assert_ok(pki_check_start(&m, e));
	assert_err(pki_external_check(&m, e), ERR_PENDING, "lacks ca.crt");
	free(shell("openssl pkey -in pki/server.key -pubout >a; openssl req -in external/server.csr -noout -pubkey >b; "
		   "cmp a b"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_ROOT(requests_name_all_that_is_needed), WITH_ROOT(what_is_whole_is_taken_over),
		WITH_ROOT(a_renewal_keeps_the_key),	     WITH_ROOT(new_keys_come_as_a_whole),
		WITH_ROOT(an_intermediate_ca_may_sign),	     WITH_ROOT(the_list_of_the_ca_is_taken_over),
		WITH_ROOT(another_ca_comes_in_two_steps),    WITH_ROOT(no_other_ca_is_beside_it),
	};
	struct CMUnitTest rows[ARRAY_LEN(unfits)];
	auto_free char *sign = realpath("tests/lib/external-ca", NULL), *kept = unit_dir();
	struct err e = { 0 };
	int failed;

	(void)setenv("SIGN", sign, 1);
	(void)setenv("KEPT", kept, 1);
	unit_rows(rows, unfits, what_is_unfit_replaces_nothing_and_is_refused_at_first, root_setup, root_teardown);
	failed = cmocka_run_group_tests(tests, NULL, NULL) + cmocka_run_group_tests(rows, NULL, NULL);
	return failed - file_remove_tree(kept, &e);
}
