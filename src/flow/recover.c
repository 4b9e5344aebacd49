/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/recover.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/others.h"
#include "doctor/examine.h"
#include "flow/common.h"
#include "flow/recover_data.h"
#include "member/aside.h"
#include "member/datadir.h"
#include "member/identity.h"
#include "service/service.h"

#define ASK_MS 2000

/* A large database is read in before etcd answers. */
#define HEALTHY_SECONDS 120
#define LOOK_MS		100

struct recovery {
	const struct machine *m;
	struct keyfile env;  /* etcd.env */
	struct recovered to; /* the peer URLs of the other members are in it, as far as they are known */
	int64_t revision;    /* the newest that etcd reported here; 0: none */
};

static void recovery_free(struct recovery *r)
{
	keyfile_free(&r->env);
	recovered_free(&r->to);
}

/* --- Before anything is changed. */

/* The data here must be of the cluster that was typed, and etcd must be able to start on it. */
static int look_at_data(struct recovery *r, uint64_t typed, struct err *e)
{
	uint64_t found = 0, member = 0;
	int rc = datadir_look(r->m, &found, &member, e);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		(void)err_set(e, ERR_CONFIG, "there is no data in %s%s", r->m->at.root, r->m->conf.data_dir);
		return err_hint(e, "run this on a machine that still has its data");
	}
	if (found != typed) {
		(void)err_set(e, ERR_CONFIG, "the data here belongs to cluster " ID_FMT ", not to " ID_FMT, found,
			      typed);
		return err_hint(e, "if this is the right machine: etcd-cluster restore --force-new-cluster " ID_FMT,
				found);
	}
	r->to.former_cluster = found;
	/* The typed ID replaces a missing member-id; one that is there must agree. */
	if (file_exists(r->m->at.member_id) && datadir_check(r->m, e) < 0)
		return -1;
	return doctor_can_start(r->m, e) < 0 ? -1 : keyfile_read(r->m->at.etcd_env, &r->env, e);
}

static int refuse_alive(const char *who, struct err *e)
{
	(void)err_set(e, ERR_CONFIG, "%s still answers, and its data may be newer than that of this machine", who);
	return err_hint(e,
			"start the members that are down; if they are lost for ever, choose the machine to go on with "
			"(this command with --dry-run shows on each where its log ends), stop etcd on the others, then "
			"run this again");
}

/* Refuses when another member of the survey answers; notes the peer URLs of those that do not. */
static int look_at_answers(struct recovery *r, const struct member_survey *s, struct err *e)
{
	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (one->here && one->learner) {
			(void)err_set(e, ERR_CONFIG, "this machine is a learner, which may not have all data yet");
			return err_hint(e, "run this on a machine that was a voting member");
		}
		if (one->here && one->answers)
			r->revision = one->status.revision;
		if (!one->here && one->answers)
			return refuse_alive(one->name[0] ? one->name : one->url, e);
	}
	r->to.former_peers = others_of(r->m, &r->env, s);
	return 0;
}

static int look_at_peers(const struct recovery *r, struct err *e)
{
	uint64_t cluster;
	const char *found = others_answering(r->m, r->to.former_peers, 0, 0, &cluster);

	return found ? refuse_alive(found, e) : 0;
}

/* The member of this machine when it is healthy and no other is listed. */
static const struct member *only_member(const struct member_survey *s)
{
	const struct member *only = NULL;

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (one->listed && !one->here)
			return NULL;
		if (one->listed)
			only = one;
	}
	return only && only->healthy && !only->learner ? only : NULL;
}

/* Where the log ends here. Survivors that do not run cannot be asked for theirs: a person compares. */
static int show_end(const struct machine *m, struct err *e)
{
	auto_strv char **parts = aside_parts(m);
	auto_free char *wal = parts[1] ? xstrdup(parts[1]) : xasprintf("%s/wal", parts[0]);
	struct wal_end end;

	if (wal_read_end(wal, &end, e) < 0)
		return -1;
	log_info("the log of this machine ends at term %" PRIu64 ", index %" PRIu64
		 "; of all survivors, the one with the highest term, then the highest index, must go on",
		 end.term, end.index);
	return 0;
}

/* 1: go on. 0: a healthy cluster of one, nothing to do. */
static int look_at_cluster(struct recovery *r, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	struct member_votes votes;

	if (member_survey(r->m, ASK_MS, &s, e) < 0)
		return -1;
	if (s.cluster_id == r->to.former_cluster && only_member(&s))
		return 0;
	if (!s.agreed)
		return show_end(r->m, e) < 0 || look_at_answers(r, &s, e) < 0 || look_at_peers(r, e) < 0 ? -1 : 1;
	votes = member_count_votes(&s);
	(void)err_set(e, ERR_CONFIG, "the cluster has its quorum (%zu of %zu voting members are healthy)",
		      votes.healthy, votes.all);
	return err_hint(e, "etcd-cluster status; to remove a dead member: etcd-cluster remove MEMBER");
}

static int refuse_unfenced(const struct recovery *r, struct err *e)
{
	(void)others_unreached(r->to.former_peers, e);
	return err_hint(e, "switch them off or cut them off from all clients for good; then run this again with "
			   "--others-fenced, on the survivor whose log ends last (--dry-run shows it)");
}

/* --- The new cluster. */

static void warn(const struct recovery *r)
{
	log_warn("the data of this machine alone becomes a new cluster; cluster " ID_FMT " is given up",
		 r->to.former_cluster);
	log_warn("writes that only other members had are lost; clients that watch have to read everything again");
	for (char **url = r->to.former_peers; url && *url; url++)
		log_warn("%s is no longer a member; to add that machine again: systemctl stop etcd; etcd-cluster join "
			 "%s --abandon " ID_FMT,
			 *url, r->m->conf.address, r->to.former_cluster);
}

static int survey_alone(struct recovery *r, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	const struct member *only;

	if (member_survey(r->m, ASK_MS, &s, e) < 0)
		return -1;
	only = only_member(&s);
	if (!only || only->id != r->to.member_id || s.cluster_id != r->to.cluster_id)
		return err_set(e, ERR_HEALTH, "etcd runs, but not as the only member of cluster " ID_FMT,
			       r->to.cluster_id);
	if (only->status.revision < r->revision)
		return err_set(e, ERR_HEALTH, "etcd came back with revision %" PRId64 ", it had %" PRId64,
			       only->status.revision, r->revision);
	log_info("member " ID_FMT " is the only one of the new cluster " ID_FMT ", at revision %" PRId64,
		 r->to.member_id, r->to.cluster_id, only->status.revision);
	return 0;
}

/* Until the member is healthy and alone. */
static int wait_alone(struct recovery *r, struct err *e)
{
	const long long end = clock_ms() + 1000LL * HEALTHY_SECONDS;
	struct member_health health = { 0 };
	struct err last = { 0 };

	while (clock_ms() < end) {
		auto_free char *why = NULL;

		err_clear(&last);
		if (member_probe(r->m, ASK_MS, &health, &last) == 0 && health.healthy)
			return survey_alone(r, e);
		if (service_failed(r->m, NULL, &why, &last) > 0) {
			(void)err_set(e, ERR_HEALTH, "%s", why);
			return err_hint(e, "journalctl -u etcd.service -n 30 shows why");
		}
		clock_sleep(LOOK_MS);
	}
	return err_set(e, ERR_HEALTH, "etcd is not healthy after %d s: %s", HEALTHY_SECONDS,
		       last.msg[0] ? last.msg : "no leader yet");
}

/* Starts etcd on the new data; then nobody of the former cluster may answer. */
static int start_again(struct recovery *r, struct err *e)
{
	cleanup(doctor_report_free) struct doctor_report former = { 0 };

	if (!r->m->live)
		log_info("systemd does not run here: start %s/etcd yourself with the settings of %s", r->m->at.current,
			 r->m->at.etcd_env);
	else if (service_start(r->m, false, e) < 0 || wait_alone(r, e) < 0)
		return -1;
	doctor_former(r->m, NULL, &former);
	return doctor_verdict(&former, e) < 0 ? -1 : 1;
}

int recover_finish(const struct machine *m, struct err *e)
{
	auto_recovered struct recovered r = { 0 };
	int rc = recovered_read(m, &r, e);

	if (rc <= 0 || !recovered_pending(m, &r))
		return rc < 0 ? -1 : 0;
	if (m->dry_run) {
		log_info("would finish the recovery from cluster " ID_FMT, r.former_cluster);
		return 1;
	}
	return common_stop(m, 0, e) < 0 || recover_switch(m, &r, e) < 0 ? -1 : 1;
}

/* The ID is of the cluster that this machine's came out of: that run was interrupted, or all is done. */
static int go_on(struct recovery *r, struct err *e)
{
	struct member_health health = { 0 };
	struct err silent = { 0 };
	int rc = recover_finish(r->m, e);

	if (rc < 0)
		return -1;
	if (rc == 0 && (member_probe(r->m, ASK_MS, &health, &silent) == 0 || !r->m->live))
		return 0;
	return r->m->dry_run ? 1 : start_again(r, e);
}

int recover_run(const struct machine *m, uint64_t cluster_id, bool fenced, struct err *e)
{
	struct recovery r cleanup(recovery_free) = { .m = m };
	int rc = recovered_read(m, &r.to, e);

	if (rc < 0)
		return -1;
	if (rc > 0 && r.to.former_cluster == cluster_id)
		return go_on(&r, e);
	recovered_free(&r.to);
	if (look_at_data(&r, cluster_id, e) < 0)
		return -1;
	rc = look_at_cluster(&r, e);
	if (rc <= 0)
		return rc;
	if (r.to.former_peers && !fenced && !m->dry_run)
		return refuse_unfenced(&r, e);
	if (aside_check_room(m, e) < 0)
		return -1;
	warn(&r);
	if (common_stop(m, 0, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would make the data of a new cluster from a copy, and move the old data aside");
		return 1;
	}
	/* That of an earlier recovery must not be taken for this one's. */
	if (aside_move(m, m->at.recovered, e) < 0 || recover_make_data(m, &r.env, &r.to, &r.revision, e) < 0 ||
	    recovered_write(m, &r.to, e) < 0 || recover_switch(m, &r.to, e) < 0)
		return -1;
	return start_again(&r, e);
}
