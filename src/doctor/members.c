/* SPDX-License-Identifier: Apache-2.0
 *
 * What a survey of the members means, in plain sentences. Nobody is asked here.
 */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "doctor/examine.h"
#include "doctor/parts.h"

/* etcd keeps this many log entries for slow followers (server/etcdserver, DefaultSnapshotCatchUpEntries). */
#define LAG_ENTRIES 5000

/* --quota-backend-bytes when it is not given. */
#define QUOTA_DEFAULT ((long long)2 << 30)

/* From this size on a database that is half empty is worth a defragmentation. */
#define DEFRAG_BYTES ((long long)100 << 20)

long long doctor_quota(const struct machine *m, const struct member *member)
{
	const char *passed = config_etcd_value(&m->conf, "ETCD_QUOTA_BACKEND_BYTES");
	uint64_t bytes;

	if (member->status.db_quota > 0)
		return member->status.db_quota;
	/* Before 3.6 a member does not report it; those of one cluster are meant to have the same. */
	if (passed && text_parse_u64(passed, 1, INT64_MAX, &bytes))
		return (long long)bytes;
	return QUOTA_DEFAULT;
}

static const struct member *by_id(const struct member_survey *s, uint64_t id)
{
	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->id == id)
			return one;
	return NULL;
}

uint64_t doctor_member_lag(const struct member_survey *s, const struct member *one)
{
	const struct member *leader = by_id(s, s->leader);
	uint64_t newest = one->status.raft_index;

	if (leader && leader->status.raft_index > newest)
		newest = leader->status.raft_index;
	return newest > one->status.raft_applied_index ? newest - one->status.raft_applied_index : 0;
}

/* "n2" for a person, also when it has no name yet. */
static const char *name_of(const struct member *one)
{
	return one->name[0] ? one->name : one->url[0] ? one->url : "the new member";
}

static const char *where(const struct member *one)
{
	return one->here ? "here" : "on that machine";
}

/* What to do about one that is down; an ID does where there is no name yet. The caller frees. */
static char *fix_silent(const struct machine *m, const struct member *one, bool quorum)
{
	auto_free char *id = xasprintf(ID_FMT, one->id);
	const char *who = one->name[0] ? one->name : id;

	if (one->why.rpc == GRPC_UNAUTHENTICATED && one->cert_end != 0 && one->cert_end < m->now)
		return xasprintf("%s: etcd-cluster setup", where(one));
	if (one->why.hint[0])
		return xstrdup(one->why.hint);
	if (one->here)
		return xstrdup("systemctl start etcd; journalctl -u etcd -n 50");
	if (one->listed && one->url[0] == '\0')
		return xasprintf("on that machine: etcd-cluster setup; if it is not to come: etcd-cluster remove %s",
				 who);
	if (one->listed && quorum)
		return xasprintf("on that machine: etcd-cluster status; if it is lost for ever: etcd-cluster remove %s",
				 who);
	return xstrdup("on that machine: etcd-cluster status");
}

static void check_answer(const struct machine *m, const struct member *one, bool quorum, struct doctor_report *r)
{
	auto_free char *fix = fix_silent(m, one, quorum);

	if (one->answers && one->healthy)
		doctor_ok(r, "member_healthy", "member %s is healthy", name_of(one));
	else if (one->answers)
		doctor_bad(r, ERR_HEALTH, "member_without_quorum",
			   "member %s answers but reaches no quorum: %s -> start the other members; journalctl -u etcd "
			   "-n 50 shows what this one waits for",
			   name_of(one), one->why.msg);
	else /* one of many is a warning here: the cluster works, and on the machine itself it is bad */
		doctor_add(r, one->here || (one->listed && !quorum) ? DOCTOR_BAD : DOCTOR_WARN,
			   one->here || (one->listed && !one->learner) ? ERR_HEALTH : ERR_NONE, "member_down",
			   "member %s does not answer: %s -> %s", name_of(one), one->why.msg, fix);
}

static void check_size(const struct machine *m, const struct member *one, struct doctor_report *r)
{
	long long quota = doctor_quota(m, one), size = one->status.db_size, used = one->status.db_size_in_use;

	if (size > quota / 10 * 8)
		doctor_warn(r, "database_full",
			    "the database of %s takes %lld %% of its quota; at 100 %% etcd refuses writes -> "
			    "etcdctl.sh compact REVISION, then etcdctl.sh defrag; or set ETCD_QUOTA_BACKEND_BYTES in "
			    "cluster.conf",
			    name_of(one), size * 100 / quota);
	else if (size > DEFRAG_BYTES && used < size / 2)
		doctor_warn(r, "database_fragmented",
			    "more than half of the database of %s is free space inside the file -> etcdctl.sh defrag "
			    "--endpoints=%s",
			    name_of(one), one->url);
}

/* The machine renews by itself: only when half of the time for it has gone is it worth a warning. */
static void check_served(const struct machine *m, const struct member *one, struct doctor_report *r)
{
	long long life = (long long)(one->cert_end - one->cert_begin), left = (long long)(one->cert_end - m->now);
	long long before = (long long)m->conf.renew_before_days * DAY;

	if (one->cert_end == 0 || left < 0 || left > (before < life / 3 ? before : life / 3) / 2)
		return;
	doctor_warn(r, "certificate_not_renewed",
		    "the certificate that %s serves is good for %lld more days and was not renewed -> %s: etcd-cluster "
		    "cert renew; journalctl -u etcd-cluster-renew shows why it was not",
		    name_of(one), left / DAY, where(one));
}

static void check_one(const struct machine *m, const struct member_survey *s, const struct member *one,
		      struct doctor_report *r)
{
	const struct member *leader = by_id(s, s->leader);

	if (one->learner && one->answers)
		doctor_warn(r, "learner",
			    "%s is a learner: it gets the data but does not vote -> %s: etcd-cluster setup, which "
			    "promotes it once it has all data",
			    name_of(one), where(one));
	check_served(m, one, r);
	if (!one->answers)
		return;
	check_size(m, one, r);
	if (!leader || !leader->answers)
		return;
	if (doctor_member_lag(s, one) > LAG_ENTRIES)
		doctor_warn(r, "member_behind",
			    "%s is %" PRIu64 " log entries behind the leader -> look at the network and disk of that "
			    "machine: etcd-cluster check",
			    name_of(one), doctor_member_lag(s, one));
	if (strcmp(leader->status.version, one->status.version) != 0)
		doctor_warn(r, "versions_differ",
			    "%s runs etcd %s, the leader %s: finish the upgrade -> etcd-cluster release list",
			    name_of(one), one->status.version, leader->status.version);
}

static void check_alarms(const struct member_survey *s, struct doctor_report *r)
{
	for (const struct rpc_alarm *alarm = s->alarms; alarm < s->alarms + s->n_alarms; alarm++) {
		const struct member *one = by_id(s, alarm->member_id);

		doctor_bad(r, ERR_HEALTH, alarm->kind == RPC_ALARM_NOSPACE ? "alarm_nospace" : "alarm_corrupt",
			   "member %s (" ID_FMT ") has raised the alarm %s -> %s", one ? name_of(one) : "?",
			   alarm->member_id, rpc_alarm_name(alarm->kind),
			   alarm->kind == RPC_ALARM_NOSPACE ? "etcdctl.sh compact REVISION, etcdctl.sh defrag, then "
							      "etcdctl.sh alarm disarm"
							    : "take a snapshot from another member; then, on this "
							      "one: etcd-cluster leave, etcd-cluster join ADDRESS");
	}
}

/* --- Clocks. */

/* Below this a clock is not reported: etcd warns from 1 s on, and a Date header is only so exact. */
#define CLOCK_MS 2000

/* The enrolment server signs nothing beyond this, and certificates are dated back by an hour. */
#define CLOCK_BAD_MS (30 * 60 * 1000)

static void report_clock(const char *whose, const char *other, long long ahead_ms, const char *at,
			 struct doctor_report *r)
{
	const bool bad = llabs(ahead_ms) > CLOCK_BAD_MS;

	doctor_add(r, bad ? DOCTOR_BAD : DOCTOR_WARN, bad ? ERR_HEALTH : ERR_NONE, "clock_differs",
		   "the clock of %s is %lld s %s %s -> %s: timedatectl set-ntp true (or install chrony); certificates "
		   "and leases depend on the time",
		   whose, (llabs(ahead_ms) + 500) / 1000, ahead_ms > 0 ? "ahead of" : "behind", other, at);
}

/* With two others or more that agree with each other, it is this machine's clock that is wrong. */
static void check_clocks(const struct member_survey *s, struct doctor_report *r)
{
	const struct member *first = NULL, *end = s->list + s->n;
	bool all = true;
	size_t n = 0;

	for (const struct member *one = s->list; one < end; one++) {
		if (one->here || !one->has_clock)
			continue;
		n++;
		first = first ? first : one;
		all = all && llabs(one->ahead_ms) > CLOCK_MS && llabs(one->ahead_ms - first->ahead_ms) <= CLOCK_MS;
	}
	if (n > 1 && all) {
		report_clock("this machine", "the clocks of the other members", -first->ahead_ms, "here", r);
		return;
	}
	for (const struct member *one = s->list; one < end; one++) {
		if (one->here || !one->has_clock || llabs(one->ahead_ms) <= CLOCK_MS)
			continue;
		report_clock(name_of(one), "that of this machine", one->ahead_ms, "on the one that is wrong", r);
		n = 0;
	}
	if (n > 0)
		doctor_ok(r, "clocks_agree", "the clocks of the members agree");
}

/* --- All of it. */

/* True when this machine's etcd answers and none of several others does: its own cable is as likely as their end. */
static bool is_alone(const struct member_survey *s)
{
	bool here = false;
	size_t others = 0;

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (!one->here && one->answers)
			return false;
		here = here || (one->here && one->answers);
		others += !one->here && one->listed;
	}
	return here && others > 1;
}

static void check_votes(const struct member_survey *s, const struct member_votes *votes, struct doctor_report *r)
{
	const char *first =
		is_alone(s) ? "look first at the network of this machine (ip address; ip route); then " : "";
	auto_strv char **down = NULL;
	auto_free char *names = NULL;

	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->listed && !one->learner && !one->answers)
			strv_add(&down, name_of(one));
	names = strv_join(down, ", ");
	if (votes->all > 1 && votes->healthy < votes->quorum)
		doctor_bad(r, ERR_HEALTH, "no_quorum",
			   "no quorum: %zu of %zu voting members are healthy, %zu are needed -> %sstart etcd on the "
			   "machines that are down%s%s; if they are lost for ever: etcd-cluster restore "
			   "--force-new-cluster " ID_FMT,
			   votes->healthy, votes->all, votes->quorum, first, down ? ": " : "", names, s->cluster_id);
	else if (votes->all == 2)
		doctor_warn(r, "two_members",
			    "two voting members tolerate no failure: if one is down, both stop -> add a third one; "
			    "on that machine: etcd-cluster join ADDRESS");
	else if (votes->all > 2 && votes->healthy == votes->quorum && votes->healthy < votes->all)
		doctor_warn(r, "no_redundancy",
			    "%zu of %zu voting members are healthy: one more failure stops the cluster -> repair or "
			    "replace those that are down",
			    votes->healthy, votes->all);
	if (s->agreed && s->leader == 0)
		doctor_bad(r, ERR_HEALTH, "no_leader",
			   "the members do not agree on a leader -> etcd-cluster status, again in a few seconds; then "
			   "journalctl -u etcd on each");
}

void doctor_members(const struct machine *m, const struct member_survey *s, struct doctor_report *r)
{
	struct member_votes votes = member_count_votes(s);
	bool quorum = s->agreed || (votes.all > 0 && votes.healthy >= votes.quorum);

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (one->here && doctor_own(m, s, one, r))
			continue; /* it is not a member, and that was the finding */
		check_answer(m, one, quorum, r);
		check_one(m, s, one, r);
	}
	check_votes(s, &votes, r);
	doctor_drift(m, s, r);
	doctor_former(m, s, r);
	check_clocks(s, r);
	check_alarms(s, r);
}
