/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/rehearse.h"

#include <inttypes.h>
#include <string.h>

#include "adapter/rpc.h"
#include "backup/staged.h"
#include "backup/tool.h"
#include "base/log.h"
#include "base/text.h"
#include "config/version.h"
#include "member/scratch.h"

/* What the member of a rehearsal is called; nobody dials it. */
#define NAME "rehearsal"
#define PEER "http://127.0.0.1:1"

#define START_SECONDS 600
#define HASH_MS	      (10 * 60 * 1000)

static char *stage_of(const struct machine *m)
{
	return layout_path(&m->at, "/var/lib/etcd-cluster.state/rehearsal");
}

int rehearse_sweep(const struct machine *m, struct err *e)
{
	auto_free char *stage = stage_of(m);

	return file_exists(stage) ? file_remove_tree(stage, e) : 0;
}

static int same_minor(const char *a, const char *b)
{
	struct version x, y;

	return version_parse(a, &x) && version_parse(b, &y) && x.major == y.major && x.minor == y.minor;
}

static int compare(const struct scratch *s, const struct verified *v, struct rehearsed *r, struct err *e)
{
	auto_grpc struct grpc *g = scratch_session(s, HASH_MS, e);
	const struct backup_meta *b = &v->meta;
	struct rpc_status status;
	int64_t compacted = 0;
	uint32_t hash = 0;

	if (!g || rpc_status(g, &status, e) < 0 || rpc_count(g, r->revision, &r->keys, e) < 0)
		return -1;
	if (v->has_meta && b->keys >= 0 && r->keys != b->keys)
		return err_set(e, ERR_VERIFY, "it has %" PRId64 " keys, and there were %" PRId64 " when it was made",
			       r->keys, b->keys);
	/* The hash depends on the last compaction and on the minor release. */
	if (!v->has_meta || !b->hashed || !same_minor(status.version, b->version))
		return 0;
	if (rpc_hash_kv(g, r->revision, &hash, &compacted, e) < 0)
		return -1;
	if (compacted == b->compacted && hash != b->hash)
		return err_set(e, ERR_VERIFY,
			       "its keys have the hash %" PRIu32 ", and had %" PRId64 " when it was made", hash,
			       b->hash);
	r->hashed = compacted == b->compacted;
	return 0;
}

/* A throw-away etcd on the restored data. */
static int try_out(const struct machine *m, const char *stage, const struct verified *v, struct rehearsed *r,
		   struct err *e)
{
	static const char *const settings[] = { "ETCD_DATA_DIR=data", "ETCD_NAME=" NAME, NULL };
	auto_free char *log = xasprintf("%s/rehearsal.log", m->at.run);
	auto_keyfile struct keyfile env = { 0 };
	struct scratch s = {
		.m = m, .env = &env, .dir = stage, .settings = settings, .log = log, .seconds = START_SECONDS
	};
	struct err ignored = { 0 };
	int64_t revision;
	int rc;

	if (keyfile_read(m->at.etcd_env, &env, e) < 0)
		return err_hint(e, "a rehearsal runs on a machine that was set up: etcd-cluster setup");
	rc = scratch_start(&s, &revision, e);
	if (rc == 0)
		rc = compare(&s, v, r, e);
	if (scratch_end(&s, rc < 0 ? &ignored : e) < 0 || rc < 0)
		return err_hint(e, "the log of etcd is in %s", log);
	return 0;
}

int rehearse_file(const struct machine *m, const char *file, struct verified *v, struct rehearsed *r, struct err *e)
{
	auto_free char *stage = stage_of(m), *copy = xasprintf("%s/snapshot.db", stage);
	auto_free char *data = xasprintf("%s/data", stage);
	static const struct tool_member as = { .name = NAME, .urls = PEER, .cluster = NAME "=" PEER, .token = NAME };
	struct err left = { 0 };
	int rc;

	*r = (struct rehearsed){ 0 };
	if (rehearse_sweep(m, e) < 0)
		return -1;
	rc = staged_copy(m, stage, file, copy, v, &r->revision, e);
	if (rc == 0 && (tool_restore(m, copy, data, &as, e) < 0 || try_out(m, stage, v, r, e) < 0))
		rc = err_wrap(e, "%s cannot be used", file);
	if (rehearse_sweep(m, rc < 0 ? &left : e) < 0)
		return -1;
	return rc;
}
