/* SPDX-License-Identifier: Apache-2.0
 *
 * The databases of the members: their quotas, free space in their files, alarms; and what maintenance failed of.
 */
#include "cluster/upkeep.h"

#include "base/clock.h"
#include "base/text.h"
#include "doctor/parts.h"

/* From here on a database is nearly full. */
#define FULL_PERCENT 80

#define RAISE_QUOTA                                                                                                    \
	"delete keys with etcdctl.sh del; or set a larger ETCD_QUOTA_BACKEND_BYTES in cluster.conf on every machine, " \
	"then on one after the other: etcd-cluster setup && systemctl restart etcd"

void doctor_database(const struct machine *m, const struct member *one, const char *name, struct doctor_report *r)
{
	const int64_t size = one->status.db_size, used = one->status.db_size_in_use, quota = member_quota(m, one);
	const unsigned int percent = upkeep_free_percent(size, used);

	if (size / FULL_PERCENT * 100 > quota)
		doctor_warn(r, "database_full",
			    "the database of %s takes %lld %% of its quota, %lld %% are in use; at 100 %% etcd refuses "
			    "writes -> %s",
			    name, (long long)size * 100 / quota, (long long)used * 100 / quota,
			    used / FULL_PERCENT * 100 > quota ? RAISE_QUOTA : "etcd-cluster maintain --all");
	else if (size >= UPKEEP_LEAST && percent >= m->conf.maintain_fragmentation)
		doctor_warn(r, "database_fragmented",
			    "%u %% of the database file of %s is free space%s%s -> %setcd-cluster maintain", percent,
			    name, m->conf.maintain_schedule[0] ? "; it is defragmented at " : "",
			    m->conf.maintain_schedule, one->here ? "" : "on that machine: ");
}

void doctor_alarms(const struct member_survey *s, struct doctor_report *r)
{
	for (const struct rpc_alarm *alarm = s->alarms; alarm < s->alarms + s->n_alarms; alarm++) {
		const struct member *one = s->list, *end = s->list + s->n;

		while (one < end && one->id != alarm->member_id)
			one++;
		doctor_bad(r, ERR_HEALTH, alarm->kind == RPC_ALARM_NOSPACE ? "alarm_nospace" : "alarm_corrupt",
			   "member %s (" ID_FMT ") has raised the alarm %s -> %s", one < end ? one->name : "?",
			   alarm->member_id, rpc_alarm_name(alarm->kind),
			   alarm->kind == RPC_ALARM_NOSPACE ? "etcd-cluster maintain"
			   : one == end			    ? "it is not a member any more: etcdctl.sh alarm disarm"
			   : s->n > 1 ? "on that machine: systemctl stop etcd; etcd-cluster replace"
				      : "restore the newest good backup");
	}
}

void doctor_upkeep(const struct machine *m, struct doctor_exam *x)
{
	upkeep_state_read(m, &x->upkeep);
	/* Of the alarm CORRUPT there is a finding, with another fix. */
	for (size_t i = 0; i < x->survey.n_alarms; i++)
		if (x->survey.alarms[i].kind == RPC_ALARM_CORRUPT)
			return;
	if (x->upkeep.failed)
		doctor_warn(&x->report, "maintain_fails", "maintain fails since %s: %s -> etcd-cluster maintain",
			    clock_minute(x->upkeep.failed).text, x->upkeep.why);
}
