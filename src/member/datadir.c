/* SPDX-License-Identifier: Apache-2.0 */
#include "member/datadir.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "member/aside.h"
#include "member/forming.h"
#include "member/joining.h"
#include "member/recovered.h"

/* The IDs of an etcd without configuration: http://localhost:2380 and token etcd-cluster (seen on 3.4.23). */
#define DEFAULT_CLUSTER UINT64_C(0xcdf818194e3a8c32)
#define DEFAULT_MEMBER	UINT64_C(0x8e9e05c52164694d)

/* Expected are etcd's data, its probe for write access, what mkfs makes, and what was moved aside (member/aside.h). */
static bool is_unexpected(const char *name)
{
	return strcmp(name, "member") != 0 && strcmp(name, ".touch") != 0 && strcmp(name, "lost+found") != 0 &&
	       !text_starts(name, "member.aside-");
}

static int check_entries(const char *dir, struct err *e)
{
	auto_strv char **others = NULL;

	if (file_list(dir, is_unexpected, &others, e) < 0) {
		if (e->sys == ENOTDIR)
			e->class = ERR_CONFIG;
		return -1;
	}
	if (!others)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s contains a file that is not etcd's: %s", dir, others[0]);
	return err_hint(e, "move it elsewhere, or name an empty directory with DATA_DIR in cluster.conf");
}

static bool is_snapshot(const char *name)
{
	return text_ends(name, ".snap");
}

/* True when dir/member/snap has a snapshot: such data is useless without the log. */
static bool has_snapshot(const char *dir)
{
	auto_free char *snap = xasprintf("%s/member/snap", dir);
	auto_strv char **found = NULL;
	struct err ignored = { 0 };

	return file_list(snap, is_snapshot, &found, &ignored) == 0 && found;
}

/* The log of a member at this path: as etcd.env has it, which setup has not yet written again. */
static char *former_log(const struct machine *m, char **data)
{
	auto_keyfile struct keyfile env = { 0 };
	struct err unread = { 0 };
	const char *dir, *wal;

	if (keyfile_read(m->at.etcd_env, &env, &unread) < 0 || !(dir = keyfile_get(&env, "ETCD_DATA_DIR")))
		return NULL;
	*data = layout_path(&m->at, dir);
	wal = keyfile_get(&env, "ETCD_WAL_DIR");
	return wal && *wal ? layout_path(&m->at, wal) : xasprintf("%s/member/wal", *data);
}

/* There is no log in wal: -1 when that is because DATA_DIR or WAL_DIR was changed, and the log is where it was. */
static int check_moved(const struct machine *m, const char *data, const char *wal, struct err *e)
{
	auto_free char *old_data = NULL, *old = former_log(m, &old_data);
	struct wal_ids ids = { 0 };
	struct err unread = { 0 };
	const char *from = old, *to = wal, *key = "WAL_DIR";

	if (!old || strcmp(old, wal) == 0 || wal_read_ids(old, &ids, &unread) <= 0)
		return 0;
	if (strcmp(old_data, data) != 0) {
		from = old_data;
		to = data;
		key = "DATA_DIR";
	}
	(void)err_set(e, ERR_CONFIG, "cluster.conf has another %s: the log of this member is still in %s, not in %s",
		      key, old, wal);
	return err_hint(e,
			"systemctl stop etcd; install -d -o etcd -g etcd -m 0700 %s && mv %s/* %s/ && etcd-cluster "
			"setup; or put the former %s back",
			to, from, to, key);
}

int datadir_look(const struct machine *m, uint64_t *cluster_id, uint64_t *member_id, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir), *own = config_wal_dir(&m->conf);
	auto_free char *wal = own ? layout_path(&m->at, own) : xasprintf("%s/member/wal", data);
	struct wal_ids ids = { 0 };
	int found;

	if (check_entries(data, e) < 0)
		return -1;
	found = wal_read_ids(wal, &ids, e);
	if (found < 0)
		return err_hint(e, e->sys == EACCES ? "run it as root"
						    : "etcd cannot start on it: put a good copy in its place, or "
						      "restore a snapshot");
	if (!found && check_moved(m, data, wal, e) < 0)
		return -1;
	if (!found && has_snapshot(data)) {
		(void)err_set(e, ERR_CONFIG, "%s contains snapshots of a member, but its log is not in %s", data, wal);
		return err_hint(e, "is the disk for %s mounted, and is WAL_DIR in cluster.conf what it was?", wal);
	}
	*cluster_id = ids.cluster;
	*member_id = ids.member;
	return found;
}

int datadir_whose(const struct machine *m, struct identity *id, struct err *e)
{
	int rc = identity_read(m, id, e);

	if (rc == 0)
		rc = datadir_look(m, &id->cluster_id, &id->member_id, e);
	if (rc > 0 && !id->name)
		id->name = xstrdup(m->conf.name);
	return rc;
}

bool datadir_own_ids(const struct config *c, struct wal_ids *ids)
{
	const struct config_member alone = { c->name, c->address };
	const bool many = c->role == ROLE_CLUSTER;
	auto_strv char **urls = NULL;
	size_t self = 0;

	if (c->role == ROLE_JOIN)
		return false;
	for (size_t i = 0; i < (many ? c->n_members : 1); i++) {
		const struct config_member *one = many ? &c->members[i] : &alone;
		auto_free char *url = config_url(one->address, c->peer_port);

		strv_add(&urls, url);
		if (strcmp(one->name, c->name) == 0)
			self = i;
	}
	*ids = wal_static_ids(urls, strv_len(urls), self, c->cluster_token);
	return true;
}

/* With what may bring its member back, and the command that moves the data aside. */
static int aside_hint(const struct machine *m, const char *first, struct err *e)
{
	auto_strv char **parts = aside_parts(m);
	auto_buf struct buf command = { 0 };

	for (size_t i = 0; parts[i]; i++) {
		auto_free char *to = aside_name(m, parts[i]);

		buf_printf(&command, "%smv %s %s", i > 0 ? " && " : "", parts[i], to);
	}
	return err_hint(e, "%sto keep it and start empty: %s", first, buf_str(&command));
}

/* The IDs of this machine in the cluster that it formed. */
static bool formed_ids(const struct machine *m, struct wal_ids *ids)
{
	auto_forming struct forming record = { 0 };
	struct err unread = { 0 };

	if (forming_read(m, &record, &unread) > 0)
		return forming_ids(&record, m->conf.name, ids);
	return datadir_own_ids(&m->conf, ids);
}

/* True for the member of a committed record that has made no log yet, on the disk that the record names. */
static bool never_ran(const struct machine *m)
{
	auto_forming struct forming record = { 0 };
	char disk[DISK_ID_HEX];
	struct err unread = { 0 };

	return forming_read(m, &record, &unread) > 0 && disk_read(m, disk, &unread) > 0 &&
	       forming_may_start(&record, m->conf.name, disk);
}

/* There is data and no member-id: it must be that of the member that was added, or that cluster.conf forms. */
static int check_unclaimed(const struct machine *m, const struct joining *j, struct wal_ids found, const char *data,
			   struct err *e)
{
	struct wal_ids own = { 0 };

	if (j->member_id != 0 && j->cluster_id == found.cluster && j->member_id == found.member)
		return 0;
	if (formed_ids(m, &own) && own.cluster == found.cluster && own.member == found.member)
		return 0;
	if (found.cluster == DEFAULT_CLUSTER && found.member == DEFAULT_MEMBER) {
		(void)err_set(e, ERR_CONFIG,
			      "%s contains the data of an etcd that ran without any configuration, as a "
			      "distribution's package starts it; no cluster can be formed with it",
			      data);
		return aside_hint(m, "", e);
	}
	(void)err_set(e, ERR_CONFIG,
		      "%s contains the data of member " ID_FMT " of cluster " ID_FMT
		      ", which is not the member that cluster.conf describes",
		      data, found.member, found.cluster);
	return aside_hint(m,
			  m->conf.role == ROLE_SINGLE ? "if it is this machine's, put its copy of /etc/etcd back; "
						      : "if it is this machine's, put its copy of /etc/etcd back, or, "
							"while the other members run: etcd-cluster replace; ",
			  e);
}

/* The data of this member is gone. Nobody has a copy of a lone one's. */
static int lost_hint(const struct machine *m, struct err *e)
{
	if (m->conf.role == ROLE_JOIN || m->conf.n_members > 1)
		return err_hint(e, "mount the disk or put the data back; if it is lost and the other members run: "
				   "etcd-cluster replace");
	return err_hint(
		e, "mount the disk or put the data back; to give it up and start empty: mv %s %s.lost; mv %s %s.lost",
		m->at.member_id, m->at.member_id, m->at.forming, m->at.forming);
}

/* Half of a recovery is no data to start etcd on. */
static int check_recovery(const struct machine *m, struct err *e)
{
	auto_recovered struct recovered r = { 0 };
	int rc = recovered_read(m, &r, e);

	if (rc <= 0 || !recovered_pending(m, &r))
		return rc < 0 ? -1 : 0;
	(void)err_set(e, ERR_CONFIG, "the recovery from cluster " ID_FMT " was interrupted", r.former_cluster);
	return err_hint(e, "etcd-cluster setup finishes it");
}

int datadir_check(const struct machine *m, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	cleanup(identity_free) struct identity id = { 0 };
	auto_joining struct joining j = { 0 };
	struct wal_ids found = { 0 };
	int known = check_recovery(m, e) < 0 ? -1 : identity_read(m, &id, e), has_data;

	if (known < 0 || (has_data = datadir_look(m, &found.cluster, &found.member, e)) < 0)
		return -1;
	if (!known) {
		if (joining_read(m, &j, e) < 0)
			return -1;
		if (has_data)
			return check_unclaimed(m, &j, found, data, e);
		if (j.step < JOINING_STARTED)
			return 0;
		/* etcd has run here as the added member, though member-id was never written. */
		id = (struct identity){ j.cluster_id, j.member_id, xstrdup(m->conf.name) };
	}
	if (!has_data && never_ran(m))
		return 0;
	if (!has_data) {
		(void)err_set(e, ERR_CONFIG,
			      "%s is %s, but this machine is member " ID_FMT " (%s) of cluster " ID_FMT
			      ": starting empty under its old ID can erase acknowledged writes",
			      data, file_exists(data) ? "empty" : "missing", id.member_id, id.name, id.cluster_id);
		return lost_hint(m, e);
	}
	if (found.cluster == id.cluster_id && found.member == id.member_id)
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "%s contains the data of member " ID_FMT " of cluster " ID_FMT ", but %s names member " ID_FMT
		      " of cluster " ID_FMT,
		      data, found.member, found.cluster, m->at.member_id, id.member_id, id.cluster_id);
	return err_hint(e, "put the right directory back, or name it with DATA_DIR in cluster.conf");
}

int datadir_may_start(const struct machine *m, struct err *e)
{
	uint64_t cluster, member;
	int rc = datadir_check(m, e) < 0 ? -1 : datadir_look(m, &cluster, &member, e);

	if (rc < 0)
		return -1;
	if (rc > 0 || file_exists(m->at.joining) || never_ran(m))
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s has no data, and no cluster has this machine as a new member",
		      m->conf.data_dir);
	return err_hint(e, "etcd-cluster setup forms the cluster, or says what it waits for");
}

/* Makes one directory, or fixes its owner and mode. 1 changed, 0 nothing to do. */
static int prepare_dir(const struct machine *m, const char *path, struct err *e)
{
	struct file_mode how = machine_mode_etcd(m, 0700);
	auto_free char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		if (m->dry_run) {
			log_info("would make %s", path);
			return 1;
		}
		if ((*parent && file_mkdirs(parent, FILE_MODE(0755), e) < 0) || file_mkdirs(path, how, e) < 0)
			return -1;
		return 1;
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(e, ERR_CONFIG,
			       "%s is not a directory; DATA_DIR and WAL_DIR must name one, not a link to it", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot open %s", path);
	if ((st.st_mode & 07777) == how.mode && (how.uid == (uid_t)-1 || st.st_uid == how.uid) &&
	    (how.gid == (gid_t)-1 || st.st_gid == how.gid))
		return 0;
	if (m->dry_run) {
		log_info("would fix owner and mode of %s", path);
		return 1;
	}
	if (fchown(fd, how.uid, how.gid) < 0 || fchmod(fd, how.mode) < 0)
		return err_sys(e, ERR_FAIL, "cannot set owner and mode of %s", path);
	return 1;
}

int datadir_prepare(const struct machine *m, struct err *e)
{
	const char *const dirs[] = { m->conf.data_dir, m->conf.wal_dir };
	int changed = 0;

	for (size_t i = 0; changed >= 0 && i < ARRAY_LEN(dirs) && dirs[i]; i++) {
		auto_free char *path = layout_path(&m->at, dirs[i]);
		int rc = prepare_dir(m, path, e);

		changed = rc < 0 ? -1 : changed | rc;
	}
	return changed;
}
