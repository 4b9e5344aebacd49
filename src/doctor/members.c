/* SPDX-License-Identifier: Apache-2.0
 *
 * What a survey of the members means, in plain sentences. No questions are asked here.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "doctor/examine.h"
#include "doctor/parts.h"

/* etcd keeps this many log entries for slow followers (server/etcdserver, DefaultSnapshotCatchUpEntries); one further behind gets all data. */
#define LAG_ENTRIES 5000

/* --quota-backend-bytes when it is not given. */
#define QUOTA_DEFAULT ((long long)2 << 30)

/* A database that is half air is worth a defragmentation, once it is large. */
#define DEFRAG_BYTES ((long long)100 << 20)

long long doctor_quota(const struct machine *m, const struct member *member)
{
	const char *passed = config_etcd_value(&m->conf, "ETCD_QUOTA_BACKEND_BYTES");
	uint64_t bytes;

	if (member->status.db_quota > 0)
		return member->status.db_quota;
	/* Before 3.6 it does not say; members of one cluster are meant to have the same. */
	if (passed && text_parse_u64(passed, 1, INT64_MAX, &bytes))
		return (long long)bytes;
	return QUOTA_DEFAULT;
}

/* "n2" for a person, also when it has no name yet. */
static const char *name_of(const struct member *one)
{
	return one->name[0] ? one->name : one->url[0] ? one->url : "the new member";
}

/* What to do about one that is down; an ID does where there is no name yet. */
static void fix_silent(const struct machine *m, const struct member *one, bool quorum, struct doctor_finding *f)
{
	auto_free char *id = xasprintf(ID_FMT, one->id);
	const char *who = one->name[0] ? one->name : id;

	if (one->why.rpc == GRPC_UNAUTHENTICATED && one->cert_end != 0 && one->cert_end < m->now)
		doctor_fix(f, "%s: etcd-cluster setup", one->here ? "here" : "on that machine");
	else if (one->why.hint[0])
		doctor_fix(f, "%s", one->why.hint);
	else if (one->here)
		doctor_fix(f, "systemctl start etcd; journalctl -u etcd -n 50");
	else if (one->listed && one->url[0] == '\0')
		doctor_fix(f, "on that machine: etcd-cluster setup; if it is not to come: etcd-cluster remove %s", who);
	else if (one->listed && quorum)
		doctor_fix(f, "on that machine: etcd-cluster status; if it is lost for ever: etcd-cluster remove %s",
			   who);
	else
		doctor_fix(f, "on that machine: etcd-cluster status");
}

static void check_answer(const struct machine *m, const struct member *one, bool quorum, struct doctor_report *r)
{
	struct doctor_finding *f;

	if (one->answers && one->healthy) {
		doctor_ok(r, "member %s is healthy", name_of(one));
		return;
	}
	if (one->answers) {
		f = doctor_bad(r, ERR_HEALTH, "member %s answers but reaches no quorum: %s", name_of(one),
			       one->why.msg);
		doctor_fix(f, "start the other members; journalctl -u etcd -n 50 tells what this one waits for");
		return;
	}
	/* One of many that is down is a warning here: the cluster goes on, and the machine it is on will say bad. */
	f = one->here || (one->listed && !quorum)
		    ? doctor_bad(r, ERR_HEALTH, "member %s does not answer: %s", name_of(one), one->why.msg)
		    : doctor_warn(r, "member %s does not answer: %s", name_of(one), one->why.msg);
	fix_silent(m, one, quorum, f);
}

static void check_size(const struct machine *m, const struct member *one, struct doctor_report *r)
{
	long long quota = doctor_quota(m, one), size = one->status.db_size, used = one->status.db_size_in_use;

	if (size > quota / 10 * 8)
		doctor_fix(doctor_warn(r, "the database of %s takes %lld %% of its quota; at 100 %% writes are refused",
				       name_of(one), size * 100 / quota),
			   "etcdctl.sh compact REVISION, then etcdctl.sh defrag; or set ETCD_QUOTA_BACKEND_BYTES in "
			   "cluster.conf");
	else if (size > DEFRAG_BYTES && used < size / 2)
		doctor_fix(doctor_warn(r, "more than half of the database of %s is free space inside the file",
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

/* Renewal is the machine's own business, and a first warning would be too early: only when half of the time for it has gone. */
static void check_served(const struct machine *m, const struct member *one, struct doctor_report *r)
{
	long long life = (long long)(one->cert_end - one->cert_begin), left = (long long)(one->cert_end - m->now);
	long long before = (long long)m->conf.renew_before_days * DAY;

	if (one->cert_end == 0 || left < 0 || left > (before < life / 3 ? before : life / 3) / 2)
		return;
	doctor_fix(doctor_warn(r, "the certificate that %s serves is good for %lld more days and was not renewed",
			       name_of(one), left / DAY),
		   "%s: etcd-cluster cert renew; journalctl -u etcd-cluster-renew tells why it was not",
		   one->here ? "here" : "on that machine");
}

static void check_one(const struct machine *m, const struct member_survey *s, const struct member *one,
		      struct doctor_report *r)
{
	const struct member *leader = leader_of(s);

	if (one->learner && one->answers)
		doctor_fix(doctor_warn(r, "%s is a learner: it gets the data but does not vote", name_of(one)),
			   "%s: etcd-cluster setup, which promotes it once it is in step",
			   one->here ? "here" : "on that machine");
	check_served(m, one, r);
	if (!one->answers)
		return;
	check_size(m, one, r);
	if (leader && leader->status.raft_index > one->status.raft_applied_index + LAG_ENTRIES)
		doctor_fix(doctor_warn(r, "%s is %" PRIu64 " log entries behind the leader", name_of(one),
				       leader->status.raft_index - one->status.raft_applied_index),
			   "look at the network and disk of that machine: etcd-cluster check");
	if (leader && strcmp(leader->status.version, one->status.version) != 0)
		doctor_fix(doctor_warn(r, "%s runs etcd %s, the leader %s: finish the upgrade", name_of(one),
				       one->status.version, leader->status.version),
			   "etcd-cluster release list");
}

static const char *name_by_id(const struct member_survey *s, uint64_t id)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].id == id)
			return name_of(&s->list[i]);
	}
	return "?";
}

static void check_alarms(const struct member_survey *s, struct doctor_report *r)
{
	for (size_t i = 0; i < s->n_alarms; i++) {
		struct doctor_finding *f = doctor_bad(r, ERR_HEALTH, "member %s (" ID_FMT ") has raised the alarm %s",
						      name_by_id(s, s->alarms[i].member_id), s->alarms[i].member_id,
						      rpc_alarm_name(s->alarms[i].kind));

		if (s->alarms[i].kind == RPC_ALARM_NOSPACE)
			doctor_fix(f, "etcdctl.sh compact REVISION, etcdctl.sh defrag, then etcdctl.sh alarm disarm");
		else
			doctor_fix(f, "take a snapshot from another member; then, on this one: etcd-cluster leave, "
				      "etcd-cluster join ADDRESS");
	}
}

/* --- Clocks. */

/* How far a clock may be off before it is worth a word: etcd warns from 1 s on, a Date header does not tell less than that apart. */
#define CLOCK_MS 2000

/* The enrolment server signs nothing beyond this, and certificates are dated back by an hour. */
#define CLOCK_BAD_MS (30 * 60 * 1000)

static void say_clock(const char *whose, const char *other, long long ahead_ms, bool here, struct doctor_report *r)
{
	long long off = llabs(ahead_ms);
	struct doctor_finding *f = doctor_add(r, off > CLOCK_BAD_MS ? DOCTOR_BAD : DOCTOR_WARN, ERR_HEALTH,
					      "the clock of %s is %lld s %s %s", whose, (off + 500) / 1000,
					      ahead_ms > 0 ? "ahead of" : "behind", other);

	doctor_fix(f, "%s: timedatectl set-ntp true (or install chrony); certificates and leases depend on the time",
		   here ? "here" : "on the one that is wrong");
}

/* With two others or more that agree with each other, it is this machine's clock that is wrong. */
static void check_clocks(const struct member_survey *s, struct doctor_report *r)
{
	const struct member *first = NULL;
	bool all = true;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct member *one = &s->list[i];

		if (one->here || !one->has_clock)
			continue;
		n++;
		first = first ? first : one;
		all = all && llabs(one->ahead_ms) > CLOCK_MS && llabs(one->ahead_ms - first->ahead_ms) <= CLOCK_MS;
	}
	if (n > 1 && all) {
		say_clock("this machine", "the clocks of the other members", -first->ahead_ms, true, r);
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct member *one = &s->list[i];

		if (!one->here && one->has_clock && llabs(one->ahead_ms) > CLOCK_MS) {
			say_clock(name_of(one), "that of this machine", one->ahead_ms, false, r);
			n = 0;
		}
	}
	if (n > 0)
		doctor_ok(r, "the clocks of the members agree");
}

/* --- All of it. */

/* The names of the voters that are down. */
static void name_down(const struct member_survey *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct member *one = &s->list[i];

		if (one->listed && !one->learner && !one->answers)
			buf_printf(out, "%s%s", out->len ? ", " : "", name_of(one));
	}
}

static void check_votes(const struct member_survey *s, struct doctor_report *r)
{
	struct member_votes votes = member_count_votes(s);
	auto_buf struct buf down = { 0 };
	struct doctor_finding *f;

	if (votes.all > 1 && votes.healthy < votes.quorum) {
		name_down(s, &down);
		f = doctor_bad(r, ERR_HEALTH, "no quorum: %zu of %zu voting members are healthy, %zu are needed",
			       votes.healthy, votes.all, votes.quorum);
		doctor_fix(f,
			   "start etcd on the machines that are down%s%s; if they are lost for ever: etcd-cluster "
			   "restore --force-new-cluster " ID_FMT,
			   down.len ? ": " : "", buf_str(&down), s->cluster_id);
	} else if (votes.all == 2) {
		doctor_fix(doctor_warn(r, "two voting members bear no failure: one that is down stops both"),
			   "add a third one; on that machine: etcd-cluster join ADDRESS");
	} else if (votes.all > 2 && votes.healthy == votes.quorum && votes.healthy < votes.all) {
		doctor_fix(doctor_warn(r, "%zu of %zu voting members are healthy: one more failure stops the cluster",
				       votes.healthy, votes.all),
			   "repair or replace those that are down");
	}
	if (s->agreed && s->leader == 0)
		doctor_fix(doctor_bad(r, ERR_HEALTH, "the members do not agree on a leader"),
			   "etcd-cluster status, again in a few seconds; then journalctl -u etcd on each");
}

void doctor_members(const struct machine *m, const struct member_survey *s, struct doctor_report *r)
{
	struct member_votes votes = member_count_votes(s);
	bool quorum = s->agreed || (votes.all > 0 && votes.healthy >= votes.quorum);

	for (size_t i = 0; i < s->n; i++) {
		const struct member *one = &s->list[i];

		if (one->here && doctor_own(m, s, one, r))
			continue; /* it is none, so there is nothing to say about it */
		check_answer(m, one, quorum, r);
		check_one(m, s, one, r);
	}
	check_votes(s, r);
	doctor_drift(m, s, r);
	check_clocks(s, r);
	check_alarms(s, r);
}
