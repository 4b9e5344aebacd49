/* SPDX-License-Identifier: Apache-2.0 */
#include "member/datadir_copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "member/aside.h"
#include "member/datadir.h"

/* A database has a quota of 8 GiB at the most (etcd's own advice); a slow disk copies that in half an hour. */
#define COPY_SECONDS 3600
#define SIZE_SECONDS 60

/* What else may be written meanwhile. */
#define MARGIN (64ULL << 20)

/* One directory of etcd's, what its copy is called at last, and until it is whole. */
struct part {
	char *from, *to, *partial;
};

static void part_free(struct part (*parts)[2])
{
	for (size_t i = 0; i < ARRAY_LEN(*parts); i++) {
		free((*parts)[i].from);
		free((*parts)[i].to);
		free((*parts)[i].partial);
	}
}

/* Runs a tool as user etcd, tied to us. Returns its exit status; what it says in diag. */
static int run_as_etcd(const struct machine *m, const char *const *argv, unsigned int seconds, struct buf *out,
		       struct buf *diag, struct err *e)
{
	struct file_mode etcd = machine_mode_etcd(m, 0700);
	const struct proc_run run = { .argv = argv,
				      .timeout = seconds,
				      .out = out,
				      .diag = diag,
				      .tied = true,
				      .uid = etcd.uid == (uid_t)-1 ? 0 : etcd.uid,
				      .gid = etcd.gid == (gid_t)-1 ? 0 : etcd.gid };

	return proc_run(&run, e);
}

/* Its size in bytes, holes counted. */
static int measure(const struct machine *m, const char *dir, unsigned long long *bytes, struct err *e)
{
	const char *const argv[] = { "du", "--summarize", "--bytes", "--", dir, NULL };
	auto_buf struct buf out = { 0 }, diag = { 0 };
	int rc = run_as_etcd(m, argv, SIZE_SECONDS, &out, &diag, e);

	if (rc < 0)
		return -1;
	if (rc > 0)
		return err_set(e, ERR_FAIL, "cannot measure %s: %.*s", dir, (int)strcspn(buf_str(&diag), "\n"),
			       buf_str(&diag));
	*bytes = strtoull(buf_str(&out), NULL, 10);
	return 0;
}

static int check_room(const struct machine *m, const char *from, struct err *e)
{
	unsigned long long need = 0, room = 0;

	if (measure(m, from, &need, e) < 0 || file_free_space(from, &room, e) < 0)
		return -1;
	if (room >= need + MARGIN)
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "a copy of %s takes %llu MiB, and its file system has only %llu MiB left: nothing was changed",
		      from, (need + MARGIN) >> 20, room >> 20);
	return err_hint(e, "make room there, then run this again");
}

/* DATA_DIR/member, and WAL_DIR/wal when it is elsewhere: 1 or 2 of them. */
static size_t find_parts(const struct machine *m, struct part parts[2])
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir), *own = config_wal_dir(&m->conf);
	size_t n = own ? 2 : 1;

	parts[0].from = xasprintf("%s/member", data);
	parts[1].from = own ? layout_path(&m->at, own) : NULL;
	for (size_t i = 0; i < n; i++) {
		parts[i].to = aside_name(m, parts[i].from);
		parts[i].partial = xasprintf("%s.aside-partial", parts[i].from);
	}
	return n;
}

int datadir_copy_room(const struct machine *m, struct err *e)
{
	cleanup(part_free) struct part parts[2] = { { 0 } };
	size_t n = find_parts(m, parts);

	for (size_t i = 0; i < n; i++)
		if (check_room(m, parts[i].from, e) < 0)
			return -1;
	return 0;
}

static int copy_part(const struct machine *m, const struct part *p, struct err *e)
{
	const char *const argv[] = { "cp", "--archive", "--reflink=auto", "--", p->from, p->partial, NULL };
	auto_buf struct buf diag = { 0 };
	int rc;

	if (file_remove_tree(p->partial, e) < 0)
		return -1;
	rc = run_as_etcd(m, argv, COPY_SECONDS, NULL, &diag, e);
	if (rc < 0)
		return -1;
	if (rc > 0)
		return err_set(e, ERR_FAIL, "cannot copy %s: %.*s", p->from, (int)strcspn(buf_str(&diag), "\n"),
			       buf_str(&diag));
	if (file_sync_tree(p->partial, e) < 0)
		return -1;
	return file_rename(p->partial, p->to, e);
}

int datadir_copy(const struct machine *m, struct err *e)
{
	cleanup(part_free) struct part parts[2] = { { 0 } };
	size_t n = find_parts(m, parts);

	for (size_t i = 0; i < n; i++) {
		if (copy_part(m, &parts[i], e) < 0)
			return -1;
		log_info("a copy of %s is in %s", parts[i].from, parts[i].to);
	}
	return 0;
}
