/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/foreign.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "adapter/probe.h"
#include "member/env.h"

#define UNIT_MAX_BYTES (64UL * 1024UL)

/* A part of the path of our program, which every etcd.service of ours runs, also one that was edited. */
#define OUR_PROGRAM "libexec/etcd-cluster/"

static int refuse(const struct machine *m, struct err *e)
{
	return err_hint(e,
			"keep the other etcd: touch %s; or stop it and move its files away, then: etcd-cluster setup",
			m->at.adopt);
}

/* The directories that systemd prefers to that of packages. */
static int check_unit(const struct machine *m, struct err *e)
{
	static const char *const dirs[] = { "/etc/systemd/system", "/run/systemd/system",
					    "/usr/local/lib/systemd/system" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		auto_free char *dir = layout_path(&m->at, dirs[i]), *unit = xasprintf("%s/etcd.service", dir);
		auto_buf struct buf text = { 0 };
		struct err unread = { 0 };

		/* A masked unit is a link to /dev/null, which is not a regular file. */
		if (file_read(unit, UNIT_MAX_BYTES, &text, &unread) < 0 || text.len == 0 ||
		    strstr(buf_str(&text), OUR_PROGRAM))
			continue;
		(void)err_set(e, ERR_CONFIG, "%s is the unit of another etcd and overrides that of etcd-cluster", unit);
		return refuse(m, e);
	}
	return 0;
}

int foreign_check(const struct machine *m, struct err *e)
{
	auto_buf struct buf env = { 0 };
	struct err absent = { 0 };
	pid_t pid;

	if (check_unit(m, e) < 0)
		return -1;
	if (file_read(m->at.etcd_env, KEYFILE_MAX_BYTES, &env, &absent) == 0 && env.len > 0) {
		if (env_is_made(buf_str(&env)))
			return 0; /* then the certificates are ours, too, and so is an etcd that uses them */
		(void)err_set(e, ERR_CONFIG, "%s contains the settings of another etcd", m->at.etcd_env);
		return refuse(m, e);
	}
	pid = m->at.root[0] == '\0' ? probe_etcd_using(m->at.pki) : 0;
	if (pid == 0)
		return 0;
	(void)err_set(e, ERR_CONFIG, "the etcd with process ID %d uses %s, and etcd-cluster did not start it", (int)pid,
		      m->at.pki);
	return refuse(m, e);
}

void doctor_adopted(const struct machine *m, struct doctor_report *r)
{
	auto_free char *path = xasprintf("%s/journal", m->at.adopted);
	auto_keyfile struct keyfile k = { 0 };
	struct err unread = { 0 };
	const char *state = keyfile_read(path, &k, &unread) == 0 ? keyfile_get(&k, "STATE") : NULL;

	if (!state || strcmp(state, "finished") == 0)
		return;
	if (strcmp(state, "ready") == 0)
		doctor_ok(r, "taken_over",
			  "the etcd of this machine was taken over from %s -> etcd-cluster adopt --finish, when all "
			  "members are; to go back: etcd-cluster adopt --undo",
			  keyfile_get(&k, "FILE"));
	else
		doctor_bad(r, ERR_CONFIG, "takeover_interrupted",
			   "taking over the etcd of this machine was interrupted -> etcd-cluster adopt");
}
