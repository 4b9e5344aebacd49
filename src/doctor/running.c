/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "adapter/keyfile.h"
#include "adapter/probe.h"
#include "base/text.h"
#include "doctor/parts.h"

/*
 * Each client connection and each file of the database takes one; etcd keeps 150 for itself (embed/etcd.go,
 * reservedInternalFDNum).
 */
#define OPEN_FILES_LOW 8192

#define RESTART " -> systemctl restart etcd"

/* /proc shows "... (deleted)" after the program file when it was replaced. */
static void check_program(const struct machine *m, pid_t pid, struct doctor_report *r)
{
	auto_free char *installed = xasprintf("%s/etcd", m->at.current);
	auto_free char *want = realpath(installed, NULL);
	auto_free char *have = probe_program(pid);

	if (!want || !have)
		return;
	if (strcmp(want, have) == 0)
		doctor_ok(r, "the running etcd (process %d) is the installed one", (int)pid);
	else
		doctor_warn(r, "etcd runs from %s, installed is %s: a restart is pending" RESTART, have, want);
}

/* etcd reads this file at its start only, up to 3.7 (etcd-io/etcd#11555). */
static void check_ca_age(const struct machine *m, pid_t pid, struct doctor_report *r)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt");
	time_t started = probe_started(pid);
	struct stat st;

	/* Both in whole seconds, so one second may be lost. */
	if (started > 0 && stat(ca, &st) == 0 && st.st_mtime > started + 1)
		doctor_warn(r, "%s has changed since etcd started, and etcd reads it only then" RESTART, ca);
}

static bool env_has(char *const *env, const char *root, const struct keyfile_entry *want)
{
	size_t len = strlen(want->key);

	for (; *env; env++) {
		const char *have = *env + len + 1;

		if (strncmp(*env, want->key, len) != 0 || (*env)[len] != '=')
			continue;
		/* An etcd below --root was given our paths with the root in front. */
		return strcmp(text_starts(have, root) ? have + strlen(root) : have, want->value) == 0;
	}
	return false;
}

static void check_settings(const struct machine *m, pid_t pid, struct doctor_report *r)
{
	auto_strv char **running = probe_environ(pid);
	auto_keyfile struct keyfile file = { 0 };
	struct err ignored = { 0 };

	if (!running || keyfile_read(m->at.etcd_env, &file, &ignored) < 0)
		return;
	for (size_t i = 0; i < file.n; i++) {
		if (env_has(running, m->at.root, &file.entries[i]))
			continue;
		doctor_warn(r, "etcd runs with another %s than %s has" RESTART, file.entries[i].key, m->at.etcd_env);
		return;
	}
	doctor_ok(r, "etcd runs with the settings of %s", m->at.etcd_env);
}

void doctor_process(const struct machine *m, pid_t pid, struct doctor_report *r)
{
	long long files = probe_open_files(pid);

	check_program(m, pid, r);
	check_settings(m, pid, r);
	check_ca_age(m, pid, r);
	if (files >= 0 && files < OPEN_FILES_LOW)
		doctor_warn(r,
			    "etcd may open only %lld files at once -> systemctl edit etcd: [Service] LimitNOFILE=65536",
			    files);
}
