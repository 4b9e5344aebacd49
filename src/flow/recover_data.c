/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/recover_data.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "adapter/wal.h"
#include "backup/staged.h"
#include "backup/tool.h"
#include "base/log.h"
#include "base/text.h"
#include "flow/common.h"
#include "flow/form_first.h"
#include "member/aside.h"
#include "member/disk.h"
#include "member/endpoint.h"
#include "member/forming.h"
#include "member/identity.h"
#include "member/scratch.h"

/* A large database is read in, and a long log replayed, before etcd answers. */
#define REPLAY_SECONDS 600

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

static void build_places(struct build *b)
{
	b->parts = aside_parts(b->m);
	b->stage = xasprintf("%s.aside-partial", b->parts[0]);
	b->restored = xasprintf("%s/new/member", b->stage);
}

static void build_init(struct build *b)
{
	auto_free char *peers = keyfile_copy(b->env, "ETCD_INITIAL_ADVERTISE_PEER_URLS");
	const char *name = keyfile_get(b->env, "ETCD_NAME");
	auto_buf struct buf cluster = { 0 };

	build_places(b);
	b->old = xasprintf("%s/old/member", b->stage);
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

/* Removes what a killed run has left. */
static int sweep(const struct build *b, struct err *e)
{
	for (char **part = b->parts; *part; part++) {
		auto_free char *left = recovered_part(*part), *partial = xasprintf("%s.aside-partial", *part);

		if (file_remove_tree(left, e) < 0 || file_remove_tree(partial, e) < 0)
			return -1;
	}
	return 0;
}

static int copy(const struct build *b, struct err *e)
{
	auto_free char *parent = xasprintf("%s/old", b->stage), *wal = xasprintf("%s/wal", b->old);

	if (sweep(b, e) < 0 || file_mkdirs(parent, machine_mode_etcd(b->m, 0700), e) < 0 ||
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

static int restore(const struct build *b, const char *snapshot, bool from_member, struct err *e)
{
	auto_free char *to = xasprintf("%s/new", b->stage), *urls = strv_join(b->urls, ",");
	const struct tool_member as = { .name = b->name,
					.urls = urls,
					.cluster = b->cluster,
					.token = b->to->token,
					.bump = tool_can_bump(b->m),
					.unsigned_ = from_member };

	return tool_restore(b->m, snapshot, to, &as, e);
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
	/* An older release would only take the former members for its own. */
	const bool restores = tool_can_bump(m) && !tool_is_etcdctl(m);
	auto_free char *wal = NULL, *db = NULL;
	struct wal_end end;
	uint64_t nonce;

	must(getrandom(&nonce, sizeof(nonce), 0) == (ssize_t)sizeof(nonce)); /* so few never come short */
	to->token = xasprintf("%s." ID_FMT, m->conf.cluster_token, nonce);
	build_init(&b);
	wal = xasprintf("%s/wal", b.old);
	db = xasprintf("%s/snap/db", b.old);
	if (copy(&b, e) < 0 || wal_adopt(wal, wal_static_ids(b.urls, 1, 0, to->token).cluster, &end, e) < 0)
		return -1;
	log_info("replaying the log of this machine up to term %" PRIu64 ", index %" PRIu64, end.term, end.index);
	if (replay(&b, revision, e) < 0 || (restores && restore(&b, db, true, e) < 0))
		return -1;
	return present(&b, restores ? b.restored : b.old, e);
}

/* ---- From a backup --------------------------------------------------------------------------------------------- */

/* The record of the cluster that this machine alone forms. */
static int make_record(const struct machine *m, const struct recovered *to, const char *disk, struct forming *f,
		       struct err *e)
{
	struct config alone = m->conf; /* borrows everything */
	char *ca = NULL;
	int rc = form_ca(m, &ca, e);

	alone.n_members = 0;
	*f = (struct forming){ .state = FORMING_STARTING,
			       .nonce = xstrdup(to->nonce),
			       .members = forming_members(&alone),
			       .disks = xasprintf("%s=%s", m->conf.name, disk),
			       .ports = forming_ports(&m->conf),
			       .token = xstrndup(to->token, strlen(to->token) - strlen(to->nonce) - 1),
			       .ca = ca };
	return rc <= 0 ? rc < 0 ? -1 : err_set(e, ERR_CONFIG, "%s has no ca.crt", m->at.pki) : 0;
}

static void build_init_record(struct build *b, const struct forming *record)
{
	auto_free char *address = forming_of(record->members, b->m->conf.name);
	auto_free char *url = config_url(address, b->m->conf.peer_port);

	build_places(b);
	b->name = xstrdup(b->m->conf.name);
	b->cluster = forming_cluster(record);
	strv_add(&b->urls, url);
}

/* etcd opens the new data, and has all of it. The others cannot see that. */
static int try_out(const struct build *b, int64_t least, struct err *e)
{
	auto_free char *log = xasprintf("%s/restore.log", b->m->at.run), *name = xasprintf("ETCD_NAME=%s", b->name);
	const char *const settings[] = { "ETCD_DATA_DIR=new", name, NULL };
	struct scratch s = {
		.m = b->m, .env = b->env, .dir = b->stage, .settings = settings, .log = log, .seconds = REPLAY_SECONDS
	};
	struct err ignored = { 0 };
	int64_t revision = 0;
	int rc = scratch_start(&s, &revision, e);

	if (scratch_end(&s, rc < 0 ? &ignored : e) < 0 || rc < 0)
		return err_hint(e, "the log of etcd is in %s; the data of this machine is unchanged", log);
	return revision >= least
		       ? 0
		       : err_set(e, ERR_VERIFY, "what was restored has revision %" PRId64 ", less than %" PRId64,
				 revision, least);
}

int recover_restore(const struct machine *m, const char *file, const struct keyfile *env, struct recovered *to,
		    struct verified *v, int64_t *revision, struct err *e)
{
	cleanup(build_free) struct build b = { .m = m, .env = env, .to = to };
	auto_forming struct forming record = { 0 };
	char disk[DISK_ID_HEX], nonce[DISK_ID_HEX];
	auto_free char *copy = NULL;
	const int64_t bump = tool_can_bump(m) ? TOOL_BUMP : 0;

	disk_new_id(nonce);
	to->nonce = xstrdup(nonce);
	to->token = xasprintf("%s.%s", m->conf.cluster_token, nonce);
	if (disk_ensure(m, disk, e) < 0 || make_record(m, to, disk, &record, e) < 0)
		return -1;
	build_init_record(&b, &record);
	copy = xasprintf("%s/snapshot.db", b.stage);
	if (sweep(&b, e) < 0 || staged_copy(m, b.stage, file, copy, v, revision, e) < 0 ||
	    restore(&b, copy, false, e) < 0 || file_remove_tree(copy, e) < 0 || try_out(&b, *revision + bump, e) < 0 ||
	    disk_stage(m, b.restored, disk, e) < 0)
		return -1;
	*revision += bump;
	return 0;
}

int recover_present(const struct machine *m, struct recovered *to, struct err *e)
{
	cleanup(build_free) struct build b = { .m = m, .to = to };

	build_places(&b);
	return present(&b, b.restored, e);
}

int recover_sweep(const struct machine *m, struct err *e)
{
	cleanup(build_free) struct build b = { .m = m, .parts = aside_parts(m) };

	return sweep(&b, e);
}

/* ---- The switch ------------------------------------------------------------------------------------------------ */

static int write_record(const struct machine *m, const struct recovered *to, struct err *e)
{
	auto_forming struct forming record = { 0 };
	char disk[DISK_ID_HEX];

	if (!to->nonce)
		return 0;
	/* It was in the new data when that was made. */
	if (disk_ensure(m, disk, e) < 0 || make_record(m, to, disk, &record, e) < 0)
		return -1;
	return forming_write(m, &record, e) < 0 ? -1 : 0;
}

/* A disk-id alone is no data. */
static int put_aside(const struct machine *m, const char *part, struct err *e)
{
	return aside_has_data(m) ? aside_move(m, part, e) : file_remove_tree(part, e);
}

int recover_switch(const struct machine *m, const struct recovered *to, struct err *e)
{
	const struct identity id = { .cluster_id = to->cluster_id, .member_id = to->member_id, .name = m->conf.name };
	auto_strv char **parts = aside_parts(m);
	auto_free char *stage = xasprintf("%s.aside-partial", parts[0]);

	for (char **part = parts; *part; part++) {
		auto_free char *new = recovered_part(*part);

		if (file_exists(new) && (put_aside(m, *part, e) < 0 || file_rename(new, *part, e) < 0))
			return -1;
	}
	/* member-id comes last: until then the recovery is pending. */
	if (file_remove_tree(stage, e) < 0 || aside_move(m, m->at.joining, e) < 0 || write_record(m, to, e) < 0 ||
	    common_write_env(m, e) < 0)
		return -1;
	return identity_write(m, &id, e) < 0 ? -1 : 0;
}
