/* SPDX-License-Identifier: Apache-2.0
 *
 * adopt/source: the settings that units, environment files, configuration files and manifests say, and what is
 * refused with its line.
 */
#include "machine_fixture.h"

#include "adopt/plan.h"
#include "doctor/foreign.h"

#define UNIT "/etc/systemd/system/etcd.service"
#define POD  "/etc/kubernetes/manifests/etcd.yaml"

struct text {
	const char *path, *text;
};

struct row {
	const char *what;
	struct text files[4];
	const char *name;
	const char *settings[6][2]; /* option and value; NULL value: not set */
	const char *refused;	    /* a part of the message, or NULL */
};

static const struct row rows[] = {
	{ "etcdadm: variables from a file",
	  { { UNIT,
	      "[Unit]\nDescription=etcd\n[Service]\nEnvironmentFile=/etc/etcd/etcd.env\nExecStart=/opt/bin/etcd\n" },
	    { "/etc/etcd/etcd.env", "ETCD_NAME=c1\nETCD_DATA_DIR=/var/lib/etcd\nGOMAXPROCS=4\n"
				    "# comment\nETCD_CIPHER_SUITES=TLS_A,TLS_B\nETCD_DISCOVERY=\n" } },
	  NULL,
	  { { "name", "c1" },
	    { "data-dir", "/var/lib/etcd" },
	    { "cipher-suites", "TLS_A,TLS_B" },
	    { "discovery", NULL } },
	  NULL },
	{ "a tutorial: flags over several lines, with quotes",
	  { { UNIT, "[Service]\nType=notify\nExecStart=/usr/local/bin/etcd \\\n  --name n1 \\\n  # not this\n"
		    "  --data-dir=\"/var/lib/etcd\" \\\n  --client-cert-auth --snapshot-count=100 \\\n"
		    "  --initial-cluster n1=https://10.0.0.1:2380,n2=https://10.0.0.2:2380\nRestart=always\n" } },
	  NULL,
	  { { "name", "n1" },
	    { "data-dir", "/var/lib/etcd" },
	    { "client-cert-auth", "true" },
	    { "snapshot-count", "100" },
	    { "initial-cluster", "n1=https://10.0.0.1:2380,n2=https://10.0.0.2:2380" } },
	  NULL },
	{ "variables in the command, flags win, drop-ins come later",
	  { { UNIT, "[Service]\nEnvironment=\"ME=n1\" ETCD_NAME=env ETCD_HEARTBEAT_INTERVAL=200\n"
		    "Environment='EXTRA=--debug --metrics basic'\nExecStart=/bin/etcd --name=wrong\n" },
	    { UNIT ".d/10-x.conf", "[Service]\nExecStart=\nExecStart=-/bin/etcd --name=${ME} $EXTRA\n" },
	    { "/usr/lib/systemd/system/etcd.service.d/20-y.conf", "[Service]\nEnvironment=ME=n7\n" },
	    { UNIT ".d/50-etcd-cluster-paths.conf", "[Service]\nEnvironment=ME=ours\n" } },
	  NULL,
	  { { "name", "n7" }, { "heartbeat-interval", "200" }, { "metrics", "basic" }, { "debug", "true" } },
	  NULL },
	{ "kubespray: an optional file, and a unit by name",
	  { { "/usr/lib/systemd/system/my.service", "[Service]\nEnvironmentFile=-/etc/absent\nEnvironmentFile=-/etc/"
						    "etcd.env\nExecStart=/usr/local/bin/etcd\n" },
	    { "/etc/etcd.env", "ETCD_NAME=etcd1\nETCD_METRICS=\"basic\"\nETCD_CLIENT_CERT_AUTH=true\n" } },
	  "my.service",
	  { { "name", "etcd1" }, { "metrics", "basic" }, { "client-cert-auth", "true" } },
	  NULL },
	{ "a configuration file is all there is",
	  { { UNIT, "[Service]\nEnvironment=ETCD_NAME=not-this\nExecStart=/usr/bin/etcd --config-file=/etc/e.yml\n" },
	    { "/etc/e.yml",
	      "# sample\nname: 'n1'\ndata-dir: /var/lib/etcd # here\nproxy: 'off'\ncors:\n"
	      "client-transport-security:\n  cert-file: /p/s.crt\n  client-cert-auth: true\n"
	      "peer-transport-security:\n  cert-file: \"/p/p.crt\"\n  allowed-cn: x\nlog-outputs: [stderr]\n"
	      "quota-backend-bytes: 0\n" } },
	  NULL,
	  { { "name", "n1" },
	    { "data-dir", "/var/lib/etcd" },
	    { "cert-file", "/p/s.crt" },
	    { "peer-cert-file", "/p/p.crt" },
	    { "peer-cert-allowed-cn", "x" },
	    { "log-outputs", "stderr" } },
	  NULL },
	{ "kubeadm: a static pod",
	  { { POD, "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n"
		   "    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://10.0.0.7:2379\n"
		   "  creationTimestamp: null\nspec:\n  containers:\n  - command:\n    - etcd\n"
		   "    - --advertise-client-urls=https://10.0.0.7:2379\n    - --name=infra0\n"
		   "    - --data-dir=/var/lib/etcd\n    image: etcd:3.5.16-0\n    livenessProbe:\n"
		   "      httpGet:\n        host: 127.0.0.1\n        path: /health?serializable=true\n"
		   "    resources: {}\n  hostNetwork: true\n  volumes:\n  - hostPath:\n      path: /var/lib/etcd\n"
		   "      type: DirectoryOrCreate\n    name: etcd-data\nstatus: {}\n" } },
	  NULL,
	  { { "name", "infra0" },
	    { "advertise-client-urls", "https://10.0.0.7:2379" },
	    { "data-dir", "/var/lib/etcd" } },
	  NULL },
	{ "a shell",
	  { { UNIT, "[Service]\nExecStart=/bin/bash -c \"GOMAXPROCS=2 /usr/bin/etcd\"\n" } },
	  NULL,
	  { { NULL } },
	  UNIT ":2: /bin/bash: is not etcd itself" },
	{ "a word that is no option",
	  { { UNIT, "[Service]\n\nExecStart=/usr/bin/etcd gateway start\n" } },
	  NULL,
	  { { NULL } },
	  UNIT ":3: gateway is not an option of etcd" },
	{ "a specifier",
	  { { UNIT, "[Service]\nExecStart=/usr/bin/etcd --name=%m\n" } },
	  NULL,
	  { { NULL } },
	  UNIT ":2: %m" },
	{ "a missing environment file",
	  { { UNIT, "[Service]\nEnvironmentFile=/etc/no\nExecStart=/usr/bin/etcd\n" } },
	  NULL,
	  { { NULL } },
	  "/etc/no" },
	{ "an unknown section of the configuration",
	  { { UNIT, "[Service]\nExecStart=/usr/bin/etcd --config-file /etc/e.yml\n" },
	    { "/etc/e.yml", "name: n1\nother:\n  deep: 1\n" } },
	  NULL,
	  { { NULL } },
	  "/etc/e.yml:3: deep is not understood" },
	{ "another kind of YAML",
	  { { UNIT, "[Service]\nExecStart=/usr/bin/etcd --config-file /etc/e.yml\n" },
	    { "/etc/e.yml", "name: |\n  n1\n" } },
	  NULL,
	  { { NULL } },
	  "/etc/e.yml:1: name is not understood" },
	{ "a pod with variables",
	  { { POD,
	      "spec:\n  containers:\n  - command:\n    - etcd\n    - --name=a\n    env:\n    - name: ETCD_NAME\n" } },
	  NULL,
	  { { NULL } },
	  POD ":6: env is not understood" },
	{ "a pod and a unit",
	  { { POD, "x: y\n" }, { UNIT, "[Service]\nExecStart=/usr/bin/etcd\n" } },
	  NULL,
	  { { NULL } },
	  "there are two" },
	{ "none",
	  { { UNIT, "[Service]\nExecStart=/usr/libexec/etcd-cluster/releases/current/etcd\n" } },
	  NULL,
	  { { NULL } },
	  "no unit etcd.service of another etcd" },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	auto_source struct adopt_source s = { 0 };
	struct layout at cleanup(layout_free) = { 0 };

	layout_init(&at, root, NULL);
	for (size_t i = 0; i < ARRAY_LEN(row->files) && row->files[i].path; i++)
		put_file(row->files[i].path, row->files[i].text);
	if (row->refused) {
		struct err e = { 0 };

		assert_int_equal(adopt_source_read(&at, row->name, &s, &e), -1);
		if (!strstr(e.msg, row->refused))
			fail_msg("want \"%s\", got: %s", row->refused, e.msg);
		return;
	}
	assert_ok(adopt_source_read(&at, row->name, &s, e));
	for (size_t i = 0; i < ARRAY_LEN(row->settings) && row->settings[i][0]; i++) {
		const struct config_line *line = adopt_setting(&s, row->settings[i][0]);

		if (!row->settings[i][1])
			assert_null(line);
		else if (!line || strcmp(line->value, row->settings[i][1]) != 0)
			fail_msg("%s is %s", row->settings[i][0], line ? line->value : "not set");
	}
}

/* ---- What the settings mean ------------------------------------------------------------------------------------ */

#define PAIR(peer) "--" peer "cert-file=/p/a --" peer "key-file=/p/b --" peer "trusted-ca-file=/p/c "

/* Of a member that can be taken over; an option of a row comes later and wins. */
#define GOOD                                                                                                           \
	"[Service]\nExecStart=/usr/bin/etcd --name=n1 --data-dir=/srv/etcd/ "                                          \
	"--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379 "                                           \
	"--advertise-client-urls=https://10.0.0.1:2379 --listen-peer-urls=https://0.0.0.0:2380 "                       \
	"--initial-advertise-peer-urls=https://10.0.0.1:2380 " PAIR("") PAIR("peer-") "--client-cert-auth "            \
										      "--peer-client-cert-auth=True "

static const struct {
	const char *more;
	const char *refused; /* a part of the message or of the hint, or NULL */
} meanings[] = {
	{ "", NULL },
	{ "--wal-dir=/var/wal/wal --listen-metrics-urls=http://127.0.0.1:2381", NULL },
	{ "--listen-client-urls=https://10.0.0.1:2379,http://127.0.0.1:2379", UNIT ":2: ETCD_LISTEN_CLIENT_URLS=" },
	{ "--listen-client-urls=http://10.0.0.1:2379", "MOVING IN" },
	{ "--cert-file=", "does not set --cert-file" },
	{ "--peer-trusted-ca-file=", "does not set --peer-trusted-ca-file" },
	{ "--client-cert-auth=false", "clients without a certificate would be refused" },
	{ "--peer-client-cert-auth=0", "does not set --peer-client-cert-auth" },
	{ "--data-dir=", "does not set --data-dir" },
	{ "--data-dir=n1.etcd", "ETCD_DATA_DIR=n1.etcd" },
	{ "--wal-dir=/var/log", "ETCD_WAL_DIR=/var/log does not end in /wal" },
	{ "--name=N_1", "ETCD_NAME=N_1" },
	{ "--listen-peer-urls=https://10.0.0.1:2390", "listens on other ports than it advertises" },
	{ "--advertise-client-urls=https://10.0.0.1:2379,https://10.0.0.1:4001", "has several ports" },
	{ "--initial-advertise-peer-urls=https://n1.example.org:2380", "cluster.conf has one ADDRESS" },
	{ "--listen-metrics-urls=https://10.0.0.1:2381", "ETCD_LISTEN_METRICS_URLS=" },
};

static void test_meaning(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
		auto_plan struct adopt_plan p = { .here = *state };
		auto_free char *unit = xasprintf(GOOD "%s\n", meanings[i].more);
		struct err why = { 0 };
		int rc;

		put_file(UNIT, unit);
		assert_ok(adopt_source_read(&p.here->at, NULL, &p.source, e));
		rc = adopt_understand(&p, &why);
		if (meanings[i].refused) {
			if (rc == 0 || why.class != ERR_CONFIG)
				fail_msg("%s is not refused", meanings[i].more);
			if (!strstr(why.msg, meanings[i].refused) && !strstr(why.hint, meanings[i].refused))
				fail_msg("%s: %s (%s)", meanings[i].more, why.msg, why.hint);
			continue;
		}
		if (rc < 0)
			fail_msg("%s: %s", meanings[i].more, why.msg);
		assert_string_equal(p.address, "10.0.0.1");
		assert_string_equal(p.data_dir, "/srv/etcd");
		assert_int_equal(p.client_port, 2379);
		assert_int_equal(p.peer_port, 2380);
	}
}

/* status names the command for an adoption that was begun. */
static void test_status(void **state)
{
	static const char *const states[][2] = { { "switching", "etcd-cluster adopt" },
						 { "undoing", "etcd-cluster adopt" },
						 { "ready", "--finish" },
						 { "finished", NULL } };

	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		auto_free char *text = xasprintf("STATE=%s\nFILE=" UNIT "\n", states[i][0]);
		struct doctor_report r cleanup(doctor_report_free) = { 0 };

		put_file("/etc/etcd/adopted/journal", text);
		doctor_adopted(*state, &r);
		assert_int_equal(r.n, states[i][1] ? 1 : 0);
		if (states[i][1])
			assert_non_null(strstr(r.list[0].fix, states[i][1]));
	}
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(rows) + 2];

	unit_rows(tests, rows, test_row, root_setup, root_teardown);
	tests[ARRAY_LEN(rows)] = (struct CMUnitTest)WITH_MACHINE(test_meaning);
	tests[ARRAY_LEN(rows) + 1] = (struct CMUnitTest)WITH_MACHINE(test_status);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
