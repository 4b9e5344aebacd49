/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/rehearse.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "adapter/rpc.h"
#include "backup/place.h"
#include "backup/tool.h"
#include "base/log.h"
#include "base/text.h"
#include "config/version.h"
#include "member/scratch.h"
#include "release/release.h"

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

/* A newer release writes what an older one cannot read. */
static int check_version(const struct machine *m, const struct backup_meta *b, struct err *e)
{
	cleanup(release_free) struct release r = { 0 };
	struct version then;

	if (release_current(m, &r, e) <= 0)
		return e->class != ERR_NONE ? -1 : err_set(e, ERR_CONFIG, "no release of etcd is installed");
	if (!version_parse(b->version, &then) || version_at_least(r.version, then.major, then.minor))
		return 0;
	return err_set(e, ERR_CONFIG, "the backup is of etcd %s, and %s is installed, which cannot restore it",
		       b->version, r.name);
}

/* The copy of the snapshot in the stage. */
static int stage_copy(const struct machine *m, const char *stage, const char *file, const char *copy,
		      struct verified *v, int64_t *revision, struct err *e)
{
	auto_close int fd = -1;
	struct stat st;

	if (stat(file, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", file);
	/* The copy, and a database restored from it. */
	if (place_check_room(stage, 2ULL * (unsigned long long)st.st_size, e) < 0 ||
	    file_mkdirs(stage, machine_mode_etcd(m, 0700), e) < 0)
		return -1;
	fd = file_create(copy, machine_mode_etcd(m, 0600), e);
	if (fd < 0 || verify_file(file, fd, v, e) < 0)
		return -1;
	if (v->has_meta && check_version(m, &v->meta, e) < 0)
		return -1;
	/* A compressed one is larger now. */
	if (place_check_room(stage, v->size, e) < 0 || tool_revision(m, fd, file, revision, e) < 0)
		return -1;
	if (v->has_meta && *revision != v->meta.revision)
		return err_set(e, ERR_VERIFY, "%s has revision %" PRId64 ", and had %" PRId64 " when it was made", file,
			       *revision, v->meta.revision);
	return 0;
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
	static const char *const settings[] = { "ETCD_DATA_DIR=data", "ETCD_NAME=rehearsal", NULL };
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
	struct err left = { 0 };
	int rc;

	*r = (struct rehearsed){ 0 };
	if (rehearse_sweep(m, e) < 0)
		return -1;
	rc = stage_copy(m, stage, file, copy, v, &r->revision, e);
	if (rc == 0 && (tool_restore(m, copy, data, e) < 0 || try_out(m, stage, v, r, e) < 0))
		rc = err_wrap(e, "%s cannot be used", file);
	if (rehearse_sweep(m, rc < 0 ? &left : e) < 0)
		return -1;
	return rc;
}
