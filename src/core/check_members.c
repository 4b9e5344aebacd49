/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 *
 * What a survey of the members means, in plain sentences. No questions are asked here.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/check_parts.h"
#include "core/identity.h"

/* etcd keeps this many log entries for slow followers (server/etcdserver, DefaultSnapshotCatchUpEntries); one further behind gets all data. */
#define LAG_ENTRIES 5000

/* --quota-backend-bytes when it is not given. */
#define QUOTA_DEFAULT ((long long)2 << 30)

/* A database that is half air is worth a defragmentation, once it is large. */
#define DEFRAG_BYTES ((long long)100 << 20)

static const char *name_of(const struct member *one)
{
	return one->name[0] ? one->name : "the new member";
}

long long check_quota(const struct machine *m, const struct member *member)
{
	uint64_t bytes;

	if (member->status.db_quota > 0)
		return member->status.db_quota;
	/* Before 3.6 it does not say; members of one cluster are meant to have the same. */
	for (size_t i = 0; i < m->conf.n_etcd; i++) {
		if (strcmp(m->conf.etcd[i].key, "ETCD_QUOTA_BACKEND_BYTES") == 0 &&
		    text_parse_u64(m->conf.etcd[i].value, 1, INT64_MAX, &bytes))
			return (long long)bytes;
	}
	return QUOTA_DEFAULT;
}

static void check_answer(const struct member *one, bool quorum, struct check_report *r)
{
	struct check_finding *f;

	if (one->answers && one->healthy) {
		check_ok(r, "member %s is healthy", name_of(one));
		return;
	}
	if (one->answers) {
		f = check_bad(r, ERR_HEALTH, "member %s answers but reaches no quorum: %s", name_of(one), one->why.msg);
		check_mend(f, "start the other members; journalctl -u etcd -n 50 tells what this one waits for");
		return;
	}
	/* One of many that is down is a warning here: the cluster goes on, and the machine it is on will say bad. */
	f = one->here || !quorum ? check_bad(r, ERR_HEALTH, "member %s does not answer: %s", name_of(one), one->why.msg)
				 : check_warn(r, "member %s does not answer: %s", name_of(one), one->why.msg);
	if (one->why.hint[0])
		check_mend(f, "%s", one->why.hint);
	else if (one->here)
		check_mend(f, "systemctl start etcd; journalctl -u etcd -n 50");
	else
		check_mend(f, "on that machine: etcd-cluster status");
}

static void check_size(const struct machine *m, const struct member *one, struct check_report *r)
{
	long long quota = check_quota(m, one), size = one->status.db_size, used = one->status.db_size_in_use;

	if (size > quota / 10 * 8)
		check_mend(check_warn(r, "the database of %s takes %lld %% of its quota; at 100 %% writes are refused",
				      name_of(one), size * 100 / quota),
			   "etcdctl.sh compact REVISION, then etcdctl.sh defrag; or set ETCD_QUOTA_BACKEND_BYTES in "
			   "cluster.conf");
	else if (size > DEFRAG_BYTES && used < size / 2)
		check_mend(check_warn(r, "more than half of the database of %s is free space inside the file",
				      name_of(one)),
			   "etcdctl.sh defrag --endpoints=%s", one->url);
}

static const struct member *leader_of(const struct member_survey *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].answers && s->list[i].id == s->leader)
			return &s->list[i];
	}
	return NULL;
}

static void check_one(const struct machine *m, const struct member_survey *s, const struct member *one,
		      struct check_report *r)
{
	const struct member *leader = leader_of(s);

	if (one->listed && one->learner)
		check_mend(check_warn(r, "%s is a learner: it gets the data but does not vote", name_of(one)),
			   "when it is in step: etcdctl.sh member promote %" PRIx64, one->id);
	if (!one->answers)
		return;
	check_size(m, one, r);
	if (leader && leader->status.raft_index > one->status.raft_applied_index + LAG_ENTRIES)
		check_mend(check_warn(r, "%s is %" PRIu64 " log entries behind the leader", name_of(one),
				      leader->status.raft_index - one->status.raft_applied_index),
			   "look at the network and disk of that machine: etcd-cluster check");
	if (leader && strcmp(leader->status.version, one->status.version) != 0)
		check_mend(check_warn(r, "%s runs etcd %s, the leader %s: finish the upgrade", name_of(one),
				      one->status.version, leader->status.version),
			   "etcd-cluster release list");
}

static void check_alarms(const struct member_survey *s, struct check_report *r)
{
	for (size_t i = 0; i < s->n_alarms; i++) {
		struct check_finding *f = check_bad(r, ERR_HEALTH, "member %" PRIx64 " has raised the alarm %s",
						    s->alarms[i].member_id, rpc_alarm_name(s->alarms[i].kind));

		if (s->alarms[i].kind == RPC_ALARM_NOSPACE)
			check_mend(f, "etcdctl.sh compact REVISION, etcdctl.sh defrag, then etcdctl.sh alarm disarm");
		else
			check_mend(f, "take a snapshot from another member, then remove this one and add it anew");
	}
}

/* The machine's own member against what the machine remembers and what the others say. */
static void check_own(const struct machine *m, const struct member_survey *s, const struct member *own,
		      struct check_report *r)
{
	auto_free char *peer = config_url("https", m->conf.address, m->conf.peer_port);
	struct identity id = { 0 };
	struct err ignored = { 0 };
	bool known = identity_read(m, &id, &ignored) > 0;

	if (known && own->answers && (own->id != id.member_id || own->status.cluster_id != id.cluster_id))
		check_mend(check_bad(r, ERR_HEALTH,
				     "the running etcd is member %" PRIx64 " of cluster %" PRIx64
				     ", but this machine is member %" PRIx64 " of %" PRIx64,
				     own->id, own->status.cluster_id, id.member_id, id.cluster_id),
			   "systemctl stop etcd; look at DATA_DIR in cluster.conf and at %s", m->at.member_id);
	else if (known && s->agreed && !own->listed)
		check_mend(check_bad(r, ERR_HEALTH, "this machine's member was removed from the cluster"),
			   "move the data directory and %s aside, then join again: etcd-cluster setup",
			   m->at.member_id);
	if (own->listed && own->peer_urls && strcmp(own->peer_urls[0], peer) != 0)
		check_mend(check_warn(r, "the cluster dials this member at %s, cluster.conf says %s", own->peer_urls[0],
				      peer),
			   "etcdctl.sh member update %" PRIx64 " --peer-urls=%s", own->id, peer);
	identity_free(&id);
}

void check_members(const struct machine *m, const struct member_survey *s, struct check_report *r)
{
	struct member_votes votes = member_count_votes(s);
	bool quorum = votes.all > 0 && votes.healthy >= votes.quorum;

	for (size_t i = 0; i < s->n; i++) {
		check_answer(&s->list[i], quorum || s->agreed, r);
		check_one(m, s, &s->list[i], r);
		if (s->list[i].here)
			check_own(m, s, &s->list[i], r);
	}
	if (votes.all > 1 && !quorum)
		check_mend(check_bad(r, ERR_HEALTH, "no quorum: %zu of %zu voting members are healthy, %zu are needed",
				     votes.healthy, votes.all, votes.quorum),
			   "start etcd on the machines that are down");
	else if (votes.all == 2)
		check_mend(check_warn(r, "two voting members bear no failure: one that is down stops both"),
			   "add a third member");
	if (s->agreed && s->leader == 0)
		check_mend(check_bad(r, ERR_HEALTH, "the members do not agree on a leader"),
			   "etcd-cluster status, again in a few seconds; then journalctl -u etcd on each");
	check_alarms(s, r);
}
