/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor/foreign: what setup refuses before it touches anything, and what is ours.
 */
#include "machine_fixture.h"

#include "adapter/probe.h"
#include "doctor/foreign.h"

#define MADE "# Made by etcd-cluster from cluster.conf; to change something, change it there. sha256:0\nETCD_NAME=n1\n"
#define UNIT "[Service]\nExecStart=/usr/bin/etcd --initial-cluster-token etcd-cluster\n"

static const struct {
	const char *path, *text;
	const char *refused; /* a part of the message, or NULL */
} table[] = {
	{ "/etc/systemd/system/etcd.service", UNIT, "/etc/systemd/system/etcd.service is the unit of another etcd" },
	{ "/run/systemd/system/etcd.service", UNIT, "overrides that of etcd-cluster" },
	{ "/usr/local/lib/systemd/system/etcd.service", UNIT, "overrides that of etcd-cluster" },
	/* That of a package does not override ours. */
	{ "/usr/lib/systemd/system/etcd.service", UNIT, NULL },
	/* systemctl edit --full */
	{ "/etc/systemd/system/etcd.service", "ExecStart=/usr/libexec/etcd-cluster/releases/current/etcd -v\n", NULL },
	{ "/etc/systemd/system/etcd.service", "", NULL },
	{ "/etc/etcd/etcd.env", "ETCD_NAME=n1\n", "/etc/etcd/etcd.env contains the settings of another etcd" },
	{ "/etc/etcd/etcd.env", MADE "EDITED=1\n", NULL },
	{ "/etc/etcd/etcd.env", "", NULL },
	{ "/etc/etcd/pki/ca.crt", "x", NULL },
};

static void test_files(void **state)
{
	struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct err e = { 0 };
		int rc;

		put_file(table[i].path, table[i].text);
		rc = foreign_check(m, &e);
		assert_int_equal(rc, table[i].refused ? -1 : 0);
		if (table[i].refused) {
			assert_int_equal(e.class, ERR_CONFIG);
			assert_non_null(strstr(e.msg, table[i].refused));
			assert_non_null(strstr(e.hint, "/etc/etcd/adopt"));
		}
		remove_path(table[i].path);
	}
}

/* A masked unit starts nothing. */
static void test_masked(void **state)
{
	auto_free char *dir = root_path("/etc/systemd/system"), *unit = xasprintf("%s/etcd.service", dir);

	assert_ok(file_mkdirs(dir, FILE_MODE(0755), e));
	assert_ok(file_replace_link(unit, "/dev/null", e));
	assert_ok(foreign_check(*state, e));
}

/* A child that is called etcd and has a file below /made-up/pki among its arguments, until its input is closed. */
static void test_process(void **state)
{
	int in[2], out[2];
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(probe_etcd_using("/made-up/pki"), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)execl("/bin/sh", "sh", "-c", "printf etcd >/proc/$$/comm; echo; read -r line", "sh",
			    "--cert-file=/made-up/pki/server.crt", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(read(out[0], &c, 1), 1);
	assert_int_equal(probe_etcd_using("/made-up/pki"), pid);
	assert_int_equal(probe_etcd_using("/made-up/other"), 0);
	(void)close(in[1]);
	(void)waitpid(pid, NULL, 0);
	(void)close(in[0]);
	(void)close(out[0]);
	(void)close(out[1]);
}

/* Beside another etcd the machine is idle. */
static void test_adopt(void **state)
{
	struct machine m;

	(void)state;
	put_file("/etc/etcd/adopt", "");
	open_machine(&m, "ROLE=join\nJOIN=10.0.0.1\nADDRESS=10.0.0.2\n");
	assert_int_equal(m.conf.role, ROLE_NONE);
	machine_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(test_files),
		WITH_MACHINE(test_masked),
		cmocka_unit_test(test_process),
		WITH_ROOT(test_adopt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
