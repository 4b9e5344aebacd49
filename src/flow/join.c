/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/join.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/membership.h"
#include "cluster/removal.h"
#include "member/aside.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/joining.h"
#include "release/release.h"
#include "service/service.h"

/* All members are asked at once, so those that are off take this time together. */
#define LOOK_MS 5000U

/* A dead member is looked at this often, a second apart, before it is removed. */
#define DEAD_LOOKS 3

/*
 * How long one setup lets etcd fail to start as the learner that was added: it asks the others for the cluster first,
 * and ends when it cannot reach them just then; systemd starts it again every 5 s.
 */
#define START_SECONDS 30

/* How long one run waits for the data to arrive; the next one goes on. */
#define SYNC_SECONDS 10
#define SYNC_LOOK_MS 200

/* What a joining machine has learned. */
struct joiner {
	const struct machine *m;
	char *peer; /* our peer URL */
	struct joining journal;
	bool resumes; /* the journal knows our member */
	int has_data; /* as datadir_look says */
	uint64_t data_cluster, data_member;
	struct rpc_members list;
	struct member_survey there; /* the members, asked */
};

static const char *address_of(const struct rpc_member *one)
{
	return one->peer_urls ? one->peer_urls[0] : "no address";
}

static void joiner_free(struct joiner *j)
{
	joining_free(&j->journal);
	rpc_members_free(&j->list);
	member_survey_free(&j->there);
	free(j->peer);
}

/* A cluster that cannot be asked or allows no change now is a matter of time: setup runs again. */
static int later(struct err *e)
{
	if (e->class == ERR_HEALTH)
		e->class = ERR_PENDING;
	return -1;
}

bool join_wanted(const struct machine *m, bool replace)
{
	cleanup(identity_free) struct identity id = { 0 };
	auto_joining struct joining journal = { 0 };
	struct err unread = { 0 };
	int journalled;

	if (identity_read(m, &id, &unread) != 0)
		return false; /* it is a member; or the file cannot be read, which setup reports */
	journalled = joining_read(m, &journal, &unread);
	if (journalled > 0 && journal.step == JOINING_MEMBER)
		return false;
	return journalled != 0 || replace || m->conf.role == ROLE_JOIN;
}

/* ---- Looking --------------------------------------------------------------------------------------------------- */

static int look_here(struct joiner *j, struct err *e)
{
	int rc = joining_read(j->m, &j->journal, e);

	if (rc < 0 || (j->has_data = datadir_look(j->m, &j->data_cluster, &j->data_member, e)) < 0)
		return -1;
	j->resumes = rc > 0 && j->journal.step >= JOINING_ADDED;
	j->peer = endpoint_peer(&j->m->conf);
	return 0;
}

static int look_there(struct joiner *j, struct err *e)
{
	if (membership_list(j->m, &j->list, e) < 0 || member_survey(j->m, LOOK_MS, &j->there, e) < 0)
		return later(e);
	return 0;
}

static bool answers(const struct joiner *j, uint64_t id)
{
	const struct member *one = removal_by_id(&j->there, id);

	return one && one->answers;
}

/* Only a member that was silent for some seconds counts as dead, since it is removed for good. */
static bool is_dead(struct joiner *j, uint64_t id)
{
	struct err unasked = { 0 };

	for (int look = 1; look < DEAD_LOOKS && !answers(j, id); look++) {
		clock_sleep(1000);
		member_survey_free(&j->there);
		if (member_survey(j->m, LOOK_MS, &j->there, &unasked) < 0)
			log_debug("%s", unasked.msg);
	}
	return !answers(j, id);
}

static int check_version(const struct joiner *j, struct err *e)
{
	struct release own cleanup(release_free) = { 0 };
	auto_strv char **theirs = NULL;
	int rc = release_current(j->m, &own, e);

	if (rc <= 0)
		return rc; /* none yet: a dry run */
	for (size_t i = 0; i < j->there.n; i++)
		if (j->there.list[i].answers)
			strv_add(&theirs, j->there.list[i].status.version);
	return joining_check_version(own.version, theirs, e);
}

/* ---- Making room ----------------------------------------------------------------------------------------------- */

/*
 * Data without a member-id. That of a member which the cluster has at our address is ours; that of a removed member is
 * moved aside; all other data a person has to look at.
 */
static int claim_data(struct joiner *j, struct err *e)
{
	const struct rpc_member *one = membership_by_id(&j->list, j->data_member);

	if (j->data_cluster != j->list.cluster_id) {
		if (datadir_check(j->m, e) < 0)
			return -1;
		(void)err_set(e, ERR_CONFIG,
			      "the data here is of cluster " ID_FMT ", the members that answer are of " ID_FMT,
			      j->data_cluster, j->list.cluster_id);
		return err_hint(e, "correct JOIN or MEMBERS in %s, or name another DATA_DIR", j->m->at.conf);
	}
	if (!one) {
		log_info("the data here is of member " ID_FMT ", which is no longer in the cluster", j->data_member);
		if (aside_data(j->m, e) < 0)
			return -1;
		j->has_data = 0;
		return 0;
	}
	if (membership_by_peer(&j->list, j->peer) == one)
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "the data here is of member " ID_FMT " (%s), which the cluster dials at %s, not at %s", one->id,
		      one->name, address_of(one), j->peer);
	return err_hint(e, "set NAME and ADDRESS in %s to what they were, or name another DATA_DIR", j->m->at.conf);
}

static int remove_member(struct joiner *j, uint64_t id, struct err *e)
{
	if (j->m->dry_run)
		return 0;
	return membership_remove(j->m, id, e) < 0 ? later(e) : 0;
}

/* Removes a dead member when the others are a quorum without it. */
static int remove_dead(struct joiner *j, const struct rpc_member *dead, struct err *e)
{
	if (removal_judge(member_count_votes(&j->there), !dead->is_learner, false, dead->name, e) < 0)
		return later(e);
	log_info("removing the dead member " ID_FMT " (%s, %s)", dead->id, dead->name, address_of(dead));
	return remove_member(j, dead->id, e);
}

/* one has our name or our address. Removed when it is our own dead learner, or dead and replaced by this machine. */
static int make_way(struct joiner *j, const struct rpc_member *one, bool ours, struct err *e)
{
	bool alive;

	if (ours || (j->m->conf.replace && is_dead(j, one->id)))
		return remove_dead(j, one, e);
	alive = j->m->conf.replace || answers(j, one->id);
	(void)err_set(e, ERR_CONFIG, "the cluster has a member %s (" ID_FMT ") at %s already%s", one->name, one->id,
		      address_of(one), alive ? ", and it answers" : "; it does not answer");
	if (alive)
		return err_hint(e, "choose another NAME or ADDRESS in %s", j->m->at.conf);
	return err_hint(e, "to replace it: etcd-cluster replace %s", one->name);
}

/* Removes the learner of an earlier run with another ADDRESS: it will never start, and blocks the next learner. */
static int drop_former(struct joiner *j, struct err *e)
{
	const struct rpc_member *former = NULL;

	if (j->resumes)
		former = membership_by_id(&j->list, j->journal.member_id);
	else if (j->journal.peer_url)
		former = membership_by_peer(&j->list, j->journal.peer_url);
	if (!former || !former->is_learner || former == membership_by_peer(&j->list, j->peer))
		return 0;
	log_info("removing learner " ID_FMT ", which was added with another address", former->id);
	return remove_member(j, former->id, e);
}

/*
 * Members with our name or our address. A learner at our address has lost its data, since there is none here: raft does
 * not survive a member that forgets, so it is removed and added again. But an etcd that has just been started may
 * answer by now. 1 it does, 0 the way is clear, -1.
 */
static int clear_way(struct joiner *j, struct err *e)
{
	const struct rpc_member *here = membership_by_peer(&j->list, j->peer);
	const struct rpc_member *namesake = membership_by_name(&j->list, j->m->conf.name);

	if (here && membership_has_started(here)) {
		const bool alive = here->is_learner ? !is_dead(j, here->id) : answers(j, here->id);
		const enum joining_whose whose = joining_whose(&j->journal, here, alive);

		if (whose == JOINING_RUNS)
			return 1;
		if (make_way(j, here, whose == JOINING_REMAINS, e) < 0)
			return -1;
	}
	return namesake && namesake != here ? make_way(j, namesake, false, e) : 0;
}

/* ---- Entering -------------------------------------------------------------------------------------------------- */

/* The cluster has us as member id. */
static int journal_added(struct joiner *j, uint64_t id, const struct rpc_members *list, struct err *e)
{
	auto_free char *cluster = joining_cluster(list, id, j->m->conf.name);
	const struct joining now = { JOINING_ADDED, list->cluster_id, id, j->peer, cluster };

	return joining_write(j->m, &now, e);
}

/* The learner that the journal names waits for its first start: only the list of members may have changed. */
static bool is_added(const struct joiner *j)
{
	const struct rpc_member *own = j->resumes ? membership_by_id(&j->list, j->journal.member_id) : NULL;

	return own && !membership_has_started(own) && membership_by_peer(&j->list, j->peer) == own;
}

static int add(struct joiner *j, struct err *e)
{
	const struct joining before = { .step = JOINING_ADDING, .peer_url = j->peer };
	struct rpc_members after cleanup(rpc_members_free) = { 0 };
	uint64_t id = 0;
	int rc;

	if (j->m->dry_run) {
		log_info("would add this machine to cluster " ID_FMT " as a learner at %s", j->list.cluster_id,
			 j->peer);
		return 1;
	}
	if (joining_write(j->m, &before, e) < 0)
		return -1;
	rc = membership_add_learner(j->m, j->peer, &id, &after, e);
	if (rc < 0)
		return later(e);
	if (rc > 0)
		log_info("this machine was added to cluster " ID_FMT " as learner " ID_FMT, after.cluster_id, id);
	return journal_added(j, id, &after, e) < 0 ? -1 : 1;
}

/*
 * 1: the data is that of the member that the journal names; go on with both. 0: it is not, or that member was removed,
 * and its data is moved aside.
 */
static int resume(struct joiner *j, struct err *e)
{
	struct err unasked = { 0 };

	if (!j->has_data || !j->resumes || j->data_cluster != j->journal.cluster_id ||
	    j->data_member != j->journal.member_id)
		return 0;
	if (membership_list(j->m, &j->list, &unasked) < 0) {
		log_debug("%s", unasked.msg); /* etcd may come up all the same */
		return 1;
	}
	if (membership_by_id(&j->list, j->journal.member_id))
		return 1;
	rpc_members_free(&j->list);
	log_info("member " ID_FMT " is no longer in the cluster; this machine is added again", j->journal.member_id);
	if (aside_data(j->m, e) < 0)
		return -1;
	j->has_data = 0;
	return 0;
}

int join_enter(const struct machine *m, struct err *e)
{
	struct joiner j cleanup(joiner_free) = { .m = m };
	int rc;

	if (look_here(&j, e) < 0)
		return -1;
	rc = resume(&j, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (look_there(&j, e) < 0 || (j.has_data && claim_data(&j, e) < 0))
		return -1;
	if (j.has_data || is_added(&j))
		return journal_added(&j, j.has_data ? j.data_member : j.journal.member_id, &j.list, e);
	if (check_version(&j, e) < 0 || drop_former(&j, e) < 0)
		return -1;
	rc = clear_way(&j, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return add(&j, e);
}

/* ---- Finishing ------------------------------------------------------------------------------------------------- */

static int write_step(const struct machine *m, struct joining *j, enum joining_step step, struct err *e)
{
	j->step = step;
	return joining_write(m, j, e);
}

/* Promotes as soon as the leader finds the learner in step. */
static int promote(const struct machine *m, uint64_t id, struct err *e)
{
	const long long end = clock_ms() + 1000LL * SYNC_SECONDS;

	while (membership_promote(m, id, e) < 0) {
		if (e->class == ERR_CONFIG)
			return err_hint(e, "it was removed; to add this machine again: etcd-cluster join ADDRESS");
		if (rpc_refusal(e) != RPC_NOT_IN_SYNC)
			return later(e);
		if (clock_ms() >= end) {
			(void)err_set(e, ERR_PENDING,
				      "this machine is a learner and still receives data; it becomes a voter when it "
				      "has all of it");
			return err_hint(e, "etcd-cluster status shows how far it is");
		}
		err_clear(e);
		clock_sleep(SYNC_LOOK_MS);
	}
	return 0;
}

int join_finish(const struct machine *m, struct err *e)
{
	auto_joining struct joining j = { 0 };
	int rc = joining_read(m, &j, e);

	if (rc <= 0 || j.step == JOINING_ADDING || j.step == JOINING_MEMBER)
		return rc < 0 ? -1 : 0;
	if (j.step == JOINING_ADDED && write_step(m, &j, JOINING_STARTED, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would make learner " ID_FMT " a voting member", j.member_id);
		return 1;
	}
	if (promote(m, j.member_id, e) < 0)
		return -1;
	log_info("member " ID_FMT " is a voting member now", j.member_id);
	return write_step(m, &j, JOINING_MEMBER, e) < 0 ? -1 : 1;
}

/* ---- Undoing --------------------------------------------------------------------------------------------------- */

/* Removes the learner. 1 it is gone, 0 it is a voter, which stays, -1. */
static int take_back(const struct machine *m, uint64_t id, struct err *e)
{
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	const struct rpc_member *one;

	if (membership_list(m, &list, e) < 0)
		return -1;
	one = membership_by_id(&list, id);
	if (one && !one->is_learner)
		return 0;
	return one && membership_remove(m, id, e) < 0 ? -1 : 1;
}

bool join_may_start(const struct machine *m)
{
	static long long first;

	if (first == 0)
		first = clock_ms();
	return clock_ms() - first < 1000LL * START_SECONDS && join_wanted(m, false);
}

/* What became of the learner. Always -1. */
static int undo(const struct machine *m, const struct joining *j, const char *why, struct err *e)
{
	int rc = take_back(m, j->member_id, e);

	if (rc < 0) {
		(void)err_wrap(e, "%s, and learner " ID_FMT " could not be removed from the cluster", why,
			       j->member_id);
		return later(e);
	}
	if (rc == 0)
		return err_set(e, ERR_HEALTH, "%s, though this machine is a voting member already", why);
	if (service_stop(m, e) < 0 || aside_data(m, e) < 0 || file_remove_tree(m->at.joining, e) < 0)
		return -1;
	return err_set(e, ERR_HEALTH, "%s; learner " ID_FMT " was removed from the cluster again", why, j->member_id);
}

int join_undo(const struct machine *m, const char *why, struct err *e)
{
	auto_joining struct joining j = { 0 };
	int rc = join_wanted(m, false) ? joining_read(m, &j, e) : 0;

	if (rc >= 0 && (rc == 0 || j.member_id == 0 || m->dry_run))
		(void)err_set(e, ERR_HEALTH, "%s", why);
	else if (rc > 0)
		(void)undo(m, &j, why, e);
	return err_hint(e, "journalctl -u etcd.service -n 30 shows why; then: etcd-cluster setup");
}
