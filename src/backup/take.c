/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/take.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/rpc.h"
#include "adapter/zstd.h"
#include "backup/place.h"
#include "backup/tool.h"
#include "backup/trailer.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "member/endpoint.h"

#define ASK_MS 10000

/* A member that sends nothing for so long, or a disk that takes nothing, has failed. */
#define STALL_SECONDS 120

/* To hash all keys a member reads all of its database, and commits no write meanwhile: the leader only a small one. */
#define HASH_MS		(10 * 60 * 1000)
#define HASH_LEADER_MAX (256LL << 20)

struct taking {
	const struct machine *m;
	const struct member *from;
	struct backup_meta *made;
	bool zstd;
	char *part, *packed; /* the snapshot; and compressed */
	int fd, packed_fd;
	struct trailer trailer;
	digest_ctx *whole;
	unsigned long long got;
	struct progress_meter progress;
};

const struct member *take_source(const struct member_survey *s, struct err *e)
{
	const struct member *best = NULL;

	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->listed && !one->learner && one->healthy && (!best || one->here))
			best = one;
	if (!best) {
		(void)err_set(e, ERR_HEALTH, "no healthy member answers that could give a backup");
		(void)err_hint(e, "etcd-cluster status");
	}
	return best;
}

static int take_piece(void *arg, const void *data, size_t len, uint64_t left, struct err *e)
{
	struct taking *t = arg;

	trailer_add(&t->trailer, data, len);
	digest_add(t->whole, data, len);
	if (file_write_all(t->fd, data, len) < 0)
		return err_sys(e, ERR_FAIL, "cannot write %s", t->part);
	t->got += len;
	progress_show(&t->progress, t->got, t->got + left);
	return 0;
}

/* The snapshot is in the .part, and whole. */
static int receive(struct taking *t, struct err *e)
{
	/* etcdutl reads it as user etcd, who has all of it anyway. */
	const struct file_mode how = machine_mode_group(t->m, 0640);
	auto_grpc struct grpc *g = endpoint_open(t->m, t->from->url, 0, ASK_MS, e);
	int rc;

	/* A linearizable read: what was acknowledged before it, this member has. */
	if (!g || rpc_health(g, false, e) < 0 || file_remove_tree(t->part, e) < 0)
		return -1;
	t->fd = file_create(t->part, how, e);
	if (t->fd < 0)
		return -1;
	(void)snprintf(t->progress.now.name, sizeof(t->progress.now.name), "snapshot of %s", t->from->name);
	rc = rpc_snapshot(g, STALL_SECONDS, take_piece, t, e);
	progress_end(&t->progress);
	if (rc < 0 || trailer_end(&t->trailer, e) < 0)
		return err_wrap(e, "the snapshot of member %s", t->from->name);
	return tool_revision(t->m, t->fd, t->part, &t->made->revision, NULL, e);
}

/* What a rehearsal compares. It may be compacted by now, or not be permitted: then it is not known. */
static void count(const struct taking *t)
{
	struct err unknown = { 0 };
	auto_grpc struct grpc *g = endpoint_open(t->m, t->from->url, ASK_MS, HASH_MS, &unknown);
	struct backup_meta *b = t->made;
	uint32_t hash = 0;

	b->keys = -1;
	if (!g || rpc_count(g, b->revision, &b->keys, &unknown) < 0) {
		b->keys = -1;
		log_debug("the keys are not counted: %s", unknown.msg);
		return;
	}
	if (t->from->status.leader == t->from->id && t->from->status.db_size > HASH_LEADER_MAX)
		return;
	b->hashed = rpc_hash_kv(g, b->revision, &hash, &b->compacted, &unknown) == 0;
	b->hash = hash;
}

/* Needs room for both for a moment. */
static int compress(struct taking *t, struct err *e)
{
	uint8_t sha256[DIGEST_LEN];

	if (file_remove_tree(t->packed, e) < 0)
		return -1;
	t->packed_fd = file_create(t->packed, FILE_MODE(0600), e);
	if (t->packed_fd < 0)
		return -1;
	if (lseek(t->fd, 0, SEEK_SET) < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", t->part);
	if (zstd_pack(t->fd, t->packed_fd, t->packed, e) < 0 || digest_file(t->packed_fd, t->packed, sha256, e) < 0 ||
	    file_remove_tree(t->part, e) < 0)
		return -1;
	text_hex(sha256, DIGEST_LEN, t->made->sha256);
	return 0;
}

/* The default name. The caller frees. */
static char *name_of(const struct taking *t, const char *dir)
{
	struct tm tm = { 0 };
	char stamp[20] = "";

	(void)gmtime_r(&t->made->time, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	return xasprintf("%s/etcd-" ID_FMT "-%" PRId64 "-%s.db%s", dir, t->made->cluster_id, t->made->revision, stamp,
			 t->zstd ? ".zst" : "");
}

/* Both files get their names; that of the backup last: who sees it sees a whole one. */
static int publish(struct taking *t, struct err *e)
{
	const struct file_mode own = { .mode = 0600, .uid = geteuid(), .gid = getegid() };
	auto_free char *meta = backup_meta_path(t->made->path);
	struct err ignored = { 0 };
	struct stat st;

	if (fstat(t->zstd ? t->packed_fd : t->fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot inspect %s", t->part);
	t->made->size = st.st_size;
	if (backup_meta_write(t->made, e) == 0 &&
	    file_finish(t->zstd ? t->packed_fd : t->fd, t->zstd ? t->packed : t->part, t->made->path, own, e) == 0)
		return 0;
	if (!file_exists(t->made->path) && file_remove_tree(meta, &ignored) < 0)
		log_debug("%s", ignored.msg);
	return -1;
}

static int work(struct taking *t, const char *dir, struct err *e)
{
	uint8_t sha256[DIGEST_LEN];

	if (receive(t, e) < 0)
		return -1;
	count(t);
	digest_end(t->whole, sha256);
	text_hex(sha256, DIGEST_LEN, t->made->sha256);
	if (!t->made->path)
		t->made->path = name_of(t, dir);
	if (t->zstd && compress(t, e) < 0)
		return -1;
	return publish(t, e);
}

static void end(struct taking *t)
{
	struct err ignored = { 0 };

	if (file_remove_tree(t->part, &ignored) < 0 || file_remove_tree(t->packed, &ignored) < 0)
		log_debug("%s", ignored.msg);
	mem_close_fd(&t->fd);
	mem_close_fd(&t->packed_fd);
	trailer_free(&t->trailer);
	digest_free(&t->whole);
	free(t->part);
	free(t->packed);
}

int take_run(const struct machine *m, const struct member_survey *s, const struct member *from, const char *file,
	     struct backup_meta *made, struct err *e)
{
	auto_free char *dir = file ? xstrndup(file, (size_t)(strrchr(file, '/') - file)) : place_dir(m, e);
	struct taking t = { .m = m, .from = from, .made = made, .fd = -1, .packed_fd = -1 };
	const unsigned long long size = (unsigned long long)from->status.db_size;
	int rc;

	*made = (struct backup_meta){ .cluster_id = s->cluster_id,
				      .member_id = from->id,
				      .time = m->now,
				      .waits = !file && m->conf.backup_command[0] };
	if (!dir)
		return -1;
	if (file && file_exists(file))
		return err_set(e, ERR_CONFIG, "%s exists already", file);
	t.zstd = file ? text_ends(file, ".zst") : m->conf.backup_zstd;
	if (place_check_room(dir[0] ? dir : "/", t.zstd ? 2 * size : size, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would take a backup of %llu MiB from member %s into %s", size >> 20, from->name,
			 file ? file : dir);
		return 0;
	}
	made->member = xstrdup(m->conf.name);
	made->path = file ? xstrdup(file) : NULL;
	(void)snprintf(made->version, sizeof(made->version), "%s", from->status.version);
	/* On a share each machine has its own. */
	t.part = file ? xasprintf("%s.part", file)
		      : xasprintf("%s/etcd-" ID_FMT "-%s.part", dir, s->cluster_id, m->conf.name);
	t.packed = xasprintf("%.*s.zst.part", (int)(strlen(t.part) - strlen(".part")), t.part);
	trailer_init(&t.trailer);
	t.whole = digest_new();
	rc = work(&t, dir, e);
	end(&t);
	return rc;
}
