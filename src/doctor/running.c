/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "adapter/probe.h"
#include "doctor/parts.h"
#include "member/env.h"

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
		doctor_ok(r, "program_current", "the running etcd (process %d) is the installed one", (int)pid);
	else
		doctor_warn(r, "restart_for_release",
			    "etcd runs from %s, installed is %s: a restart is pending" RESTART, have, want);
}

/* etcd reads this file at its start only, up to 3.7 (etcd-io/etcd#11555). */
static void check_ca_age(const struct machine *m, pid_t pid, struct doctor_report *r)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt");
	time_t started = probe_started(pid);
	struct stat st;

	/* Both in whole seconds, so one second may be lost. */
	if (started > 0 && stat(ca, &st) == 0 && st.st_mtime > started + 1)
		doctor_warn(r, "restart_for_ca",
			    "%s has changed since etcd started, and etcd reads it only then" RESTART, ca);
}

static void check_settings(const struct machine *m, pid_t pid, struct doctor_report *r)
{
	auto_free char *other = env_not_in(m, pid);

	if (!other)
		doctor_ok(r, "settings_current", "etcd runs with the settings of %s", m->at.etcd_env);
	else if (*other)
		doctor_warn(r, "restart_for_settings", "etcd runs with another %s than %s has" RESTART, other,
			    m->at.etcd_env);
}

void doctor_process(const struct machine *m, pid_t pid, struct doctor_report *r)
{
	long long files = probe_open_files(pid);

	check_program(m, pid, r);
	check_settings(m, pid, r);
	check_ca_age(m, pid, r);
	if (files >= 0 && files < OPEN_FILES_LOW)
		doctor_warn(r, "open_files_low",
			    "etcd may open only %lld files at once -> systemctl edit etcd: [Service] LimitNOFILE=65536",
			    files);
}
