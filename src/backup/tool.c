/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/tool.h"

#include <string.h>

#include "adapter/json.h"
#include "member/aside.h"

/* All pages are read, and for a restore written: 8 GB of a slow disk. */
#define SECONDS 3600

/* What the member of a rehearsal is called; nobody dials it. */
#define NAME "rehearsal"
#define PEER "http://127.0.0.1:1"
#define ALL  "rehearsal=http://127.0.0.1:1"

/* The caller frees; NULL: there is neither. */
static char *find(const struct machine *m, struct err *e)
{
	static const char *const names[] = { "etcdutl", "etcdctl" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *path = xasprintf("%s/%s", m->at.current, names[i]);

		if (file_exists(path))
			return steal(&path);
	}
	(void)err_set(e, ERR_CONFIG, "no etcdutl and no etcdctl is installed, by which a snapshot is checked");
	(void)err_hint(e, "etcd-cluster setup");
	return NULL;
}

int tool_revision(const struct machine *m, int fd, const char *name, int64_t *revision, struct err *e)
{
	auto_free char *tool = find(m, e);
	/* By the descriptor: the directory is closed to user etcd. */
	const char *const argv[] = { tool, "snapshot", "status", "/proc/self/fd/0", "--write-out", "json", NULL };
	auto_buf struct buf out = { 0 };
	cleanup(json_free) struct json_object *o = NULL;

	if (!tool)
		return -1;
	if (aside_as_etcd(m, "check the database in", name,
			  (struct proc_run){ .argv = argv, .timeout = SECONDS, .input = fd, .out = &out }, e) < 0) {
		e->class = e->sys ? e->class : ERR_VERIFY;
		return -1;
	}
	o = json_parse(buf_str(&out));
	if (!o || !json_get_number(o, "revision", 0, INT64_MAX, revision))
		return err_set(e, ERR_VERIFY, "%s shows no revision of %s", tool, name);
	if (*revision == 0) /* nothing was written yet; etcd begins at 1 */
		*revision = 1;
	return 0;
}

int tool_restore(const struct machine *m, const char *snapshot, const char *dir, struct err *e)
{
	auto_free char *tool = find(m, e);
	const char *const argv[] = { tool,
				     "snapshot",
				     "restore",
				     snapshot,
				     "--data-dir",
				     dir,
				     "--name",
				     NAME,
				     "--initial-cluster",
				     ALL,
				     "--initial-cluster-token",
				     NAME,
				     "--initial-advertise-peer-urls",
				     PEER,
				     NULL };

	if (!tool)
		return -1;
	return aside_as_etcd(m, "restore", snapshot, (struct proc_run){ .argv = argv, .timeout = SECONDS }, e);
}
