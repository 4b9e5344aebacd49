/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/recover_data.h"

#include <string.h>
#include <sys/random.h>

#include "adapter/wal.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/text.h"
#include "flow/common.h"
#include "member/aside.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "member/scratch.h"

/* A large database is read in, and a long log replayed, before etcd answers. */
#define REPLAY_SECONDS 600

#define RESTORE_SECONDS 3600

/* What etcd's documentation suggests: beyond all that clients can have seen. */
#define BUMP "1000000000"

struct build {
	const struct machine *m;
	const struct keyfile *env;
	struct recovered *to;
	char **parts;	      /* aside_parts */
	char *stage;	      /* everything until it is whole; user etcd's */
	char *old, *restored; /* in it: the copy, and what was restored from that */
	char *name, *cluster; /* the member, and ETCD_INITIAL_CLUSTER with it alone */
	char **urls;	      /* strv: its peer URLs */
};

static void build_free(struct build *b)
{
	strv_free(b->parts);
	strv_free(b->urls);
	free(b->stage);
	free(b->old);
	free(b->restored);
	free(b->name);
	free(b->cluster);
}

static void build_init(struct build *b)
{
	auto_free char *peers = keyfile_copy(b->env, "ETCD_INITIAL_ADVERTISE_PEER_URLS");
	const char *name = keyfile_get(b->env, "ETCD_NAME");
	auto_buf struct buf cluster = { 0 };

	b->parts = aside_parts(b->m);
	b->stage = xasprintf("%s.aside-partial", b->parts[0]);
	b->old = xasprintf("%s/old/member", b->stage);
	b->restored = xasprintf("%s/new/member", b->stage);
	b->name = xstrdup(name ? name : b->m->conf.name);
	b->urls = peers ? text_split(peers, BLANKS ",") : NULL;
	if (!b->urls) {
		auto_free char *url = endpoint_peer(&b->m->conf);

		strv_add(&b->urls, url);
	}
	for (char **url = b->urls; *url; url++)
		buf_printf(&cluster, "%s%s=%s", url == b->urls ? "" : ",", b->name, *url);
	b->cluster = xstrdup(buf_str(&cluster));
}

static int copy(const struct build *b, struct err *e)
{
	auto_free char *parent = xasprintf("%s/old", b->stage), *wal = xasprintf("%s/wal", b->old);

	for (char **part = b->parts; *part; part++) {
		auto_free char *left = recovered_part(*part);

		if (file_remove_tree(left, e) < 0)
			return -1;
	}
	if (file_remove_tree(b->stage, e) < 0 || file_mkdirs(parent, machine_mode_etcd(b->m, 0700), e) < 0 ||
	    aside_copy(b->m, b->parts[0], b->old, e) < 0)
		return -1;
	if (!b->parts[1])
		return 0;
	return file_remove_tree(wal, e) < 0 ? -1 : aside_copy(b->m, b->parts[1], wal, e);
}

/* ---- The log is replayed --------------------------------------------------------------------------------------- */

/*
 * etcd on the copy. No certificates for peers, and the cluster ID of the log is a new one: should a member of the
 * former cluster be reachable after all, neither listens to the other.
 */
static int replay(const struct build *b, int64_t *revision, struct err *e)
{
	auto_free char *log = xasprintf("%s/restore.log", b->m->at.run), *name = xasprintf("ETCD_NAME=%s", b->name);
	const char *const settings[] = { "ETCD_DATA_DIR=old", "ETCD_FORCE_NEW_CLUSTER=true", name, NULL };
	struct scratch s = {
		.m = b->m, .env = b->env, .dir = b->stage, .settings = settings, .log = log, .seconds = REPLAY_SECONDS
	};
	struct err ignored = { 0 };
	int rc = scratch_start(&s, revision, e);

	if (scratch_end(&s, rc < 0 ? &ignored : e) < 0 || rc < 0)
		return err_hint(e, "the log of etcd is in %s; the data of this machine is unchanged", log);
	return 0;
}

/* ---- The database is restored ---------------------------------------------------------------------------------- */

/*
 * etcdutl, if it can raise the revision (3.5.10 and later). etcdctl 3.4 is not used: a restore by it leaves the old
 * member in the database, where etcd 3.5 finds it again.
 */
static char *find_tool(const struct machine *m)
{
	auto_free char *tool = xasprintf("%s/etcdutl", m->at.current);
	const char *const argv[] = { tool, "snapshot", "restore", "--help", NULL };
	auto_buf struct buf help = { 0 };
	struct err ignored = { 0 };

	if (file_exists(tool) &&
	    proc_run(&(struct proc_run){ .argv = argv, .timeout = 10, .out = &help }, &ignored) == 0 &&
	    strstr(buf_str(&help), "--bump-revision"))
		return steal(&tool);
	return NULL;
}

static int restore(const struct build *b, const char *tool, struct err *e)
{
	auto_free char *db = xasprintf("%s/snap/db", b->old), *to = xasprintf("%s/new", b->stage);
	auto_free char *peers = strv_join(b->urls, ",");
	const char *const argv[] = { tool,
				     "snapshot",
				     "restore",
				     db,
				     "--skip-hash-check", /* the file of a member has none */
				     "--data-dir",
				     to,
				     "--name",
				     b->name,
				     "--initial-cluster",
				     b->cluster,
				     "--initial-cluster-token",
				     b->to->token,
				     "--initial-advertise-peer-urls",
				     peers,
				     "--bump-revision",
				     BUMP,
				     "--mark-compacted",
				     NULL };

	return aside_as_etcd(b->m, "restore", db, (struct proc_run){ .argv = argv, .timeout = RESTORE_SECONDS }, e);
}

/* The result gets its names beside the old data, all of it synced. */
static int present(const struct build *b, const char *result, struct err *e)
{
	auto_free char *wal = xasprintf("%s/wal", result), *data = recovered_part(b->parts[0]);
	struct wal_ids ids = { 0 };

	if (wal_read_ids(wal, &ids, e) < 0)
		return -1;
	b->to->cluster_id = ids.cluster;
	b->to->member_id = ids.member;
	if (b->parts[1]) {
		auto_free char *partial = xasprintf("%s.aside-partial", b->parts[1]),
			       *log = recovered_part(b->parts[1]);

		if (file_remove_tree(partial, e) < 0 || aside_copy(b->m, wal, partial, e) < 0 ||
		    file_sync_tree(partial, e) < 0 || file_rename(partial, log, e) < 0 || file_remove_tree(wal, e) < 0)
			return -1;
	}
	return file_sync_tree(result, e) < 0 ? -1 : file_rename(result, data, e);
}

int recover_make_data(const struct machine *m, const struct keyfile *env, struct recovered *to, int64_t *revision,
		      struct err *e)
{
	cleanup(build_free) struct build b = { .m = m, .env = env, .to = to };
	auto_free char *wal = NULL, *tool = find_tool(m);
	struct wal_end end;
	uint64_t nonce;

	must(getrandom(&nonce, sizeof(nonce), 0) == (ssize_t)sizeof(nonce)); /* so few never come short */
	to->token = xasprintf("%s." ID_FMT, m->conf.cluster_token, nonce);
	build_init(&b);
	wal = xasprintf("%s/wal", b.old);
	if (copy(&b, e) < 0 || wal_adopt(wal, wal_static_ids(b.urls, 1, 0, to->token).cluster, &end, e) < 0)
		return -1;
	log_info("replaying the log of this machine up to term %" PRIu64 ", index %" PRIu64, end.term, end.index);
	if (replay(&b, revision, e) < 0 || (tool && restore(&b, tool, e) < 0))
		return -1;
	return present(&b, tool ? b.restored : b.old, e);
}

/* ---- The switch ------------------------------------------------------------------------------------------------ */

int recover_switch(const struct machine *m, const struct recovered *to, struct err *e)
{
	const struct identity id = { .cluster_id = to->cluster_id, .member_id = to->member_id, .name = m->conf.name };
	auto_strv char **parts = aside_parts(m);
	auto_free char *stage = xasprintf("%s.aside-partial", parts[0]);

	for (char **part = parts; *part; part++) {
		auto_free char *new = recovered_part(*part);

		if (file_exists(new) && (aside_move(m, *part, e) < 0 || file_rename(new, *part, e) < 0))
			return -1;
	}
	/* member-id comes last: until then the recovery is pending. */
	if (file_remove_tree(stage, e) < 0 || aside_move(m, m->at.joining, e) < 0 || common_write_env(m, e) < 0)
		return -1;
	return identity_write(m, &id, e) < 0 ? -1 : 0;
}
