/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/tool.h"

#include <inttypes.h>
#include <string.h>

#include "adapter/json.h"
#include "base/text.h"
#include "member/aside.h"

/* All pages are read, and for a restore written: 8 GB of a slow disk. */
#define SECONDS 3600

#define UTL "etcdutl"

/* The caller frees; NULL: there is neither. */
static char *find(const struct machine *m, struct err *e)
{
	static const char *const names[] = { UTL, "etcdctl" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *path = xasprintf("%s/%s", m->at.current, names[i]);

		if (file_exists(path))
			return steal(&path);
	}
	(void)err_set(e, ERR_CONFIG, "no etcdutl and no etcdctl is installed, by which a snapshot is checked");
	(void)err_hint(e, "etcd-cluster setup");
	return NULL;
}

int tool_revision(const struct machine *m, int fd, const char *name, int64_t *revision, struct version *version,
		  struct err *e)
{
	auto_free char *tool = find(m, e);
	/* By the descriptor: the directory is closed to user etcd. */
	const char *const argv[] = { tool, "snapshot", "status", "/proc/self/fd/0", "--write-out", "json", NULL };
	auto_buf struct buf out = { 0 };
	cleanup(json_free) struct json_object *o = NULL;
	const char *text;

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
	text = json_get_text(o, "version");
	if (version && !(text && version_parse(text, version)))
		*version = (struct version){ 0 };
	return 0;
}

bool tool_is_etcdctl(const struct machine *m)
{
	struct err none = { 0 };
	auto_free char *tool = find(m, &none);

	return tool && !text_ends(tool, UTL);
}

bool tool_can_bump(const struct machine *m)
{
	struct err ignored = { 0 };
	auto_free char *tool = find(m, &ignored);
	const char *const argv[] = { tool, "snapshot", "restore", "--help", NULL };
	auto_buf struct buf help = { 0 };

	return tool && proc_run(&(struct proc_run){ .argv = argv, .timeout = 10, .out = &help }, &ignored) == 0 &&
	       strstr(buf_str(&help), "--bump-revision");
}

int tool_restore(const struct machine *m, const char *snapshot, const char *dir, const struct tool_member *as,
		 struct err *e)
{
	auto_free char *tool = find(m, e), *bump = xasprintf("--bump-revision=%" PRId64, TOOL_BUMP);
	const char *argv[] = { tool,
			       "snapshot",
			       "restore",
			       snapshot,
			       "--data-dir",
			       dir,
			       "--name",
			       as->name,
			       "--initial-cluster",
			       as->cluster,
			       "--initial-cluster-token",
			       as->token,
			       "--initial-advertise-peer-urls",
			       as->urls,
			       NULL,
			       NULL,
			       NULL,
			       NULL };
	size_t n = ARRAY_LEN(argv) - 4;

	if (!tool)
		return -1;
	if (as->bump) {
		argv[n++] = bump;
		argv[n++] = "--mark-compacted";
	}
	if (as->unsigned_)
		argv[n++] = "--skip-hash-check";
	return aside_as_etcd(m, "restore", snapshot, (struct proc_run){ .argv = argv, .timeout = SECONDS }, e);
}
