/* SPDX-License-Identifier: Apache-2.0 */
#include "member/aside.h"

#include <string.h>

#include "base/log.h"

/* etcd advises a quota of at most 8 GiB; a slow disk copies that in half an hour. */
#define COPY_SECONDS 3600
#define SIZE_SECONDS 60

/* What else may be written meanwhile: etcd allocates 64 MiB for each new segment of its log. */
#define MARGIN (192ULL << 20)

char *aside_name(const struct machine *m, const char *path)
{
	struct tm tm = { 0 };
	char stamp[20] = "";
	char *name;

	(void)gmtime_r(&m->now, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	name = xasprintf("%s.aside-%s", path, stamp);
	for (unsigned int i = 2; file_exists(name); i++) {
		free(name);
		name = xasprintf("%s.aside-%s-%u", path, stamp, i);
	}
	return name;
}

int aside_move(const struct machine *m, const char *path, struct err *e)
{
	auto_free char *to = aside_name(m, path);

	if (!file_exists(path))
		return 0;
	if (m->dry_run) {
		log_info("would move %s to %s", path, to);
		return 1;
	}
	if (file_rename(path, to, e) < 0)
		return -1;
	log_info("moved %s to %s", path, to);
	return 1;
}

char **aside_parts(const struct machine *m)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir), *member = xasprintf("%s/member", data);
	auto_free char *own = config_wal_dir(&m->conf), *wal = own ? layout_path(&m->at, own) : NULL;
	char **parts = NULL;

	strv_add(&parts, member);
	if (wal)
		strv_add(&parts, wal);
	return parts;
}

int aside_data(const struct machine *m, struct err *e)
{
	auto_strv char **parts = aside_parts(m);
	int all = 0;

	for (size_t i = 0; all >= 0 && parts[i]; i++) {
		int rc = aside_move(m, parts[i], e);

		all = rc < 0 ? -1 : all | rc;
	}
	return all;
}

int aside_membership(const struct machine *m, bool env, bool certificates, struct err *e)
{
	const char *const paths[] = { env ? m->at.etcd_env : NULL,
				      m->at.joining,
				      m->at.forming,
				      m->at.recovered,
				      m->at.host,
				      m->at.mark,
				      certificates ? m->at.enroll : NULL,
				      certificates ? m->at.pki : NULL,
				      m->at.member_id };

	if (aside_data(m, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (paths[i] && aside_move(m, paths[i], e) < 0)
			return -1;
	return 0;
}

bool aside_has_data(const struct machine *m)
{
	auto_strv char **parts = aside_parts(m);
	auto_free char *snap = xasprintf("%s/snap", parts[0]), *wal = xasprintf("%s/wal", parts[0]);

	return file_exists(snap) || file_exists(wal) || (parts[1] && file_exists(parts[1]));
}

/* --- Copies. */

int aside_as_etcd(const struct machine *m, const char *what, const char *path, struct proc_run run, struct err *e)
{
	const struct file_mode etcd = machine_mode_etcd(m, 0700);
	auto_buf struct buf diag = { 0 };
	int rc;

	run.tied = true;
	run.diag = &diag;
	run.uid = etcd.uid == (uid_t)-1 ? 0 : etcd.uid;
	run.gid = etcd.gid == (gid_t)-1 ? 0 : etcd.gid;
	rc = proc_run(&run, e);
	if (rc > 0 && diag.len == 0) /* which a program that a signal ended cannot explain */
		return err_set(e, ERR_FAIL, "cannot %s %s: %s ended with code %d", what, path, run.argv[0], rc);
	if (rc > 0)
		return err_set(e, ERR_FAIL, "cannot %s %s: %.*s", what, path, (int)strcspn(buf_str(&diag), "\n"),
			       buf_str(&diag));
	return rc;
}

static int measure(const struct machine *m, const char *from, unsigned long long *bytes, struct err *e)
{
	const char *const argv[] = { "du", "--summarize", "--bytes", "--", from, NULL }; /* holes counted */
	auto_buf struct buf out = { 0 };
	const struct proc_run du = { .argv = argv, .timeout = SIZE_SECONDS, .out = &out };

	if (aside_as_etcd(m, "measure", from, du, e) < 0)
		return -1;
	*bytes = strtoull(buf_str(&out), NULL, 10);
	return 0;
}

static int check_room(const char *beside, unsigned long long need, struct err *e)
{
	unsigned long long room = 0;

	need += MARGIN;
	if (file_free_space(beside, &room, e) < 0)
		return -1;
	if (room >= need)
		return 0;
	(void)err_set(
		e, ERR_CONFIG,
		"the new data beside %s takes up to %llu MiB, and its file system has only %llu MiB left: nothing "
		"was changed",
		beside, need >> 20, room >> 20);
	return err_hint(e, "make room there, then run this again");
}

int aside_check_room(const struct machine *m, struct err *e)
{
	auto_strv char **parts = aside_parts(m);
	unsigned long long data = 0, log = 0;

	if (measure(m, parts[0], &data, e) < 0 || (parts[1] && measure(m, parts[1], &log, e) < 0))
		return -1;
	/* A copy of all, and a second database. */
	if (check_room(parts[0], 2 * data + log, e) < 0)
		return -1;
	return parts[1] ? check_room(parts[1], log, e) : 0;
}

int aside_copy(const struct machine *m, const char *from, const char *to, struct err *e)
{
	const char *const argv[] = { "cp", "--archive", "--reflink=auto", "--", from, to, NULL };

	return aside_as_etcd(m, "copy", from, (struct proc_run){ .argv = argv, .timeout = COPY_SECONDS }, e);
}
