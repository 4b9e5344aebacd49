/* SPDX-License-Identifier: Apache-2.0
 *
 * flow/certify on a machine with its own CA or copied certificates: every cause of drift and the replaced files; every
 * refusal, which changes nothing; the state after a kill.
 */
#include "certify_fixture.h"

#include <openssl/evp.h>

#include "adapter/x509_key.h"
#include "base/text.h"
#include "pki/store.h"

#define CONF "NAME=n1\nADDRESS=10.0.0.1\nCLIENT_PORT=1\nPEER_PORT=2\n" /* ports on which nobody listens */

/* The machine with CONF and these further lines. */
static void open_node(struct machine *m, const char *more)
{
	auto_free char *text = xasprintf("%s%s", CONF, more);

	open_machine(m, text);
}

static char *digest(const char *name)
{
	auto_free char *script = xasprintf("sha256sum <pki/%s", name);

	return shell(script);
}

static bool replaced(const char *name, const char *ext, const char *before)
{
	auto_free char *file = xasprintf("%s.%s", name, ext);
	auto_free char *now = digest(file);

	return strcmp(now, before) != 0;
}

static void every_certificate_is_issued_at_first(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *cn = NULL, *modes = NULL;
	struct err why = { 0 };

	(void)state;
	open_node(&m, "");
	m.dry_run = true;
	ensure(&m, 1);
	assert_false(file_exists(m.at.pki));
	m.dry_run = false;
	ensure(&m, 1);
	assert_settled(&m);
	cn = pki_peer_cn(&m, &why);
	assert_string_equal(cn, "etcd-peer");
	modes = shell("stat -c '%n %a' pki pki/*.key pki/server.crt | tr '\\n' ' '");
	assert_string_equal(modes,
			    "pki 750 pki/apiserver-etcd-client.key 600 pki/ca.key 600 pki/etcdctl-etcd-client.key 600 "
			    "pki/healthcheck-client.key 600 pki/peer.key 640 pki/server.key 640 pki/server.crt 644 ");
}

/* Signs a certificate with an error for server.key. */
static void forge_server(const struct machine *m, const char *cn, bool client)
{
	auto_strv char **sans = text_split("10.0.0.1 127.0.0.1 ::1 localhost n1", BLANKS);
	const struct x509_request r = { .cn = cn,
					.sans = sans,
					.server = true,
					.client = client,
					.not_before = NOW,
					.not_after = NOW + 300LL * DAY };
	struct err why = { 0 };
	auto_free char *path = machine_pki_path(m, "server", "crt"), *key_path = machine_pki_path(m, "server", "key");
	auto_free char *ca_path = machine_pki_path(m, "ca", "crt"), *ca_key_path = machine_pki_path(m, "ca", "key");
	auto_key x509_key *key = x509_key_read(key_path, &why), *ca_key = x509_key_read(ca_key_path, &why);
	auto_cert x509_cert *ca = x509_cert_read(ca_path, &why);
	auto_cert x509_cert *cert = x509_issue(&r, key, ca, ca_key, &why);
	auto_buf struct buf pem = { 0 };

	x509_cert_pem(cert, &pem);
	assert_ok(file_replace(path, FILE_MODE(0644), pem.data, pem.len, e));
}

static void wrong_cn(const struct machine *m)
{
	forge_server(m, "other", true);
}

static void wrong_use(const struct machine *m)
{
	forge_server(m, "n1", false);
}

/* Replaces our CA by another one: its key, and its certificate unless only the key is wanted. */
static void put_ca(const struct machine *m, x509_key *key, bool cert)
{
	const struct x509_request r = {
		.cn = "copied", .ca = true, .not_before = NOW, .not_after = NOW + 3000LL * DAY
	};
	struct err why = { 0 };
	auto_free char *path = machine_pki_path(m, "ca", "crt"), *key_path = machine_pki_path(m, "ca", "key");
	auto_cert x509_cert *ca = x509_issue(&r, key, NULL, NULL, &why);
	auto_buf struct buf pem = { 0 }, key_pem = { 0 };

	x509_cert_pem(ca, &pem);
	x509_key_pem(key, &key_pem);
	if (cert)
		assert_ok(file_replace(path, FILE_MODE(0644), pem.data, pem.len, e));
	assert_ok(file_replace(key_path, FILE_MODE(0600), key_pem.data, key_pem.len, e));
}

static void another_ca(const struct machine *m)
{
	struct err why = { 0 };
	auto_key x509_key *key = x509_key_new(X509_ED25519, &why);

	put_ca(m, key, true);
}

static void another_ca_key(const struct machine *m)
{
	struct err why = { 0 };
	auto_key x509_key *key = x509_key_new(X509_ED25519, &why);

	put_ca(m, key, false);
}

static void weak_ca(const struct machine *m)
{
	auto_key x509_key *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);

	put_ca(m, key, true);
}

/* A cause, and the files of server, peer and a client that it replaces. */
struct drift {
	const char *what;
	const char *conf;			/* lines added to cluster.conf */
	const char *script;			/* or a script that changes the files */
	void (*forge)(const struct machine *m); /* or a function */
	int days;				/* or days that pass */
	bool server_crt, server_key, peer_crt, peer_key, client_crt, client_key;
	bool kept; /* the former generation is kept in pki.old */
};

static const struct drift drifts[] = {
	{ "further SANs", "EXTRA_SANS=\"lb.example.org 10.0.0.9\"\n", .server_crt = true },
	{ "key type", "KEY_TYPE=ed25519\n", .server_crt = true, .server_key = true, .peer_crt = true, .peer_key = true,
	  .client_crt = true, .client_key = true, .kept = true },
	{ "certificate lost", .script = "rm pki/server.crt", .server_crt = true },
	{ "key lost", .script = "rm pki/server.key", .server_crt = true, .server_key = true, .kept = true },
	{ "pair lost", .script = "rm pki/peer.key pki/peer.crt", .peer_crt = true, .peer_key = true },
	{ "another key", .script = "cp pki/peer.key pki/server.key", .server_crt = true, .server_key = true },
	{ "wrong CN", .forge = wrong_cn, .server_crt = true },
	{ "wrong use", .forge = wrong_use, .server_crt = true },
	{ "a CA was put there", .forge = another_ca, .server_crt = true, .peer_crt = true, .client_crt = true,
	  .kept = true },
	{ "near its end", .days = 250, .server_crt = true, .peer_crt = true, .client_crt = true },
	{ "expired", .days = 400, .server_crt = true, .peer_crt = true, .client_crt = true },
	{ "a staging directory of a killed run",
	  .script = "mkdir .pki.new && echo 2 >.pki.new/generation && touch .pki.new/ca.key" },
};

static void drift_is_fixed(void **state)
{
	static const char *const files[] = { "server", "peer", "healthcheck-client" };
	const struct drift *d = *state;
	const bool want[3][2] = { { d->server_crt, d->server_key },
				  { d->peer_crt, d->peer_key },
				  { d->client_crt, d->client_key } };
	cleanup(machine_free) struct machine m, drifted;
	auto_free char *kept = root_path("/etc/etcd/pki.old/1");
	char *before[3][2];

	open_node(&m, "");
	ensure(&m, 1);
	if (d->forge)
		d->forge(&m);
	for (size_t i = 0; i < 3; i++) {
		auto_free char *crt = xasprintf("%s.crt", files[i]), *key = xasprintf("%s.key", files[i]);

		before[i][0] = digest(crt);
		before[i][1] = digest(key);
	}
	if (d->script)
		free(shell(d->script));
	open_node(&drifted, d->conf ? d->conf : "");
	drifted.now += (time_t)d->days * DAY;
	ensure(&drifted, d->server_crt || d->peer_crt);
	assert_settled(&drifted);
	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 2; j++) {
			const char *const ext = j == 0 ? "crt" : "key";

			if (replaced(files[i], ext, before[i][j]) != want[i][j])
				fail_msg("%s.%s %s", files[i], ext, want[i][j] ? "stayed" : "was replaced");
			free(before[i][j]);
		}
	}
	if (file_is_dir(kept) != d->kept)
		fail_msg("the former generation %s", d->kept ? "is gone" : "is kept for nothing");
}

/* A refusal on a machine that was healthy. */
struct refusal {
	const char *what;
	const char *script;
	int days; /* the clock moves by so many days */
	enum err_class class;
	const char *message;
	void (*forge)(const struct machine *m);
};

static const struct refusal refusals[] = {
	{ "CA and key of two CAs", "true", 0, ERR_VERIFY, "do not belong together", another_ca_key },
	{ "expired CA", "true", 4000, ERR_VERIFY, "expired on", NULL },
	{ "no CA", "cp pki/server.crt pki/ca.crt && cp pki/server.key pki/ca.key && chmod 600 pki/ca.key", 0,
	  ERR_VERIFY, "not the certificate of a CA", NULL },
	{ "weak CA", "true", 0, ERR_VERIFY, "too weak", weak_ca },
	{ "ca.key for all", "chmod 644 pki/ca.key", 0, ERR_VERIFY, "can be read by others", NULL },
	{ "ca.key for the group", "chmod 640 pki/ca.key", 0, ERR_VERIFY, "can be read by others", NULL },
	{ "server.key for all", "chmod 644 pki/server.key", 0, ERR_VERIFY, "can be read by others", NULL },
	{ "client key for the group", "chmod 640 pki/etcdctl-etcd-client.key", 0, ERR_VERIFY, "can be read by others",
	  NULL },
	{ "ca.crt that others may write", "chmod 666 pki/ca.crt", 0, ERR_VERIFY, "written by others", NULL },
	{ "ca.crt is garbage", "echo x >pki/ca.crt", 0, ERR_VERIFY, "ca.crt has no certificate", NULL },
	{ "server.crt is garbage", "head -c 200 pki/peer.crt >pki/server.crt", 0, ERR_VERIFY,
	  "server.crt has no certificate", NULL },
	{ "server.key is garbage", "echo x >pki/server.key", 0, ERR_VERIFY, "server.key has no private key", NULL },
	{ "peer.key is empty", ": >pki/peer.key", 0, ERR_VERIFY, "peer.key has no private key", NULL },
	{ "ca.key is a directory", "rm pki/ca.key && mkdir pki/ca.key", 0, ERR_VERIFY, "not a regular file", NULL },
	{ "ca.crt lost", "rm pki/ca.crt", 0, ERR_CONFIG, "no ca.crt", NULL },
	{ "CA lost", "rm pki/ca.crt pki/ca.key", 0, ERR_CONFIG, "no ca.crt", NULL },
	{ "clock before the CA", "true", -1, ERR_CONFIG, "clock", NULL },
	{ "clock never set", "true", -10000, ERR_CONFIG, "clock", NULL },
	{ "without ca.key, one missing", "rm pki/ca.key pki/peer.key", 0, ERR_CONFIG, "lacks: peer.key", NULL },
	{ "without ca.key, expired", "rm pki/ca.key", 400, ERR_VERIFY, "expired on", NULL },
	{ "without ca.key, not a pair", "rm pki/ca.key && cp pki/peer.key pki/server.key", 0, ERR_VERIFY,
	  "do not belong together", NULL },
	{ "without ca.key, a client as server",
	  "rm pki/ca.key && cp pki/healthcheck-client.crt pki/server.crt && "
	  "cat pki/healthcheck-client.key >pki/server.key",
	  0, ERR_VERIFY, "lacks the extended key usage serverAuth", NULL },
};

static void a_refusal_changes_nothing(void **state)
{
	const struct refusal *r = *state;
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL;
	struct err why = { 0 };
	struct pki_entry *list;
	bool shown = r->days < 0; /* a wrong clock is not shown with a certificate */

	open_node(&m, "");
	ensure(&m, 1);
	if (r->forge)
		r->forge(&m);
	free(shell(r->script));
	m.now += (time_t)r->days * DAY;
	before = tree();
	assert_true(certify(&m, false, true, &why) < 0);
	if (why.class != r->class || !strstr(why.msg, r->message) || !why.hint[0])
		fail_msg("class %d, %s (%s)", (int)why.class, why.msg, why.hint);
	assert_tree(before);
	list = pki_list(&m);
	for (size_t i = 0; i < PKI_ENTRIES; i++)
		shown = shown || list[i].problem;
	pki_list_free(list);
	assert_true(shown);
}

static void the_preflight_names_the_fix(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_node(&m, "");
	assert_err(pki_check_start(&m, e), ERR_CONFIG, "etcd-cluster setup");
	ensure(&m, 1);
	m.now += 400LL * DAY;
	assert_err(pki_check_start(&m, e), ERR_VERIFY, "server.crt expired on");
	assert_err(pki_check_start(&m, e), ERR_VERIFY, "etcd-cluster setup");
	m.now = NOW;
	free(m.conf.address);
	m.conf.address = xstrdup("10.0.0.2");
	assert_err(pki_check_start(&m, e), ERR_VERIFY, "not valid for 10.0.0.2");
	free(m.conf.address);
	m.conf.address = xstrdup("10.0.0.1");
	free(shell("rm pki/healthcheck-client.key")); /* a client's: etcd may start */
	assert_ok(pki_check_start(&m, e));
	free(shell("rm pki/peer.key"));
	assert_err(pki_check_start(&m, e), ERR_CONFIG, "peer.key is missing");
}

static void copied_certificates_are_enough(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL;

	(void)state;
	open_node(&m, "EXTRA_SANS=lb\n");
	ensure(&m, 1);
	free(shell("rm pki/ca.key pki/apiserver* pki/healthcheck*"));
	before = tree();
	ensure(&m, 0);
	m.now += 300LL * DAY; /* near their expiry: logged, not refused */
	ensure(&m, 0);
	assert_ok(pki_check_start(&m, e));
	assert_tree(before);
	assert_err(certify_renew(&m, NULL, true, e), ERR_CONFIG, "no ca.key");
}

static void no_certificate_outlives_its_ca(void **state)
{
	cleanup(machine_free) struct machine m;
	struct pki_entry *list;
	time_t end;

	(void)state;
	open_node(&m, "CA_DAYS=100\nCERT_DAYS=90\n");
	ensure(&m, 1);
	m.now += 80LL * DAY;
	ensure(&m, 1);
	ensure(&m, 0); /* the CA limits their validity: they are not renewed again and again */
	list = pki_list(&m);
	end = list[0].info.not_after;
	assert_int_equal(end, NOW + 100LL * DAY);
	assert_non_null(strstr(list[0].problem, "ends on"));
	for (size_t i = 1; i < PKI_ENTRIES; i++)
		assert_int_equal(list[i].info.not_after, end);
	pki_list_free(list);
}

/* RENEW_BEFORE_DAYS is longer than the validity of such a certificate: a third of the validity counts. */
static void short_lives_are_not_renewed_at_every_run(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_node(&m, "CERT_DAYS=9\n");
	ensure(&m, 1);
	m.now += 5LL * DAY;
	ensure(&m, 0);
	m.now += 2LL * DAY;
	ensure(&m, 1);
	assert_settled(&m);
}

static void renewal_is_by_name_and_by_force(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_strv char **peer = text_split("peer", BLANKS), **unknown = text_split("pier", BLANKS);
	auto_free char *server_crt = NULL, *peer_crt = NULL, *peer_key = NULL;
	struct err why = { 0 };

	(void)state;
	open_node(&m, "");
	assert_int_equal(certify_renew(&m, NULL, false, &why), 0); /* the timer of an idle machine makes no CA */
	assert_false(file_exists(m.at.pki));
	ensure(&m, 1);
	server_crt = digest("server.crt");
	peer_crt = digest("peer.crt");
	peer_key = digest("peer.key");
	assert_int_equal(certify_renew(&m, peer, false, &why), 0);
	assert_int_equal(certify_renew(&m, peer, true, &why), 1);
	assert_true(replaced("peer", "crt", peer_crt));
	assert_false(replaced("peer", "key", peer_key) || replaced("server", "crt", server_crt));
	assert_err(certify_renew(&m, unknown, false, e), ERR_CONFIG, "cert list");
}

/* After a kill right after the exchange the former generation has the name of the staging directory. */
static void an_interrupted_exchange_is_finished(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_node(&m, "");
	ensure(&m, 1);
	free(shell(
		"cp -a pki .pki.new && echo 5 >pki/generation && rm pki/server.key && cp -p pki/peer.key pki/x.key"));
	assert_ok(pki_store_recover(&m, e));
	free(shell("test ! -e .pki.new && test -e pki.old/1/server.key && test -e pki/x.key"));
	ensure(&m, 1);
	assert_settled(&m);
}

/* Once ca.key is removed, no link and no copy of it remains: not from this version, a former one or a killed run. */
static void the_ca_key_is_in_one_place(void **state)
{
	cleanup(machine_free) struct machine m, changed;
	auto_free char *key = NULL, *again = NULL;

	(void)state;
	open_node(&m, "");
	ensure(&m, 1);
	open_node(&changed, "KEY_TYPE=ed25519\n");
	ensure(&changed, 1);
	key = digest("ca.key");
	free(shell("test -e pki.old/1/server.key && test $(stat -c %h pki/ca.key) = 1"));
	/* As former versions left it, and as a kill right after the exchange leaves it. */
	free(shell(
		"ln pki/ca.key pki.old/1 && mkdir pki.old/1.1 && cp -p pki/ca.key pki.old/1.1 && "
		"cp -al pki .pki.new && rm pki/generation && echo 5 >pki/generation && cp -p pki/peer.key pki/x.key && "
		"mv .pki.new/server.key .pki.new/old.key"));
	assert_ok(pki_store_recover(&m, e));
	again = digest("ca.key");
	assert_string_equal(again, key);
	free(shell("test -e pki.old/1.1 && test -e pki.old/*/old.key && "
		   "test \"$(find . -name 'ca.key*')\" = ./pki/ca.key && test $(stat -c %h pki/ca.key) = 1"));
}

/* An exchange keeps the files of the administrator and of others. */
static void files_of_others_stay(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL, *after = NULL;

	(void)state;
	open_node(&m, "");
	free(shell("mkdir -p pki/more && cd pki && echo crl >more/crl.der && "
		   "openssl req -x509 -nodes -subj /CN=x -addext keyUsage=critical,keyCertSign "
		   "-newkey rsa:3072 -days 999 -keyout ca.key -out ca.crt 2>/dev/null && chmod 400 ca.key"));
	m.now = time(NULL);
	before = shell("stat -c '%n %i %a %Y' pki/ca.* pki/more/crl.der");
	ensure(&m, 1);
	assert_settled(&m);
	after = shell("stat -c '%n %i %a %Y' pki/ca.* pki/more/crl.der");
	assert_string_equal(before, after);
	free(shell("test ! -e pki.old"));
}

/* A mode that only prevents etcd from reading is corrected; a mode that lets others read is refused. */
static void narrow_modes_are_set_right(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_node(&m, "");
	ensure(&m, 1);
	free(shell("chmod 600 pki/server.key pki/server.crt pki/ca.crt && chmod 700 pki"));
	ensure(&m, 1);
	free(shell("test $(stat -c %a%a%a pki pki/server.key pki/server.crt pki/ca.crt | tr -d '\\n') = "
		   "750750750640640640644644644644644644"));
	assert_settled(&m);
}

int main(void)
{
	struct CMUnitTest tests[9 + ARRAY_LEN(drifts) + ARRAY_LEN(refusals)] = {
		WITH_ROOT(every_certificate_is_issued_at_first),
		WITH_ROOT(the_preflight_names_the_fix),
		WITH_ROOT(copied_certificates_are_enough),
		WITH_ROOT(no_certificate_outlives_its_ca),
		WITH_ROOT(short_lives_are_not_renewed_at_every_run),
		WITH_ROOT(renewal_is_by_name_and_by_force),
		WITH_ROOT(an_interrupted_exchange_is_finished),
		WITH_ROOT(the_ca_key_is_in_one_place),
		WITH_ROOT(files_of_others_stay),
		WITH_ROOT(narrow_modes_are_set_right),
	};

	unit_rows(tests + 9, drifts, drift_is_fixed, root_setup, root_teardown);
	unit_rows(tests + 9 + ARRAY_LEN(drifts), refusals, a_refusal_changes_nothing, root_setup, root_teardown);
	return cmocka_run_group_tests_name("certify", tests, NULL, NULL);
}
