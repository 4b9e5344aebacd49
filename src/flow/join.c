/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/join.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "member/aside.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "member/joining.h"
#include "member/membership.h"
#include "member/poll.h"
#include "member/removal.h"
#include "release/release.h"
#include "service/service.h"

/* Who is there and what runs there: one round, so a member that is off costs its connection once. */
#define LOOK_MS 5000U

/* A dead member that is about to be removed for good is looked at this often, a second apart. */
#define DEAD_LOOKS 3

/*
 * How long etcd may fail to start after its learner was added: it asks the others for the cluster first, and ends when it cannot reach them just
 * then; systemd starts it again every 5 s.
 */
#define START_SECONDS 30

/* How long one walk waits for the data to arrive; the next one goes on. */
#define SYNC_SECONDS 10

/* What a joining machine has learned. */
struct joiner {
	const struct machine *m;
	bool replace;
	char *peer; /* our peer URL */
	struct joining journal;
	bool resumes; /* the journal knows our member */
	int has_data; /* as datadir_look says */
	uint64_t data_cluster, data_member;
	struct rpc_members list;
	struct poll there; /* the members, asked */
};

static void joiner_free(struct joiner *j)
{
	joining_free(&j->journal);
	rpc_members_free(&j->list);
	poll_free(&j->there);
	free(j->peer);
}

/* A cluster that cannot be asked or allows no change now is a matter of time: the road comes back to it. */
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
		return false; /* it is a member; or nobody can say, and the road will */
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
	if (membership_list(j->m, &j->list, e) < 0)
		return later(e);
	(void)poll_all(j->m, membership_urls(&j->list), LOOK_MS, &j->there);
	return 0;
}

/* What member id has answered, or NULL. */
static const struct poll_answer *answer_of(const struct poll *there, uint64_t id)
{
	for (size_t i = 0; i < there->n; i++)
		if (there->list[i].answers && there->list[i].status.member_id == id)
			return &there->list[i];
	return NULL;
}

/* Only what nobody has seen for some seconds is dead enough to be removed for good. */
static bool is_dead(const struct joiner *j, const struct rpc_member *one)
{
	const struct timespec second = { .tv_sec = 1 };
	struct rpc_member copy = *one;
	const struct rpc_members just = { .list = &copy, .n = 1 };

	if (answer_of(&j->there, one->id))
		return false;
	for (int look = 1; look < DEAD_LOOKS; look++) {
		cleanup(poll_free) struct poll again = { 0 };

		(void)nanosleep(&second, NULL);
		if (poll_all(j->m, membership_urls(&just), LOOK_MS, &again) > 0)
			return false;
	}
	return true;
}

/* The data is that of the member that the journal, or else the list, says this machine is. */
static bool data_fits(const struct joiner *j)
{
	return j->has_data && j->resumes && j->data_cluster == j->journal.cluster_id &&
	       j->data_member == j->journal.member_id;
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
 * Data without a member-id that claims it. One of a member that the cluster has under our address is ours; one of a member that it does
 * not have any more is moved aside; everything else is for a person to look at.
 */
static int claim_data(struct joiner *j, struct err *e)
{
	const struct rpc_member *one = membership_by_id(&j->list, j->data_member);

	if (j->data_cluster != j->list.cluster_id) {
		if (datadir_check(j->m, e) < 0)
			return -1;
		(void)err_set(e, ERR_CONFIG,
			      "the data here is of cluster %016" PRIx64 ", the members that answer are of %016" PRIx64,
			      j->data_cluster, j->list.cluster_id);
		return err_hint(e, "correct JOIN or MEMBERS in %s, or name another DATA_DIR", j->m->at.conf);
	}
	if (!one) {
		log_info("the data here is that of member %016" PRIx64 ", which the cluster does not have any more",
			 j->data_member);
		if (aside_data(j->m, e) < 0)
			return -1;
		j->has_data = 0;
		return 0;
	}
	if (membership_by_peer(&j->list, j->peer) == one)
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "the data here is that of member %016" PRIx64 " (%s), which the cluster dials at %s, not at %s",
		      one->id, one->name, one->peer_urls ? one->peer_urls[0] : "no address", j->peer);
	return err_hint(e, "set NAME and ADDRESS in %s to what they were, or name another DATA_DIR", j->m->at.conf);
}

/* A voter that knows a leader takes part. */
static struct member_votes count_votes(const struct joiner *j)
{
	struct member_votes v = { 0 };

	for (size_t i = 0; i < j->list.n; i++) {
		const struct poll_answer *one = answer_of(&j->there, j->list.list[i].id);

		if (j->list.list[i].is_learner)
			continue;
		v.all++;
		v.healthy += one && one->status.leader != 0;
	}
	v.quorum = v.all / 2 + 1;
	return v;
}

/* Removes a member that is dead and in our way, when the others are a quorum without it. */
static int remove_ghost(struct joiner *j, const struct rpc_member *ghost, struct err *e)
{
	struct member_votes votes = count_votes(j);

	if (removal_judge(votes, !ghost->is_learner, false, ghost->name, e) < 0)
		return later(e);
	log_info("removing the dead member %016" PRIx64 " (%s, %s)", ghost->id, ghost->name,
		 ghost->peer_urls ? ghost->peer_urls[0] : "no address");
	if (j->m->dry_run)
		return 0;
	return membership_remove(j->m, ghost->id, e) < 0 ? later(e) : 0;
}

/* one has our name or our address. It goes when it is a dead learner of ours, or the dead member that this machine is to replace. */
static int make_way(struct joiner *j, const struct rpc_member *one, bool ours, struct err *e)
{
	const char *at = one->peer_urls ? one->peer_urls[0] : "no address";

	if (ours || (j->replace && is_dead(j, one)))
		return remove_ghost(j, one, e);
	if (j->replace || answer_of(&j->there, one->id)) {
		(void)err_set(e, ERR_CONFIG,
			      "the cluster has a member %s (%016" PRIx64 ") at %s already, and it answers", one->name,
			      one->id, at);
		return err_hint(e, "choose another NAME or ADDRESS in %s", j->m->at.conf);
	}
	(void)err_set(e, ERR_CONFIG, "the cluster has a member %s (%016" PRIx64 ") at %s already; it does not answer",
		      one->name, one->id, at);
	return err_hint(e, "to replace it: etcd-cluster replace %s", one->name);
}

/*
 * What an earlier try of ours has left under another address, before ADDRESS was changed: nobody will ever start it, and while it is there nobody
 * else can be added.
 */
static int drop_former(struct joiner *j, struct err *e)
{
	const struct rpc_member *former = NULL;

	if (j->resumes)
		former = membership_by_id(&j->list, j->journal.member_id);
	else if (j->journal.peer_url)
		former = membership_by_peer(&j->list, j->journal.peer_url);
	if (!former || !former->is_learner || former == membership_by_peer(&j->list, j->peer))
		return 0;
	log_info("taking back learner %016" PRIx64 ", which was added with another address", former->id);
	if (j->m->dry_run)
		return 0;
	return membership_remove(j->m, former->id, e) < 0 ? later(e) : 0;
}

/*
 * Members in our way: one with our name, one with our address. A learner at our address lost its data, for there is none here: raft does not
 * survive a member that forgets, so it is removed and added again. But an etcd that has just been started may answer by now. 1 it does, 0 the way
 * is clear, -1.
 */
static int clear_way(struct joiner *j, struct err *e)
{
	const struct rpc_member *here = membership_by_peer(&j->list, j->peer);
	const struct rpc_member *namesake = membership_by_name(&j->list, j->m->conf.name);

	if (here && membership_has_started(here)) {
		const bool answers = here->is_learner ? !is_dead(j, here) : answer_of(&j->there, here->id) != NULL;
		const enum joining_whose whose = joining_whose(&j->journal, here, answers);

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

/* The learner that the journal knows waits for its first start: nothing is to be asked, only who else is there now. */
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
		log_info("would add this machine to cluster %016" PRIx64 " as a learner at %s", j->list.cluster_id,
			 j->peer);
		return 1;
	}
	if (joining_write(j->m, &before, e) < 0)
		return -1;
	rc = membership_add_learner(j->m, j->peer, &id, &after, e);
	if (rc < 0)
		return later(e);
	if (rc > 0)
		log_info("added to cluster %016" PRIx64 " as learner %016" PRIx64, after.cluster_id, id);
	return journal_added(j, id, &after, e) < 0 ? -1 : 1;
}

/* Data and journal belong together. 1: go on with them; 0: the cluster does not have that member any more, so they are given up. */
static int resume(struct joiner *j, struct err *e)
{
	struct err unasked = { 0 };

	if (membership_list(j->m, &j->list, &unasked) < 0) {
		log_debug("%s", unasked.msg); /* it may well come up without us asking */
		return 1;
	}
	if (membership_by_id(&j->list, j->journal.member_id))
		return 1;
	rpc_members_free(&j->list);
	log_info("the cluster does not have member %016" PRIx64 " any more; this machine is added anew",
		 j->journal.member_id);
	if (aside_data(j->m, e) < 0)
		return -1;
	j->has_data = 0;
	return 0;
}

static int enter(struct joiner *j, struct err *e)
{
	int rc;

	if (look_here(j, e) < 0)
		return -1;
	if (data_fits(j)) {
		rc = resume(j, e);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	if (look_there(j, e) < 0)
		return -1;
	if (j->has_data && claim_data(j, e) < 0)
		return -1;
	if (j->has_data)
		return journal_added(j, j->data_member, &j->list, e);
	if (is_added(j))
		return journal_added(j, j->journal.member_id, &j->list, e);
	if (check_version(j, e) < 0 || drop_former(j, e) < 0)
		return -1;
	rc = clear_way(j, e);
	return rc == 0 ? add(j, e) : rc < 0 ? -1 : 0;
}

int join_enter(const struct machine *m, bool replace, struct err *e)
{
	struct joiner j cleanup(joiner_free) = { .m = m, .replace = replace || m->conf.replace };

	return enter(&j, e);
}

/* ---- Finishing ------------------------------------------------------------------------------------------------- */

static int write_step(const struct machine *m, struct joining *j, enum joining_step step, struct err *e)
{
	if (j->step == step)
		return 0;
	j->step = step;
	return joining_write(m, j, e);
}

/* Promotes as soon as the leader says that the learner is in step. */
static int promote(const struct machine *m, uint64_t id, struct err *e)
{
	const struct timespec pause = { .tv_nsec = 200L * 1000 * 1000 };
	time_t end = time(NULL) + SYNC_SECONDS;

	while (membership_promote(m, id, e) < 0) {
		if (e->class == ERR_CONFIG)
			return err_hint(e, "it was removed; to add this machine anew: etcd-cluster join ADDRESS");
		if (rpc_refusal(e) != RPC_NOT_IN_SYNC)
			return later(e);
		if (time(NULL) >= end) {
			(void)err_set(e, ERR_PENDING,
				      "this machine is a learner of its cluster and still gets the data; it votes when "
				      "it has them all");
			return err_hint(e, "etcd-cluster status shows how far it is");
		}
		err_clear(e);
		(void)nanosleep(&pause, NULL);
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
		log_info("would make learner %016" PRIx64 " a voting member", j.member_id);
		return 1;
	}
	if (promote(m, j.member_id, e) < 0)
		return -1;
	log_info("member %016" PRIx64 " votes", j.member_id);
	return write_step(m, &j, JOINING_MEMBER, e) < 0 ? -1 : 1;
}

/* ---- Undoing --------------------------------------------------------------------------------------------------- */

/* The learner leaves the list. 1 it is gone, 0 it is a voter, which stays, -1. */
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
	struct stat st;

	return join_wanted(m, false) && stat(m->at.joining, &st) == 0 && time(NULL) - st.st_mtime < START_SECONDS;
}

int join_undo(const struct machine *m, const char *why, struct err *e)
{
	auto_joining struct joining j = { 0 };
	int rc = joining_read(m, &j, e);

	if (rc < 0)
		return -1;
	if (rc == 0 || j.step == JOINING_MEMBER || j.member_id == 0 || m->dry_run)
		return err_set(e, ERR_HEALTH, "%s", why);
	rc = take_back(m, j.member_id, e);
	if (rc < 0) {
		(void)err_wrap(e, "%s, and learner %016" PRIx64 " could not be taken back from the cluster", why,
			       j.member_id);
		(void)err_hint(e, "journalctl -u etcd.service -n 30 tells why; then: etcd-cluster setup");
		return later(e);
	}
	if (rc == 0) {
		(void)err_set(e, ERR_HEALTH, "%s, though this machine is a voting member already", why);
		return err_hint(e, "journalctl -u etcd.service -n 30 tells why; then: etcd-cluster setup");
	}
	if (service_stop(m, e) < 0 || aside_data(m, e) < 0 || file_remove_tree(m->at.joining, e) < 0)
		return -1;
	(void)err_set(e, ERR_HEALTH, "%s; learner %016" PRIx64 " was taken back from the cluster", why, j.member_id);
	return err_hint(e, "journalctl -u etcd.service -n 30 tells why; then: etcd-cluster setup");
}
