/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/restore.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "backup/staged.h"
#include "backup/tool.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/others.h"
#include "config/key.h"
#include "doctor/examine.h"
#include "flow/certify.h"
#include "flow/common.h"
#include "flow/form.h"
#include "flow/recover.h"
#include "flow/recover_data.h"
#include "flow/setup.h"
#include "member/aside.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "release/release.h"

#define ASK_MS 2000

struct restore {
	const struct machine *m;
	const struct restore_order *o;
	char *file;	  /* which file: size, time of its last change, absolute path */
	const char *path; /* the last of them */
	struct keyfile env;
	struct recovered was, to;
	struct identity id;   /* of the member that this machine is or was; 0: none */
	struct verified seen; /* of the file */
};

static void restore_free(struct restore *r)
{
	free(r->file);
	keyfile_free(&r->env);
	recovered_free(&r->was);
	recovered_free(&r->to);
	identity_free(&r->id);
	backup_meta_free(&r->seen.meta);
}

/* Another machine makes the new cluster, and this one joins it. */
static bool follows(const struct machine *m)
{
	return !config_makes_ca(&m->conf);
}

/* ---- Before anything is changed -------------------------------------------------------------------------------- */

static int look_at_file(struct restore *r, struct err *e)
{
	auto_free char *path = realpath(r->o->file, NULL);
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return err_sys(e, ERR_CONFIG, "cannot read %s", r->o->file);
	r->file = xasprintf("%lld %lld %s", (long long)st.st_size, (long long)st.st_mtime, path);
	r->path = strchr(r->file, '/');
	return 0;
}

static int check_role(const struct machine *m, struct err *e)
{
	if (m->conf.role == ROLE_SINGLE || m->conf.role == ROLE_CLUSTER)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s has ROLE=%s: this machine forms no cluster that could be restored", m->at.conf,
		      config_role_name(m->conf.role));
	if (m->conf.role == ROLE_JOIN)
		return err_hint(e,
				"to follow the machine on which it is restored: etcd-cluster join ADDRESS --abandon "
				"CLUSTER_ID; to restore it here: ROLE=single in %s",
				m->at.conf);
	return err_hint(e, "write ROLE=single, or ROLE=cluster and MEMBERS, into %s", m->at.conf);
}

/* The data may be damaged: that is a reason for a restore. */
static int look_at_member(struct restore *r, struct err *e)
{
	int rc = identity_read(r->m, &r->id, e);

	if (rc == 0)
		rc = datadir_look(r->m, &r->id.cluster_id, &r->id.member_id, e);
	if (rc >= 0 || e->class != ERR_FAIL)
		return rc < 0 ? -1 : 0;
	log_warn("whose data is here cannot be seen: %s", e->msg);
	err_clear(e);
	return 0;
}

static int check_meta(const struct restore *r, const struct backup_meta *b, struct err *e)
{
	const uint64_t is = b->cluster_id;

	if (r->id.cluster_id == 0 || is == r->id.cluster_id || is == r->o->other_cluster ||
	    (r->was.token && is == r->was.former_cluster))
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "%s is a backup of cluster " ID_FMT ", and this machine is a member of cluster " ID_FMT, r->path,
		      is, r->id.cluster_id);
	return err_hint(e, "if this is the right file: this command with --other-cluster " ID_FMT, is);
}

static int refuse_serving(const char *who, uint64_t cluster_id, struct err *e)
{
	if (cluster_id == 0)
		(void)err_set(e, ERR_CONFIG, "%s still answers, as a member of the cluster may", who);
	else
		(void)err_set(e, ERR_CONFIG, "%s still serves cluster " ID_FMT, who, cluster_id);
	if (cluster_id == 0)
		return err_hint(e, "stop it, then run this again");
	return err_hint(e,
			"systemctl stop etcd on every member, then run this again; or, while it serves: this command "
			"with --force-serving " ID_FMT,
			cluster_id);
}

/* A cluster that is not the former one is no hindrance for a machine that is going to follow it. */
static int look_at_answers(struct restore *r, const struct member_survey *s, struct err *e)
{
	const uint64_t of = follows(r->m) ? r->id.cluster_id : 0;
	uint64_t cluster = 0;
	const char *found;

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		const uint64_t its = one->status.cluster_id;

		if (one->answers && its != r->o->serving && (one->here || of == 0 || its == of))
			return refuse_serving(one->here	     ? "etcd on this machine"
					      : one->name[0] ? one->name
							     : one->url,
					      its, e);
	}
	r->to.former_peers = others_of(r->m, &r->env, s);
	found = others_answering(r->m, r->to.former_peers, of, r->o->serving, &cluster);
	return found ? refuse_serving(found, cluster, e) : 0;
}

static int look_at_cluster(struct restore *r, struct err *e)
{
	auto_free char *cert = machine_pki_path(r->m, ENDPOINT_PAIR, "crt");
	cleanup(member_survey_free) struct member_survey s = { 0 };

	if (keyfile_read(r->m->at.etcd_env, &r->env, e) < 0 && err_absent(e) < 0)
		return -1;
	/* A machine without certificates can ask nobody as an administrator. */
	if (file_exists(cert) && member_survey(r->m, ASK_MS, &s, e) < 0)
		return -1;
	return look_at_answers(r, &s, e);
}

/* Nobody has to be fenced for a machine that was never anything, and only joins. */
static int check_fenced(const struct restore *r, struct err *e)
{
	if (!r->to.former_peers || r->o->fenced || r->m->dry_run)
		return 0;
	(void)others_unreached(r->to.former_peers, e);
	return err_hint(e, "stop etcd on them, or cut them off from all clients; then run this again with "
			   "--others-fenced");
}

/* ---- A machine that follows ------------------------------------------------------------------------------------ */

static int follow(struct restore *r, struct err *e)
{
	const struct machine *m = r->m;

	/* member-id goes last: a run that was killed goes on. */
	if (r->id.cluster_id == 0 && !aside_has_data(m)) {
		log_info("this machine has no data: it joins the cluster of %s", m->conf.members[0].name);
		return 0;
	}
	if (check_fenced(r, e) < 0 || verify_file(r->path, -1, &r->seen, e) < 0)
		return -1;
	log_warn("the data of this machine, of cluster " ID_FMT ", is given up; it joins the cluster that %s restores",
		 r->id.cluster_id, m->conf.members[0].name);
	return common_stop(m, 0, e) < 0 || aside_membership(m, true, false, e) < 0 ? -1 : 1;
}

/* ---- The machine that becomes the new cluster ------------------------------------------------------------------ */

/* What a new machine lacks. Its CA is made here and now: a person says that this is the beginning of the cluster. */
static int equip(struct restore *r, struct err *e)
{
	auto_free char *ca = machine_pki_path(r->m, "ca", "crt"), *cert = machine_pki_path(r->m, ENDPOINT_PAIR, "crt");
	cleanup(release_free) struct release release = { 0 };
	const bool lacks_ca = !file_exists(ca);
	int rc = release_current(r->m, &release, e);

	if (lacks_ca)
		log_warn("this machine has no CA: %s a new one; to keep a former one, first: etcd-cluster ca import "
			 "FILE",
			 r->m->dry_run ? "would make" : "making");
	if (rc < 0 || (rc == 0 && release_ensure(r->m, TARBALL_AGAIN, r->id.cluster_id != 0, e) < 0))
		return -1;
	if (!file_exists(cert) && certify(r->m, false, lacks_ca, e) < 0)
		return -1;
	if (r->m->dry_run)
		return 0;
	if (datadir_prepare(r->m, e) < 0 || doctor_can_start(r->m, e) < 0)
		return -1;
	if (r->env.n == 0 && (common_write_env(r->m, e) < 0 || keyfile_read(r->m->at.etcd_env, &r->env, e) < 0))
		return -1;
	return 0;
}

static void warn(const struct restore *r)
{
	const struct config *c = &r->m->conf;

	if (r->id.cluster_id)
		log_warn("the data of %s takes the place of that of this machine; cluster " ID_FMT " is given up",
			 r->path, r->id.cluster_id);
	if (!r->seen.has_meta)
		log_warn("%s has no metadata: of which cluster it is cannot be seen; restore it with the minor version "
			 "of etcd that made it, or a newer one",
			 r->path);
	if (!tool_can_bump(r->m))
		log_warn("this release of etcd does not raise the revision: clients that watch or compare revisions "
			 "must be started again");
	if (tool_is_etcdctl(r->m))
		log_warn("etcd 3.4 leaves the former members in the restored database, where etcd 3.5 finds them "
			 "after an upgrade; to avoid that, restore it with a release of etcd 3.5");
	for (size_t i = 0; i < c->n_members; i++)
		if (strcmp(c->members[i].name, c->name) != 0)
			log_warn("%s joins by itself when it has no data; if it has: etcd-cluster restore FILE "
				 "--others-fenced there, with the same file",
				 c->members[i].name);
}

/* Beside the data of this machine, until it is whole and on record; the record of an earlier one goes before. */
static int make(struct restore *r, int64_t *revision, struct err *e)
{
	const struct machine *m = r->m;

	if (recover_restore(m, r->path, &r->env, &r->to, &r->seen, revision, e) < 0)
		return -1;
	warn(r);
	r->to.file = xstrdup(r->file);
	r->to.former_cluster = r->id.cluster_id ? r->id.cluster_id : r->seen.has_meta ? r->seen.meta.cluster_id : 0;
	if (aside_move(m, m->at.recovered, e) < 0 || recover_present(m, &r->to, e) < 0 || common_stop(m, 0, e) < 0)
		return -1;
	return recovered_write(m, &r->to, e) < 0 ? -1 : 0;
}

/* When that cannot be seen, it may be. */
static bool on_record(const struct restore *r)
{
	auto_recovered struct recovered now = { 0 };
	struct err ignored = { 0 };
	const int rc = recovered_read(r->m, &now, &ignored);

	return rc < 0 || (rc > 0 && r->to.token && strcmp(now.token, r->to.token) == 0);
}

/* A failure removes what was made, unless that is on record: then the next run goes on. */
static int make_or_sweep(struct restore *r, int64_t *revision, struct err *e)
{
	struct err left = { 0 };

	if (make(r, revision, e) == 0)
		return 0;
	if (!on_record(r) && recover_sweep(r->m, &left) < 0)
		log_error(LOG_WARNING, &left);
	return -1;
}

static int begin(struct restore *r, struct err *e)
{
	int64_t revision = 0;

	if (check_fenced(r, e) < 0 || equip(r, e) < 0)
		return -1;
	if (r->m->dry_run) {
		log_info("would restore %s beside the data of this machine, and move that aside", r->path);
		return verify_file(r->path, -1, &r->seen, e) < 0 ? -1 : 1;
	}
	if (make_or_sweep(r, &revision, e) < 0 || recover_switch(r->m, &r->to, e) < 0)
		return -1;
	log_info("restored: member " ID_FMT " is the only one of the new cluster " ID_FMT ", at revision %" PRId64,
		 r->to.member_id, r->to.cluster_id, revision);
	return 1;
}

/* ---- All of it ------------------------------------------------------------------------------------------------- */

/* True when a run for this file was interrupted after the data had come into its place. */
static bool is_restored(const struct restore *r)
{
	return r->was.file && strcmp(r->was.file, r->file) == 0 && form_is_open(r->m);
}

static int work(struct restore *r, struct err *e)
{
	const struct machine *m = r->m;
	auto_close int lock = machine_lock(m, e);
	struct backup_meta meta = { 0 };
	int rc = lock < 0 ? -1 : look_at_file(r, e);

	if (rc < 0 || check_role(m, e) < 0 || recover_finish(m, e) < 0 || recovered_read(m, &r->was, e) < 0)
		return -1;
	if (is_restored(r))
		return 1;
	rc = look_at_member(r, e) < 0 ? -1 : backup_meta_read(r->path, &meta, e);
	if (rc > 0 && check_meta(r, &meta, e) < 0)
		rc = -1;
	backup_meta_free(&meta);
	if (rc < 0 || look_at_cluster(r, e) < 0)
		return -1;
	return follows(m) ? follow(r, e) : begin(r, e);
}

int restore_run(const struct machine_options *where, const struct restore_order *o, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct restore r cleanup(restore_free) = { .m = &m, .o = o };
	int rc = machine_open(&m, where, e) < 0 ? -1 : work(&r, e), after;

	if (rc < 0 || m.dry_run)
		return rc < 0 ? -1 : SETUP_DONE;
	if (!m.live && rc > 0 && !follows(&m))
		log_info("systemd does not run here: start %s/etcd yourself with the settings of %s", m.at.current,
			 m.at.etcd_env);
	after = setup_run(where, &(struct setup_options){ .wait = false }, e);
	return after == SETUP_NOTHING && rc > 0 ? SETUP_DONE : after;
}
