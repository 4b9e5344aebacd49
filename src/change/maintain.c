/* SPDX-License-Identifier: Apache-2.0 */
#include "change/maintain.h"

#include <inttypes.h>
#include <string.h>

#include "backup/place.h"
#include "base/clock.h"
#include "base/log.h"
#include "cluster/lock.h"
#include "cluster/upkeep.h"
#include "cluster/upkeep_state.h"
#include "member/endpoint.h"
#include "service/schedule.h"

#define LOOK_MS	   2000 /* at this machine's member, every minute */
#define SURVEY_MS  5000
#define ASK_MS	   10000
#define CONNECT_MS 2500
#define COMPACT_MS (10 * 60 * 1000)
#define PAUSE_MS   1000

/* How long a person waits for a member that is behind; and how long one may take to be healthy again. */
#define PATIENT_MS 10000
#define SETTLE_MS  120000

/* A minute, and a slow disk that writes 5 MB/s. */
#define DEFRAGMENT_MS(size) (60000U + (unsigned int)((size) >> 20) * 200U)

/* For the log of etcd, whose segments of 64 MiB are on the same file system unless WAL_DIR is set. */
#define RESERVE ((unsigned long long)128 << 20)

struct maintenance {
	const struct machine *m;
	const struct maintain_options *how;
	struct member_survey survey;
	struct upkeep_facts facts;
	struct upkeep_member *list; /* of the facts */
	struct upkeep_next next;
	char *holder;	/* of the lock of the cluster, as a sentence; or NULL */
	uint64_t *done; /* members that this run has defragmented */
	size_t n_done;
	bool changed;
	struct upkeep_state state;
};

static void forget(struct maintenance *t)
{
	member_survey_free(&t->survey);
	free(t->list);
	t->list = NULL;
}

/* Asks all members, and decides. */
static int look(struct maintenance *t, struct err *e)
{
	forget(t);
	if (member_survey(t->m, SURVEY_MS, &t->survey, e) < 0)
		return -1;
	t->list = upkeep_facts(t->m, &t->survey, &t->facts);
	for (size_t i = 0; i < t->facts.n; i++)
		for (size_t k = 0; k < t->n_done; k++)
			t->list[i].done = t->list[i].done || t->list[i].id == t->done[k];
	t->next = upkeep_next(&t->facts);
	return 0;
}

static const struct member *member_of(const struct maintenance *t, uint64_t id)
{
	for (const struct member *one = t->survey.list; one < t->survey.list + t->survey.n; one++)
		if (one->listed && one->id == id)
			return one;
	return NULL;
}

/* A session with the leader, which the decision has found to answer. */
static struct grpc *open_leader(const struct maintenance *t, unsigned int ms, struct err *e)
{
	const struct member *leader = member_of(t, t->survey.leader);

	if (!leader)
		return err_null(e, ERR_HEALTH, "the members do not agree on a leader");
	return endpoint_open(t->m, leader->url, CONNECT_MS, ms, e);
}

/* With RBAC, etcd lets only the role root do these things. */
static int refused(const struct maintenance *t, struct err *e)
{
	return e->rpc == GRPC_PERMISSION_DENIED ? lock_denied(t->m, e) : -1;
}

/* --- The steps. Each returns 0, or -1. */

static int compact_at(const struct maintenance *t, const char *url, int64_t revision, struct err *e)
{
	auto_grpc struct grpc *g = endpoint_open(t->m, url, CONNECT_MS, COMPACT_MS, e);

	return g && rpc_compact(g, revision, e) == 0 ? 0 : refused(t, e);
}

/* Asks each member, the leader first: from 3.5 on that waits until this member has removed its old revisions, too. */
static int compact(struct maintenance *t, struct err *e)
{
	const struct member *leader = member_of(t, t->survey.leader);
	const int64_t revision = leader->status.revision;

	log_info("%s all revisions before %" PRId64, t->m->dry_run ? "would compact" : "compacts", revision);
	t->facts.compacted = true;
	if (t->m->dry_run)
		return 0;
	if (compact_at(t, leader->url, revision, e) < 0)
		return -1;
	t->changed = true;
	for (size_t i = 0; i < t->facts.n; i++)
		if (t->list[i].answers && !t->list[i].learner && !t->list[i].leader &&
		    compact_at(t, member_of(t, t->list[i].id)->url, revision, e) < 0)
			return -1;
	return 0;
}

/* The new file is written beside the old one. Of other machines it is not known how much room they have. */
static int check_room(const struct maintenance *t, const struct upkeep_member *at, struct err *e)
{
	auto_free char *dir = layout_path(&t->m->at, t->m->conf.data_dir);
	const unsigned long long needed = (unsigned long long)at->in_use + RESERVE;
	unsigned long long room = 0;

	if (!at->here)
		return 0;
	if (file_free_space(dir, &room, e) < 0)
		return -1;
	if (room >= needed)
		return 0;
	(void)err_set(e, ERR_FAIL,
		      "to defragment the database of %s, %llu MiB are needed in %s, and %llu MiB are left there",
		      at->name, needed >> 20, dir, room >> 20);
	return err_hint(e, "make room there, then: etcd-cluster maintain");
}

/* Until the member is healthy again; its size is in the survey then. */
static int confirm(struct maintenance *t, uint64_t id, const char *name, struct err *e)
{
	const long long end = clock_ms() + SETTLE_MS;
	const struct member *one;

	for (;;) {
		if (look(t, e) < 0)
			return -1;
		one = member_of(t, id);
		if (one && one->answers && one->healthy)
			return 0;
		if (clock_ms() >= end)
			break;
		clock_sleep(PAUSE_MS);
	}
	(void)err_set(e, ERR_HEALTH, "member %s is not healthy after its defragmentation: %s", name,
		      one ? one->why.msg : "it is not listed any more");
	return err_hint(e, "on that machine: journalctl -u etcd -n 50");
}

static void note_done(struct maintenance *t, uint64_t id)
{
	t->done = xrealloc(t->done, t->n_done + 1, sizeof(*t->done));
	t->done[t->n_done++] = id;
}

static int defragment(struct maintenance *t, struct err *e)
{
	const struct upkeep_member at = *t->next.at;
	auto_free char *name = xstrdup(at.name);
	auto_grpc struct grpc *g = endpoint_open(t->m, member_of(t, at.id)->url, CONNECT_MS, DEFRAGMENT_MS(at.size), e);
	struct err why = { 0 };
	int64_t size;
	int rc;

	if (!g || check_room(t, &at, e) < 0)
		return -1;
	log_info("%s the database of %s: %" PRId64 " MiB, of which %u %% are free",
		 t->m->dry_run ? "would defragment" : "defragments", name, at.size >> 20,
		 upkeep_free_percent(at.size, at.in_use));
	note_done(t, at.id);
	if (t->m->dry_run)
		return 0;
	rc = rpc_defragment(g, &why);
	/* etcd goes on with it when the connection is lost. */
	if (confirm(t, at.id, name, e) < 0)
		return -1;
	size = member_of(t, at.id)->status.db_size;
	if (rc < 0 && size >= at.size) {
		*e = why;
		return refused(t, e);
	}
	log_info("the database of %s has %.1f MiB now", name, (double)size / (1 << 20));
	t->changed = true;
	t->state.time = t->m->now;
	free(t->state.member);
	t->state.member = steal(&name);
	return 0;
}

/*
 * Under the lock of the cluster, after which all members are looked at again. Under NOSPACE no key can be written:
 * there the leader's machine is the only one.
 */
static int defragment_locked(struct maintenance *t, struct err *e)
{
	const uint64_t id = t->next.at->id;
	auto_close int here = -1;
	auto_lock struct lock lock = { 0 };
	int rc;

	if (t->facts.nospace || t->m->dry_run)
		return defragment(t, e);
	here = machine_lock(t->m, e);
	if (here < 0)
		return -1;
	if (lock_take(t->m, &t->survey, "maintain", 0, &lock, e) < 0) {
		if (e->class != ERR_HEALTH)
			return -1;
		free(t->holder);
		t->holder = xstrdup(e->msg);
		t->next = (struct upkeep_next){ UPKEEP_WAIT, NULL, t->holder };
		err_clear(e);
		return 0;
	}
	rc = look(t, e);
	if (rc == 0 && t->next.step == UPKEEP_DEFRAGMENT && t->next.at->id == id)
		rc = defragment(t, e);
	lock_release(t->m, &lock);
	return rc;
}

static int disarm(struct maintenance *t, struct err *e)
{
	auto_grpc struct grpc *g = NULL;

	log_info("%s the alarm NOSPACE: every database is below its quota", t->m->dry_run ? "would disarm" : "disarms");
	if (t->m->dry_run)
		return 0;
	g = open_leader(t, ASK_MS, e);
	for (size_t i = 0; g && i < t->survey.n_alarms; i++)
		if (t->survey.alarms[i].kind == RPC_ALARM_NOSPACE && rpc_disarm(g, &t->survey.alarms[i], e) < 0)
			return refused(t, e);
	t->changed = true;
	return g ? 0 : -1;
}

static int still_full(const struct maintenance *t, struct err *e)
{
	const struct upkeep_member *at = t->next.at;

	(void)err_set(e, ERR_HEALTH,
		      "the alarm NOSPACE stays: the database of %s has %" PRId64 " MiB in use, and less than 90 %% of "
		      "its quota of %" PRId64 " MiB are needed",
		      at->name, at->in_use >> 20, at->quota >> 20);
	return err_hint(e,
			"delete keys with etcdctl.sh del; or set a larger ETCD_QUOTA_BACKEND_BYTES in %s on every "
			"machine, then on one after the other: etcd-cluster setup && systemctl restart etcd; then: "
			"etcd-cluster maintain",
			t->m->at.conf);
}

static int corrupt(const struct maintenance *t, struct err *e)
{
	const struct member *one = NULL;

	for (size_t i = 0; i < t->survey.n_alarms; i++)
		if (t->survey.alarms[i].kind == RPC_ALARM_CORRUPT)
			one = member_of(t, t->survey.alarms[i].member_id);
	(void)err_set(e, ERR_HEALTH,
		      "the alarm CORRUPT is raised, by %s: the data of the members differs, and nothing is changed",
		      one ? one->name : "a member that is not in the cluster any more");
	return err_hint(e, "etcd-cluster status names the member and what to do");
}

/* --- All of it. */

/* 0 looked again, -1 it takes too long. */
static int wait(struct maintenance *t, long long *until, struct err *e)
{
	if (*until == 0)
		*until = clock_ms() + (t->changed ? SETTLE_MS : t->how->scheduled ? 0 : PATIENT_MS);
	if (clock_ms() >= *until || t->m->dry_run) {
		(void)err_set(e, ERR_PENDING, "%s%s %s, so nothing is begun now", t->next.at ? "member " : "",
			      t->next.at ? t->next.at->name : "", t->next.why);
		return err_hint(e, "etcd-cluster status; then again: etcd-cluster maintain");
	}
	clock_sleep(PAUSE_MS);
	return look(t, e);
}

static int step(struct maintenance *t, struct err *e)
{
	switch (t->next.step) {
	case UPKEEP_COMPACT:
		return compact(t, e);
	case UPKEEP_DEFRAGMENT:
		return defragment_locked(t, e);
	case UPKEEP_DISARM:
		return disarm(t, e);
	case UPKEEP_FULL:
		return still_full(t, e);
	case UPKEEP_CORRUPT:
		return corrupt(t, e);
	case UPKEEP_WAIT:
	case UPKEEP_NOTHING:
		break;
	}
	return 0;
}

static int run(struct maintenance *t, struct err *e)
{
	long long until = 0;

	if (look(t, e) < 0)
		return -1;
	while (t->next.step != UPKEEP_NOTHING) {
		const enum upkeep_step before = t->next.step;

		if (before == UPKEEP_WAIT) {
			if (wait(t, &until, e) < 0)
				return -1;
			continue;
		}
		until = 0;
		if (step(t, e) < 0)
			return -1;
		/* Fragmentation is for another run. And a dry run has changed nothing: what would come next is not known. */
		if (before == UPKEEP_DISARM || (t->m->dry_run && before != UPKEEP_DEFRAGMENT))
			return 1;
		if (t->next.step != UPKEEP_WAIT && look(t, e) < 0)
			return -1;
	}
	return t->changed || (t->m->dry_run && t->n_done > 0);
}

/* By the timer: most looks end here. */
static bool is_due(struct maintenance *t)
{
	const struct machine *m = t->m;
	auto_free char *own = endpoint_own(m);
	struct err silent = { 0 };
	auto_grpc struct grpc *g = endpoint_open(m, own, 0, LOOK_MS, &silent);
	struct rpc_status s;
	bool fragmented;

	if (!m->conf.maintain_schedule[0] || !g || rpc_status(g, &s, &silent) < 0)
		return false;
	fragmented = s.db_size >= UPKEEP_LEAST &&
		     upkeep_free_percent(s.db_size, s.db_size_in_use) >= m->conf.maintain_fragmentation;
	t->facts.quiet = fragmented && schedule_is_quiet(m);
	if (!s.knows_alarm && !fragmented) { /* the cause of a failure is gone */
		t->state.failed = 0;
		t->state.why[0] = '\0';
	}
	return s.knows_alarm || t->facts.quiet;
}

static void note_end(struct maintenance *t, int rc, const struct err *e)
{
	if (rc >= 0)
		t->state.failed = 0;
	else if (e->class != ERR_PENDING && t->state.failed == 0)
		t->state.failed = t->m->now;
	if (rc >= 0 || e->class != ERR_PENDING) {
		free(t->state.why);
		t->state.why = xstrdup(rc < 0 ? e->msg : "");
	}
}

static int run_locked(struct maintenance *t, struct err *e)
{
	auto_free char *before = xstrdup(t->state.why);
	struct err unwritten = { 0 };
	/* Of backups: a snapshot that is being read holds a defragmentation up, and its member with it. */
	auto_close int lock = place_lock(t->m, e);
	int rc = lock < 0 ? -1 : run(t, e);

	if (lock < 0 && t->how->scheduled)
		e->class = ERR_PENDING;
	note_end(t, rc, e);
	if (!t->m->dry_run && upkeep_state_write(t->m, &t->state, &unwritten) < 0)
		log_error(LOG_WARNING, &unwritten);
	if (rc >= 0 || !t->how->scheduled)
		return rc;
	if (e->class == ERR_PENDING) { /* in a minute it is looked at again */
		log_debug("%s", e->msg);
		err_clear(e);
		return 0;
	}
	return strcmp(before, e->msg) == 0 ? MAINTAIN_KNOWN : -1;
}

static int run_scheduled(struct maintenance *t, struct err *e)
{
	const time_t failed = t->state.failed;

	if (is_due(t))
		return run_locked(t, e);
	return failed != t->state.failed && upkeep_state_write(t->m, &t->state, e) < 0 ? -1 : 0;
}

int maintain_run(const struct machine *m, const struct maintain_options *how, struct err *e)
{
	struct maintenance t = { .m = m,
				 .how = how,
				 .facts = { .person = !how->scheduled,
					    .all = how->all,
					    .quiet = !how->scheduled,
					    .least = how->scheduled ? UPKEEP_LEAST : UPKEEP_LEAST_PERSON } };
	int rc;

	if (how->scheduled && how->all)
		return err_set(e, ERR_CONFIG, "--scheduled and --all do not go together");
	upkeep_state_read(m, &t.state);
	rc = how->scheduled ? run_scheduled(&t, e) : run_locked(&t, e);
	forget(&t);
	free(t.done);
	free(t.holder);
	upkeep_state_free(&t.state);
	return rc;
}
