/* SPDX-License-Identifier: Apache-2.0
 *
 * member/env: the variables for each etcd version, options of the user, edited files.
 */
#include "machine_fixture.h"

#include <sys/stat.h>

#include "adapter/keyfile.h"
#include "member/env.h"
#include "member/joining.h"
#include "member/recovered.h"

/* Options of all versions from 3.4 to 3.7; the tables of the tests have the others. */
static const char *const common[] = {
	"name",
	"data-dir",
	"wal-dir",
	"snapshot-count",
	"listen-client-urls",
	"advertise-client-urls",
	"listen-peer-urls",
	"initial-advertise-peer-urls",
	"initial-cluster",
	"initial-cluster-state",
	"initial-cluster-token",
	"listen-metrics-urls",
	"cert-file",
	"key-file",
	"trusted-ca-file",
	"client-cert-auth",
	"peer-cert-file",
	"peer-key-file",
	"peer-trusted-ca-file",
	"peer-client-cert-auth",
	"client-crl-file",
	"peer-crl-file",
	"peer-cert-allowed-cn",
	"strict-reconfig-check",
	"auto-compaction-mode",
	"auto-compaction-retention",
	"quota-backend-bytes",
	"logger",
};

/* A machine and its etcd. */
struct box {
	struct machine m;
	char **options;
	struct env_input in;
};

static int box_setup(void **state)
{
	struct box *b = xcalloc(1, sizeof(*b));
	int rc = root_setup(state);

	open_machine(&b->m, "NAME=n1\n");
	for (size_t i = 0; i < ARRAY_LEN(common); i++)
		strv_add(&b->options, common[i]);
	b->in = (struct env_input){ .version = { 3, 6, 14 }, .options = b->options, .peer_cn = "etcd-peer" };
	*state = b;
	return rc;
}

static int box_teardown(void **state)
{
	struct box *b = *state;

	strv_free(b->options);
	machine_free(&b->m);
	free(b);
	return root_teardown(state);
}

static void knows_also(struct box *b, const char *option)
{
	strv_add(&b->options, option);
	b->in.options = b->options;
}

static void set_address(struct box *b, const char *address)
{
	free(b->m.conf.address);
	b->m.conf.address = xstrdup(address);
}

static void pass(struct box *b, const char *key, const char *value)
{
	struct config *c = &b->m.conf;

	c->etcd = xrealloc(c->etcd, c->n_etcd + 1, sizeof(*c->etcd));
	c->etcd[c->n_etcd++] = (struct config_line){ xstrdup(key), xstrdup(value), xstrdup("cluster.conf:9") };
}

static int ensure(struct box *b)
{
	int rc = 0;

	assert_ok(rc = env_ensure(&b->m, &b->in, e));
	return rc;
}

static enum env_state drift(struct box *b)
{
	enum env_state is = ENV_CURRENT;

	assert_ok(env_drift(&b->m, &b->in, &is, e));
	return is;
}

/* Writes both files and reads one of them as systemd would. */
static void written(struct box *b, const char *path, struct keyfile *k)
{
	(void)ensure(b);
	assert_ok(keyfile_read(path, k, e));
}

#define assert_value(k, key, want) assert_string_equal(keyfile_get(k, key), want)
#define assert_unset(k, key)	   assert_null(keyfile_get(k, key))

/* A list that is named and not there would keep everybody out. In a cluster of an earlier version it is there later. */
static void the_revocation_list_is_named_when_it_is_there(void **state)
{
	auto_keyfile struct keyfile without = { 0 }, with = { 0 };
	struct box *b = *state;

	written(b, b->m.at.etcd_env, &without);
	assert_unset(&without, "ETCD_CLIENT_CRL_FILE");
	assert_unset(&without, "ETCD_PEER_CRL_FILE");
	put_file("/etc/etcd/pki/crl.der", "");
	assert_int_equal(drift(b), ENV_STALE);
	written(b, b->m.at.etcd_env, &with);
	assert_value(&with, "ETCD_CLIENT_CRL_FILE", "/etc/etcd/pki/crl.der");
	assert_value(&with, "ETCD_PEER_CRL_FILE", "/etc/etcd/pki/crl.der");
	pass(b, "ETCD_PEER_CRL_FILE", "/etc/own.crl");
	assert_int_equal(drift(b), ENV_STALE);
}

static void a_single_member_listens_on_loopback(void **state)
{
	auto_keyfile struct keyfile k = { 0 };
	struct box *b = *state;

	written(b, b->m.at.etcd_env, &k);
	assert_value(&k, "ETCD_NAME", "n1");
	assert_value(&k, "ETCD_DATA_DIR", "/var/lib/etcd-cluster");
	assert_unset(&k, "ETCD_WAL_DIR");
	assert_value(&k, "ETCD_LISTEN_CLIENT_URLS", "https://127.0.0.1:2379");
	assert_value(&k, "ETCD_LISTEN_PEER_URLS", "https://127.0.0.1:2380");
	assert_value(&k, "ETCD_INITIAL_CLUSTER", "n1=https://127.0.0.1:2380");
	assert_value(&k, "ETCD_INITIAL_CLUSTER_STATE", "new");
	assert_value(&k, "ETCD_INITIAL_CLUSTER_TOKEN", "etcd-cluster");
	assert_value(&k, "ETCD_LISTEN_METRICS_URLS", "http://127.0.0.1:2381");
	assert_value(&k, "ETCD_CERT_FILE", "/etc/etcd/pki/server.crt"); /* without the root */
	assert_value(&k, "ETCD_CLIENT_CERT_AUTH", "true");
	assert_value(&k, "ETCD_PEER_CLIENT_CERT_AUTH", "true");
	assert_value(&k, "ETCD_PEER_CERT_ALLOWED_CN", "etcd-peer");
	assert_value(&k, "ETCD_AUTO_COMPACTION_RETENTION", "8h");
}

static void a_member_listens_on_its_address_and_loopback(void **state)
{
	static const struct {
		const char *address, *client, *peer;
	} cases[] = {
		{ "10.0.0.1", "https://10.0.0.1:2379,https://127.0.0.1:2379", "https://10.0.0.1:2380" },
		{ "fd00::3", "https://[fd00::3]:2379,https://127.0.0.1:2379,https://[::1]:2379",
		  "https://[fd00::3]:2380" },
		{ "::1", "https://[::1]:2379,https://127.0.0.1:2379", "https://[::1]:2380" },
		{ "etcd1.example.com", "https://0.0.0.0:2379", "https://0.0.0.0:2380" },
		{ "localhost", "https://127.0.0.1:2379", "https://127.0.0.1:2380" },
	};
	struct box *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_keyfile struct keyfile k = { 0 };
		auto_free char *advertised = config_url(cases[i].address, 2379);

		set_address(b, cases[i].address);
		written(b, b->m.at.etcd_env, &k);
		assert_value(&k, "ETCD_LISTEN_CLIENT_URLS", cases[i].client);
		assert_value(&k, "ETCD_LISTEN_PEER_URLS", cases[i].peer);
		assert_value(&k, "ETCD_ADVERTISE_CLIENT_URLS", advertised);
	}
}

/* etcd sorts what it advertises, and members dial the first: another network must not come before ADDRESS. */
static void further_addresses_are_for_listening(void **state)
{
	auto_keyfile struct keyfile k = { 0 };
	struct box *b = *state;

	set_address(b, "10.0.0.2");
	strv_add(&b->m.conf.addresses, "10.0.0.1");
	strv_add(&b->m.conf.addresses, "fd00::2");
	written(b, b->m.at.etcd_env, &k);
	assert_value(&k, "ETCD_LISTEN_CLIENT_URLS",
		     "https://10.0.0.2:2379,https://10.0.0.1:2379,https://[fd00::2]:2379,https://127.0.0.1:2379");
	assert_value(&k, "ETCD_LISTEN_PEER_URLS", "https://10.0.0.2:2380,https://10.0.0.1:2380,https://[fd00::2]:2380");
	assert_value(&k, "ETCD_ADVERTISE_CLIENT_URLS", "https://10.0.0.2:2379");
	assert_value(&k, "ETCD_INITIAL_ADVERTISE_PEER_URLS", "https://10.0.0.2:2380");
}

static void all_members_are_named(void **state)
{
	auto_keyfile struct keyfile k = { 0 };
	struct box *b = *state;

	b->m.conf.role = ROLE_CLUSTER;
	b->m.conf.members = xcalloc(2, sizeof(struct config_member));
	b->m.conf.members[0] = (struct config_member){ xstrdup("n1"), xstrdup("10.0.0.1") };
	b->m.conf.members[1] = (struct config_member){ xstrdup("n2"), xstrdup("fd00::2") };
	b->m.conf.n_members = 2;
	written(b, b->m.at.etcd_env, &k);
	assert_value(&k, "ETCD_INITIAL_CLUSTER", "n1=https://10.0.0.1:2380,n2=https://[fd00::2]:2380");
}

static void a_joining_member_gets_the_list_of_the_cluster(void **state)
{
	char peer[] = "https://127.0.0.1:2380", cluster[] = "old=https://10.0.0.1:2380,n1=https://127.0.0.1:2380";
	struct joining joined = { JOINING_ADDING, 0, 0, peer, NULL };
	auto_keyfile struct keyfile before = { 0 }, after = { 0 };
	struct box *b = *state;

	assert_ok(joining_write(&b->m, &joined, e));
	written(b, b->m.at.etcd_env, &before);
	assert_value(&before, "ETCD_INITIAL_CLUSTER_STATE", "new");
	joined = (struct joining){ JOINING_ADDED, 7, 8, peer, cluster };
	assert_ok(joining_write(&b->m, &joined, e));
	assert_int_equal(drift(b), ENV_STALE);
	written(b, b->m.at.etcd_env, &after);
	assert_value(&after, "ETCD_INITIAL_CLUSTER", cluster);
	assert_value(&after, "ETCD_INITIAL_CLUSTER_STATE", "existing");
	joined.step = JOINING_MEMBER;
	assert_ok(joining_write(&b->m, &joined, e));
	assert_int_equal(drift(b), ENV_CURRENT);
}

static void a_recovered_member_is_a_cluster_of_one(void **state)
{
	char token[] = "etcd-cluster.0123456789abcdef";
	const struct recovered r = { .cluster_id = 7, .member_id = 8, .former_cluster = 1, .token = token };
	auto_keyfile struct keyfile k = { 0 };
	struct box *b = *state;

	b->m.conf.role = ROLE_CLUSTER;
	b->m.conf.members = xcalloc(2, sizeof(*b->m.conf.members));
	b->m.conf.members[0] = (struct config_member){ xstrdup("n1"), xstrdup("127.0.0.1") };
	b->m.conf.members[1] = (struct config_member){ xstrdup("n2"), xstrdup("10.0.0.2") };
	b->m.conf.n_members = 2;
	assert_ok(recovered_write(&b->m, &r, e));
	written(b, b->m.at.etcd_env, &k);
	assert_value(&k, "ETCD_INITIAL_CLUSTER", "n1=https://127.0.0.1:2380");
	assert_value(&k, "ETCD_INITIAL_CLUSTER_TOKEN", token);
}

/* All written variables exist in this version. */
static void only_variables_of_the_version_are_written(void **state)
{
	static const struct {
		struct version version;
		const char *options[4];
		const char *set[4];
		const char *unset[4];
	} cases[] = {
		{ { 3, 4, 42 },
		  { "experimental-initial-corrupt-check" },
		  { "ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK", "ETCD_LOGGER" },
		  { "ETCD_FEATURE_GATES", "ETCD_TLS_MIN_VERSION" } },
		{ { 3, 5, 32 },
		  { "experimental-initial-corrupt-check", "tls-min-version" },
		  { "ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK", "ETCD_TLS_MIN_VERSION" },
		  { "ETCD_FEATURE_GATES", "ETCD_LOGGER" } },
		{ { 3, 6, 14 },
		  { "experimental-initial-corrupt-check", "tls-min-version", "feature-gates" },
		  { "ETCD_FEATURE_GATES", "ETCD_TLS_MIN_VERSION" },
		  { "ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK", "ETCD_LOGGER" } },
		{ { 3, 7, 1 },
		  { "tls-min-version", "feature-gates" },
		  { "ETCD_FEATURE_GATES", "ETCD_TLS_MIN_VERSION" },
		  { "ETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK", "ETCD_LOGGER" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_keyfile struct keyfile k = { 0 }, ctl = { 0 };
		void *fresh = NULL;
		struct box *b;

		assert_int_equal(box_setup(&fresh), 0);
		b = fresh;
		b->in.version = cases[i].version;
		for (size_t j = 0; j < 4 && cases[i].options[j]; j++)
			knows_also(b, cases[i].options[j]);
		written(b, b->m.at.etcd_env, &k);
		for (size_t j = 0; j < 4 && cases[i].set[j]; j++)
			assert_non_null(keyfile_get(&k, cases[i].set[j]));
		for (size_t j = 0; j < 4 && cases[i].unset[j]; j++)
			assert_unset(&k, cases[i].unset[j]);
		assert_ok(keyfile_read(b->m.at.etcdctl_env, &ctl, e));
		/* etcdctl 3.6 warns about it. */
		assert_int_equal(keyfile_get(&ctl, "ETCDCTL_API") != NULL, cases[i].version.minor < 6);
		assert_int_equal(box_teardown(&fresh), 0);
	}
}

static void etcd_without_tls_options_is_refused(void **state)
{
	struct box *b = *state;
	char *client_cert_auth = b->options[15];

	assert_string_equal(client_cert_auth, "client-cert-auth");
	b->options[15] = b->options[0];
	assert_err(env_ensure(&b->m, &b->in, e), ERR_FAIL, "--client-cert-auth");
	b->options[15] = client_cert_auth;
	assert_false(file_exists(b->m.at.etcd_env));
	b->in.peer_cn = "";
	assert_err(env_ensure(&b->m, &b->in, e), ERR_FAIL, "CN of the peer certificate");
}

static void variables_of_cluster_conf_win(void **state)
{
	auto_keyfile struct keyfile k = { 0 };
	struct box *b = *state;

	pass(b, "ETCD_SNAPSHOT_COUNT", "5000");
	pass(b, "ETCD_AUTO_COMPACTION_RETENTION", "1h");
	written(b, b->m.at.etcd_env, &k); /* a key twice would be an error */
	assert_value(&k, "ETCD_SNAPSHOT_COUNT", "5000");
	assert_value(&k, "ETCD_AUTO_COMPACTION_RETENTION", "1h");
}

static void unknown_options_are_refused(void **state)
{
	struct box *b = *state;

	pass(b, "ETCD_SNAPSHOT_COUNTS", "5000");
	assert_err(
		env_ensure(&b->m, &b->in, e), ERR_CONFIG,
		"cluster.conf:9: etcd 3.6.14 has no option for ETCD_SNAPSHOT_COUNTS; did you mean ETCD_SNAPSHOT_COUNT");
	assert_false(file_exists(b->m.at.etcd_env));
	assert_false(file_exists(b->m.at.etcdctl_env));
}

static void a_second_run_changes_nothing(void **state)
{
	struct box *b = *state;
	struct stat before, after;

	assert_int_equal(drift(b), ENV_ABSENT);
	assert_int_equal(ensure(b), 1);
	assert_int_equal(drift(b), ENV_CURRENT);
	assert_int_equal(stat(b->m.at.etcd_env, &before), 0);
	assert_int_equal(before.st_mode & 07777, 0640);
	assert_int_equal(ensure(b), 0);
	assert_int_equal(stat(b->m.at.etcd_env, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(chmod(b->m.at.etcd_env, 0666), 0);
	assert_int_equal(ensure(b), 1); /* the mode is corrected */
	assert_int_equal(stat(b->m.at.etcd_env, &after), 0);
	assert_int_equal(after.st_mode & 07777, 0640);
}

static void the_file_follows_cluster_conf(void **state)
{
	struct box *b = *state;

	assert_int_equal(ensure(b), 1);
	set_address(b, "10.0.0.1");
	assert_int_equal(drift(b), ENV_STALE);
	b->m.dry_run = true;
	assert_int_equal(ensure(b), 1);
	assert_int_equal(drift(b), ENV_STALE);
	b->m.dry_run = false;
	assert_int_equal(ensure(b), 1);
	assert_int_equal(drift(b), ENV_CURRENT);
}

static void an_edited_file_is_kept(void **state)
{
	auto_buf struct buf text = { 0 }, now = { 0 };
	struct box *b = *state;
	auto_free char *beside = xasprintf("%s.new", b->m.at.etcd_env);

	assert_int_equal(ensure(b), 1);
	assert_ok(file_read(b->m.at.etcd_env, 65536, &text, e));
	buf_puts(&text, "ETCD_LOG_LEVEL=debug\n");
	assert_ok(file_replace(b->m.at.etcd_env, FILE_MODE(0640), text.data, text.len, e));
	assert_int_equal(drift(b), ENV_EDITED);
	assert_int_equal(ensure(b), 1);
	assert_int_equal(ensure(b), 0); /* .new is there already */
	assert_ok(file_read(b->m.at.etcd_env, 65536, &now, e));
	assert_string_equal(now.data, text.data);
	assert_true(file_exists(beside));
	assert_ok(file_rename(beside, b->m.at.etcd_env, e)); /* the command of the warning */
	assert_int_equal(ensure(b), 0);
	assert_int_equal(drift(b), ENV_CURRENT);
}

static void a_new_file_is_removed_after_use(void **state)
{
	auto_buf struct buf text = { 0 };
	struct box *b = *state;
	auto_free char *beside = xasprintf("%s.new", b->m.at.etcd_env);

	assert_int_equal(ensure(b), 1);
	assert_ok(file_read(b->m.at.etcd_env, 65536, &text, e));
	assert_ok(file_replace(beside, FILE_MODE(0640), text.data, text.len, e));
	assert_int_equal(ensure(b), 1);
	assert_false(file_exists(beside));
	assert_ok(file_replace(beside, FILE_MODE(0640), "A=1\n", 4, e));
	assert_int_equal(ensure(b), 0); /* a file of others is not removed */
	assert_true(file_exists(beside));
}

static void etcdctl_env_has_paths_only(void **state)
{
	auto_keyfile struct keyfile k = { 0 };
	struct box *b = *state;
	struct stat st;

	set_address(b, "fd00::1");
	b->m.conf.client_port = 12379;
	written(b, b->m.at.etcdctl_env, &k);
	assert_value(&k, "ETCDCTL_ENDPOINTS", "https://127.0.0.1:12379");
	assert_value(&k, "ETCDCTL_CACERT", "/etc/etcd/pki/ca.crt");
	assert_value(&k, "ETCDCTL_KEY", "/etc/etcd/pki/etcdctl-etcd-client.key");
	assert_value(&k, "ETCDCTL_DIAL_TIMEOUT", "3s");
	assert_int_equal(stat(b->m.at.etcdctl_env, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_revocation_list_is_named_when_it_is_there),
		TEST(a_single_member_listens_on_loopback),
		TEST(a_member_listens_on_its_address_and_loopback),
		TEST(further_addresses_are_for_listening),
		TEST(all_members_are_named),
		TEST(a_joining_member_gets_the_list_of_the_cluster),
		TEST(a_recovered_member_is_a_cluster_of_one),
		cmocka_unit_test(only_variables_of_the_version_are_written),
		TEST(etcd_without_tls_options_is_refused),
		TEST(variables_of_cluster_conf_win),
		TEST(unknown_options_are_refused),
		TEST(a_second_run_changes_nothing),
		TEST(the_file_follows_cluster_conf),
		TEST(an_edited_file_is_kept),
		TEST(a_new_file_is_removed_after_use),
		TEST(etcdctl_env_has_paths_only),
	};

	return cmocka_run_group_tests_name("env", tests, NULL, NULL);
}
