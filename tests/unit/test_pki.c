/* SPDX-License-Identifier: Apache-2.0
 *
 * core/pki: every cause of drift and what it replaces; every refusal, and that it changes nothing; what a kill leaves.
 */
#include "unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/x509_key.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "flow/certify.h"
#include "pki/check.h"
#include "pki/list.h"
#include "pki/preflight.h"
#include "pki/profile.h"
#include "pki/store.h"

#define NOW  1800000000						       /* 2027-01-15 */
#define CONF "NAME=n1\nADDRESS=10.0.0.1\nCLIENT_PORT=1\nPEER_PORT=2\n" /* ports on which nobody listens */

static char *root;

/* The machine at `root` with CONF and these further lines. */
static void open_machine(struct machine *m, const char *more)
{
	auto_free char *text = xasprintf("%s%s", CONF, more);
	auto_free char *etc = xasprintf("%s/etc/etcd", root);
	auto_free char *conf = xasprintf("%s/cluster.conf", etc);
	const struct machine_options o = { .root = root };

	assert_ok(file_mkdirs(etc, FILE_MODE(0755), e));
	assert_ok(file_replace(conf, FILE_MODE(0644), text, strlen(text), e));
	assert_ok(machine_open(m, &o, e));
	m->now = NOW;
}

static int setup(void **state)
{
	(void)state;
	root = unit_dir();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_ok(file_remove_tree(root, e));
	free(root);
	return 0;
}

/* Output of a shell command run in /etc/etcd; the caller frees. */
static char *shell(const char *script)
{
	auto_free char *line = xasprintf("cd '%s/etc/etcd' && %s", root, script);
	const char *const argv[] = { "sh", "-ec", line, NULL };
	struct buf out = { 0 };
	struct proc_run run = { .argv = argv, .timeout = 30, .out = &out };
	struct err why = { 0 };

	if (proc_run(&run, &why) != 0)
		fail_msg("%s: %s", script, why.msg);
	return out.data ? out.data : xstrdup("");
}

static char *tree(void)
{
	return shell("find . -not -name cluster.conf -printf '%P %m %s %i %T@ %l\\n' | sort");
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

/* The state that every run must end in: fit to start, nothing left to do, no debris, no problem to show. */
static void assert_settled(const struct machine *m)
{
	auto_free char *before = tree(), *after = NULL;
	struct pki_entry *list;
	struct err why = { 0 };
	size_t n;

	assert_ok(pki_check_start(m, e));
	assert_int_equal(certify(m, false, &why), 0);
	after = tree();
	assert_string_equal(before, after);
	assert_null(strstr(after, ".pki.new"));
	assert_null(strstr(after, ".new-"));
	assert_ok(pki_list(m, &list, &n, e));
	assert_int_equal(n, PKI_LEAVES + 1);
	for (size_t i = 0; i < n; i++)
		if (list[i].problem || !list[i].present)
			fail_msg("%s: %s", list[i].name, list[i].problem);
	pki_list_free(list, n);
}

static void ensure(const struct machine *m, int want)
{
	struct err why = { 0 };
	int rc = certify(m, false, &why);

	if (rc != want)
		fail_msg("certify: %d instead of %d: %s", rc, want, why.msg);
}

static void first_issue(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *cn = NULL, *modes = NULL;
	struct err why = { 0 };

	(void)state;
	open_machine(&m, "");
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

/* A certificate that ca.key signs for server.key, with something wrong in it. */
static void forge_server(const struct machine *m, const char *cn, bool client)
{
	auto_strv char **sans = text_split("10.0.0.1 127.0.0.1 ::1 localhost n1", "");
	const struct x509_request r = { .cn = cn,
					.sans = sans,
					.server = true,
					.client = client,
					.not_before = NOW,
					.not_after = NOW + 300LL * PKI_DAY };
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

/* Which files of server, peer and a client a cause replaces. */
struct drift {
	const char *what;
	const char *conf;			/* lines added to cluster.conf */
	const char *script;			/* or done to the files */
	void (*forge)(const struct machine *m); /* or that */
	int days;				/* or time that goes by */
	bool server_crt, server_key, peer_crt, peer_key, client_crt, client_key;
	bool kept; /* the former generation is kept in pki.old */
};

static const struct drift drifts[] = {
	{ "further SANs", "EXTRA_SANS=\"lb.example.org 10.0.0.9\"\n", .server_crt = true, .peer_crt = true },
	{ "key type", "KEY_TYPE=ed25519\n", .server_crt = true, .server_key = true, .peer_crt = true, .peer_key = true,
	  .client_crt = true, .client_key = true, .kept = true },
	{ "certificate lost", .script = "rm pki/server.crt", .server_crt = true },
	{ "key lost", .script = "rm pki/server.key", .server_crt = true, .server_key = true, .kept = true },
	{ "pair lost", .script = "rm pki/peer.key pki/peer.crt", .peer_crt = true, .peer_key = true },
	{ "another key", .script = "cp pki/peer.key pki/server.key", .server_crt = true },
	{ "wrong CN", .forge = wrong_cn, .server_crt = true },
	{ "wrong use", .forge = wrong_use, .server_crt = true },
	{ "a CA was put there",
	  .script = "mkdir x && cd x && openssl req -x509 -newkey ed25519 -nodes -subj /CN=given -days 3000 "
		    "-addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.crt 2>/dev/null && "
		    "mv ca.key ca.crt ../pki/ && cd .. && rmdir x",
	  .server_crt = true, .peer_crt = true, .client_crt = true, .kept = true },
	{ "near its end", .days = 250, .server_crt = true, .peer_crt = true, .client_crt = true },
	{ "expired", .days = 400, .server_crt = true, .peer_crt = true, .client_crt = true },
	{ "a staging directory of a killed run",
	  .script = "mkdir .pki.new && echo 2 >.pki.new/generation && touch .pki.new/ca.key" },
};

static void run_drift(const struct drift *d)
{
	static const char *const files[] = { "server", "peer", "healthcheck-client" };
	const bool want[3][2] = { { d->server_crt, d->server_key },
				  { d->peer_crt, d->peer_key },
				  { d->client_crt, d->client_key } };
	cleanup(machine_free) struct machine m, drifted;
	auto_free char *cleared = NULL, *kept = NULL;
	char *before[3][2];

	cleared = xasprintf("rm -rf '%s/etc/etcd'", root);
	assert_int_equal(system(cleared), 0); /* NOLINT: a test's own directory */
	open_machine(&m, "");
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
	open_machine(&drifted, d->conf ? d->conf : "");
	drifted.now += (time_t)d->days * PKI_DAY;
	ensure(&drifted, d->server_crt || d->peer_crt);
	assert_settled(&drifted);
	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 2; j++) {
			bool copied = i == 0 && j == 1 &&
				      strcmp(d->what, "another key") == 0; /* the test itself replaced it */

			if (!copied && replaced(files[i], j == 0 ? "crt" : "key", before[i][j]) != want[i][j])
				fail_msg("%s: %s.%s %s", d->what, files[i], j == 0 ? "crt" : "key",
					 want[i][j] ? "stayed" : "was replaced");
			free(before[i][j]);
		}
	}
	kept = xasprintf("%s/etc/etcd/pki.old/1", root);
	if (file_is_dir(kept) != d->kept)
		fail_msg("%s: the former generation %s", d->what, d->kept ? "is gone" : "is kept for nothing");
}

static void drift_is_mended(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(drifts); i++)
		run_drift(&drifts[i]);
}

/* Something that must be refused, on a machine that was fine. */
struct refusal {
	const char *what;
	const char *script;
	int days; /* the clock moves by so many days */
	enum err_class class;
	const char *says;
};

#define OPENSSL_CA "openssl req -x509 -nodes -subj /CN=x -addext keyUsage=critical,keyCertSign "

static const struct refusal refusals[] = {
	{ "CA and key of two CAs", OPENSSL_CA "-newkey ed25519 -keyout pki/ca.key -out /dev/null 2>/dev/null", 0,
	  ERR_VERIFY, "do not belong together" },
	{ "expired CA", "true", 4000, ERR_VERIFY, "has expired" },
	{ "no CA", "cp pki/server.crt pki/ca.crt && cp pki/server.key pki/ca.key && chmod 600 pki/ca.key", 0,
	  ERR_VERIFY, "not the certificate of a CA" },
	{ "weak CA", OPENSSL_CA "-newkey rsa:1024 -keyout pki/ca.key -out pki/ca.crt 2>/dev/null", 0, ERR_VERIFY,
	  "too weak" },
	{ "ca.key for all", "chmod 644 pki/ca.key", 0, ERR_VERIFY, "can be read by others" },
	{ "ca.key for the group", "chmod 640 pki/ca.key", 0, ERR_VERIFY, "can be read by others" },
	{ "server.key for all", "chmod 644 pki/server.key", 0, ERR_VERIFY, "can be read by others" },
	{ "client key for the group", "chmod 640 pki/etcdctl-etcd-client.key", 0, ERR_VERIFY, "can be read by others" },
	{ "ca.crt that others may write", "chmod 666 pki/ca.crt", 0, ERR_VERIFY, "written by others" },
	{ "ca.crt is garbage", "echo x >pki/ca.crt", 0, ERR_VERIFY, "ca.crt has no certificate" },
	{ "server.crt is garbage", "head -c 200 pki/peer.crt >pki/server.crt", 0, ERR_VERIFY,
	  "server.crt has no certificate" },
	{ "server.key is garbage", "echo x >pki/server.key", 0, ERR_VERIFY, "server.key has no private key" },
	{ "peer.key is empty", ": >pki/peer.key", 0, ERR_VERIFY, "peer.key has no private key" },
	{ "ca.key is a directory", "rm pki/ca.key && mkdir pki/ca.key", 0, ERR_VERIFY, "not a regular file" },
	{ "ca.crt lost", "rm pki/ca.crt", 0, ERR_CONFIG, "no ca.crt" },
	{ "CA lost", "rm pki/ca.crt pki/ca.key", 0, ERR_CONFIG, "no ca.crt" },
	{ "clock before the CA", "true", -1, ERR_CONFIG, "clock" },
	{ "clock never set", "true", -10000, ERR_CONFIG, "clock" },
	{ "leaves only, one missing", "rm pki/ca.key pki/peer.key", 0, ERR_CONFIG, "lacks: peer.key" },
	{ "leaves only, expired", "rm pki/ca.key", 400, ERR_VERIFY, "has expired" },
	{ "leaves only, not a pair", "rm pki/ca.key && cp pki/peer.key pki/server.key", 0, ERR_VERIFY,
	  "do not belong together" },
	{ "leaves only, a client as server",
	  "rm pki/ca.key && cp pki/healthcheck-client.crt pki/server.crt && "
	  "cat pki/healthcheck-client.key >pki/server.key",
	  0, ERR_VERIFY, "lacks the extended key usage serverAuth" },
};

static void run_refusal(const struct refusal *r)
{
	auto_free char *cleared = xasprintf("rm -rf '%s/etc/etcd'", root), *before = NULL, *after = NULL;
	cleanup(machine_free) struct machine m;
	struct err why = { 0 };
	struct pki_entry *list;
	bool shown = r->days < 0; /* a clock is no problem of a certificate */
	size_t n;

	assert_int_equal(system(cleared), 0); /* NOLINT: a test's own directory */
	open_machine(&m, "");
	ensure(&m, 1);
	free(shell(r->script));
	m.now += (time_t)r->days * PKI_DAY;
	before = tree();
	if (certify(&m, false, &why) >= 0)
		fail_msg("%s: not refused", r->what);
	if (why.class != r->class || !strstr(why.msg, r->says) || !why.hint[0])
		fail_msg("%s: class %d, %s (%s)", r->what, (int)why.class, why.msg, why.hint);
	after = tree();
	assert_string_equal(before, after);
	assert_ok(pki_list(&m, &list, &n, e));
	for (size_t i = 0; i < n; i++)
		shown = shown || list[i].problem;
	pki_list_free(list, n);
	if (!shown)
		fail_msg("%s: pki_list shows no problem", r->what);
}

static void refusals_change_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		run_refusal(&refusals[i]);
}

static void the_preflight_names_what_mends_it(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_machine(&m, "");
	assert_err(pki_check_start(&m, e), ERR_CONFIG, "etcd-cluster setup");
	ensure(&m, 1);
	m.now += 400LL * PKI_DAY;
	assert_err(pki_check_start(&m, e), ERR_VERIFY, "server.crt has expired");
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

static void leaves_only_are_enough(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL, *after = NULL;

	(void)state;
	open_machine(&m, "EXTRA_SANS=lb\n");
	ensure(&m, 1);
	free(shell("rm pki/ca.key pki/apiserver* pki/healthcheck*"));
	before = tree();
	ensure(&m, 0);
	m.now += 300LL * PKI_DAY; /* near their end: said, not refused */
	ensure(&m, 0);
	assert_ok(pki_check_start(&m, e));
	after = tree();
	assert_string_equal(before, after);
	assert_err(certify_renew(&m, NULL, true, e), ERR_CONFIG, "no ca.key");
}

static void no_leaf_outlives_its_ca(void **state)
{
	cleanup(machine_free) struct machine m;
	struct pki_entry *list;
	time_t end;
	size_t n;

	(void)state;
	open_machine(&m, "CA_DAYS=100\nCERT_DAYS=90\n");
	ensure(&m, 1);
	m.now += 80LL * PKI_DAY;
	ensure(&m, 1);
	ensure(&m, 0); /* they cannot be made to last longer: not renewed for ever */
	assert_ok(pki_list(&m, &list, &n, e));
	end = list[0].not_after;
	assert_int_equal(end, NOW + 100LL * PKI_DAY);
	assert_non_null(strstr(list[0].problem, "ends on"));
	for (size_t i = 1; i < n; i++)
		assert_int_equal(list[i].not_after, end);
	pki_list_free(list, n);
}

/* RENEW_BEFORE_DAYS is longer than such a certificate lives: a third of its life it is. */
static void short_lives_are_not_renewed_at_every_run(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_machine(&m, "CERT_DAYS=9\n");
	ensure(&m, 1);
	m.now += 5LL * PKI_DAY;
	ensure(&m, 0);
	m.now += 2LL * PKI_DAY;
	ensure(&m, 1);
	assert_settled(&m);
}

static void renewal_is_by_name_and_by_force(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_strv char **peer = text_split("peer", ""), **unknown = text_split("pier", "");
	auto_free char *server_crt = NULL, *peer_crt = NULL, *peer_key = NULL;
	struct err why = { 0 };

	(void)state;
	open_machine(&m, "");
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

/* What a kill right after the exchange leaves: the former generation under the name of the staging directory. */
static void a_swap_that_was_cut_off_is_finished(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_machine(&m, "");
	ensure(&m, 1);
	free(shell(
		"cp -a pki .pki.new && echo 5 >pki/generation && rm pki/server.key && cp -p pki/peer.key pki/x.key"));
	assert_ok(pki_store_recover(&m, e));
	free(shell("test ! -e .pki.new && test -e pki.old/1/server.key && test -e pki/x.key"));
	ensure(&m, 1);
	assert_settled(&m);
}

/* Neither an administrator's file nor one that is none of ours is lost or touched by a swap. */
static void files_of_others_stay(void **state)
{
	cleanup(machine_free) struct machine m;
	auto_free char *before = NULL, *after = NULL;

	(void)state;
	open_machine(&m, "");
	free(shell("mkdir -p pki/more && cd pki && echo crl >more/crl.der && " OPENSSL_CA
		   "-newkey rsa:3072 -days 999 -keyout ca.key -out ca.crt 2>/dev/null && chmod 400 ca.key"));
	m.now = time(NULL);
	before = shell("stat -c '%n %i %a %Y' pki/ca.* pki/more/crl.der");
	ensure(&m, 1);
	assert_settled(&m);
	after = shell("stat -c '%n %i %a %Y' pki/ca.* pki/more/crl.der");
	assert_string_equal(before, after);
	free(shell("test ! -e pki.old"));
}

/* Modes that only keep etcd from reading are set right without a word; see the refusals for those that let others read. */
static void narrow_modes_are_mended(void **state)
{
	cleanup(machine_free) struct machine m;

	(void)state;
	open_machine(&m, "");
	ensure(&m, 1);
	free(shell("chmod 600 pki/server.key pki/server.crt pki/ca.crt && chmod 700 pki"));
	ensure(&m, 1);
	free(shell("test $(stat -c %a%a%a pki pki/server.key pki/server.crt pki/ca.crt | tr -d '\\n') = "
		   "750750750640640640644644644644644644"));
	assert_settled(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_issue, setup, teardown),
		cmocka_unit_test_setup_teardown(drift_is_mended, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_change_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(the_preflight_names_what_mends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_only_are_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(no_leaf_outlives_its_ca, setup, teardown),
		cmocka_unit_test_setup_teardown(short_lives_are_not_renewed_at_every_run, setup, teardown),
		cmocka_unit_test_setup_teardown(renewal_is_by_name_and_by_force, setup, teardown),
		cmocka_unit_test_setup_teardown(a_swap_that_was_cut_off_is_finished, setup, teardown),
		cmocka_unit_test_setup_teardown(files_of_others_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(narrow_modes_are_mended, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
