/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/gate.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "member/endpoint.h"

#define SURVEY_MS 5000
#define MOVE_MS	  3000
#define LOOK_MS	  500

/* A look that is older than this says nothing about now: the program was stopped, or the machine slept. */
#define FRESH_MS 30000

/*
 * Entries that a voter may have to apply still. etcd refuses requests at 5000 (server/etcdserver, v3_server.go). That
 * it is in step to the last entry is shown by its linearizable read, for which it waits.
 */
#define BEHIND 5000

static const char *name_of(const struct member *one)
{
	return one->name && one->name[0] ? one->name : "a member that has not started yet";
}

static int refuse_alarms(const struct member_survey *s, struct err *e)
{
	const struct rpc_alarm *first = s->alarms;
	const char *who = "a former member";

	if (!s->alarms_known)
		return err_set(e, ERR_HEALTH, "the alarms of the cluster cannot be asked for");
	if (s->n_alarms == 0)
		return 0;
	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->listed && one->id == first->member_id)
			who = name_of(one);
	(void)err_set(e, ERR_HEALTH, "%s has raised the alarm %s", who, rpc_alarm_name(first->kind));
	return err_hint(e, "etcd-cluster status says what to do about it; no member is stopped before");
}

static int refuse_voter(const struct member_survey *s, const struct member *one, uint64_t newest, struct err *e)
{
	if (one->answers && one->status.cluster_id != s->cluster_id)
		(void)err_set(e, ERR_HEALTH, "%s answers as a member of cluster " ID_FMT, name_of(one),
			      one->status.cluster_id);
	else if (!one->answers && one->why.rpc == GRPC_PERMISSION_DENIED)
		return err_set(e, ERR_CONFIG, "%s does not permit this machine to ask for its status", name_of(one));
	else if (!one->answers)
		(void)err_set(e, ERR_HEALTH, "%s does not answer: %s", name_of(one), one->why.msg);
	else if (!one->healthy)
		(void)err_set(e, ERR_HEALTH, "%s is not healthy: %s", name_of(one), one->why.msg);
	else if (one->status.raft_applied_index + BEHIND < newest)
		(void)err_set(e, ERR_HEALTH, "%s is %" PRIu64 " entries behind", name_of(one),
			      newest - one->status.raft_applied_index);
	else
		return 0;
	return err_hint(e, "etcd is stopped only while every other voting member is healthy: etcd-cluster status");
}

static int judge_others(const struct member_survey *s, struct err *e)
{
	uint64_t newest = 0;

	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->answers && one->status.cluster_id == s->cluster_id && one->status.raft_index > newest)
			newest = one->status.raft_index;
	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (!one->listed || one->here)
			continue;
		if (one->learner) {
			(void)err_set(e, ERR_HEALTH, "%s is being added", name_of(one));
			return err_hint(
				e,
				"wait until it votes; to give it up, on a running member: etcd-cluster remove " ID_FMT,
				one->id);
		}
		if (refuse_voter(s, one, newest, e) < 0)
			return -1;
	}
	return 0;
}

int gate_judge(const struct member_survey *s, bool allow_outage, struct err *e)
{
	const struct member_votes votes = member_count_votes(s);
	const struct member *own = NULL;

	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->here)
			own = one;
	if (s->elsewhere)
		return err_set(e, ERR_CONFIG, "the member of this machine runs at %s: this machine has a copy of it",
			       s->elsewhere);
	if (!s->agreed) {
		(void)err_set(e, ERR_HEALTH, "no quorum: no member knows who the members are now%s%s",
			      own && own->why.msg[0] ? ": " : "", own ? own->why.msg : "");
		return err_hint(e, "etcd-cluster status; to restart this etcd all the same: systemctl restart etcd");
	}
	if (!own || !own->listed) {
		(void)err_set(e, ERR_CONFIG, "this machine is not a member of the cluster " ID_FMT, s->cluster_id);
		return err_hint(e, "etcd-cluster status");
	}
	if (own->learner)
		return 0;
	if (judge_others(s, e) < 0 || refuse_alarms(s, e) < 0)
		return -1;
	if (votes.all > 1 && s->leader == 0)
		return err_set(e, ERR_HEALTH, "the members do not agree on a leader");
	if (votes.all != 2 || allow_outage)
		return 0;
	(void)err_set(e, ERR_CONFIG, "the cluster has two voting members: while one is stopped, nothing is served");
	return err_hint(e, "to accept that, --allow-outage; a third member ends it: etcd-cluster join, there");
}

int gate_check(const struct machine *m, bool allow_outage, struct member_survey *s, struct err *e)
{
	member_survey_free(s);
	if (member_survey(m, SURVEY_MS, s, e) < 0)
		return -1;
	if (gate_judge(s, allow_outage, e) == 0)
		return 0;
	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->listed && !one->answers && one->why.rpc == GRPC_PERMISSION_DENIED)
			return lock_denied(m, e);
	return -1;
}

int gate_wait(const struct machine *m, bool allow_outage, unsigned int wait_s, struct member_survey *s, struct err *e)
{
	const long long end = clock_ms() + (m->dry_run ? 0 : 1000LL * wait_s);
	bool logged = false;
	int rc;

	while ((rc = gate_check(m, allow_outage, s, e)) < 0 && e->class == ERR_HEALTH && clock_ms() < end) {
		if (!logged)
			log_info("waiting up to %u s: %s", wait_s, e->msg);
		logged = true;
		err_clear(e);
		clock_sleep(LOOK_MS);
	}
	return rc;
}

int gate_last(const struct machine *m, const struct lock *l, bool allow_outage, struct member_survey *s, struct err *e)
{
	const long long begin = clock_ms();

	if (gate_check(m, allow_outage, s, e) < 0 || lock_confirm(m, l, e) < 0)
		return -1;
	return clock_ms() - begin < FRESH_MS
		       ? 0
		       : err_set(e, ERR_HEALTH, "the members took too long to answer: what they said may not hold now");
}

void gate_hand_over(const struct machine *m, const struct member_survey *s)
{
	const struct member *own = NULL, *heir = NULL;
	auto_grpc struct grpc *g = NULL;
	struct err ignored = { 0 };

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (one->here)
			own = one;
		else if (one->listed && one->healthy && !one->learner &&
			 (!heir || one->status.raft_applied_index > heir->status.raft_applied_index))
			heir = one;
	}
	if (!own || !heir || own->id != s->leader || m->dry_run)
		return;
	g = endpoint_open(m, own->url, 0, MOVE_MS, &ignored);
	if (!g || rpc_change(g, "Maintenance/MoveLeader", heir->id, NULL, &ignored) < 0)
		log_debug("%s", ignored.msg);
	else
		log_info("%s is the leader of the cluster now", heir->name);
}
