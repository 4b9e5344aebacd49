/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "backup/choose.h"
#include "backup/meta.h"
#include "base/clock.h"
#include "doctor/parts.h"
#include "service/schedule.h"

static void note(struct doctor_backups *b, time_t when, const char *file, const char *member)
{
	if (when <= b->newest)
		return;
	b->newest = when;
	free(b->file);
	free(b->member);
	b->file = xstrdup(file);
	b->member = xstrdup(member);
}

/* Files here, and what other machines have put into etcd. A time to come is not believed. */
static void find_newest(const struct machine *m, const struct doctor_exam *x, struct doctor_backups *b)
{
	cleanup(backup_list_free) struct backup_list l = { 0 };
	cleanup(choose_last_free) struct choose_last last = { 0 };
	const struct backup_meta *here = NULL;
	struct err unread = { 0 };

	if (backup_list_read(m, x->survey.cluster_id, &l, &unread) == 0)
		here = backup_newest(&l);
	if (here)
		note(b, here->time, strrchr(here->path, '/') + 1, here->member);
	/* An etcd that is silent would cost a time limit again. */
	if (x->survey.n > 1 && x->here && x->here->answers && choose_last_read(m, false, &last, &unread) > 0 &&
	    last.time <= m->now + DAY)
		note(b, last.time, last.file, last.member);
}

static void check_age(const struct machine *m, const struct doctor_backups *b, struct doctor_report *r)
{
	const time_t since = b->newest ? b->newest : schedule_since(m);

	if (since == 0)
		doctor_warn(r, "backup_not_scheduled", "BACKUP_SCHEDULE is not in force yet -> etcd-cluster setup");
	else if (b->period > 0 && m->now - since > 2 * b->period)
		doctor_warn(r, "backup_old",
			    "%s%s, although BACKUP_SCHEDULE=%s -> etcd-cluster backup; journalctl -u "
			    "etcd-cluster-backup",
			    b->newest ? "the newest backup is of " : "there is no backup",
			    b->newest ? clock_minute(b->newest).text : "", m->conf.backup_schedule);
	else if (b->newest)
		doctor_ok(r, "backup_recent", "the newest backup is of %s", clock_minute(b->newest).text);
}

void doctor_backup(const struct machine *m, struct doctor_exam *x)
{
	struct doctor_backups *b = &x->backups;
	struct doctor_report *r = &x->report;

	backup_state_read(m, &b->here);
	find_newest(m, x, b);
	if (m->conf.backup_schedule[0]) {
		b->period = schedule_period(m);
		check_age(m, b, r);
	}
	if (b->here.why[0])
		doctor_warn(r, "backup_fails", "backups fail since %s: %s -> etcd-cluster backup",
			    clock_minute(b->here.failed).text, b->here.why);
	if (b->here.command_why[0])
		doctor_warn(r, "backup_command_fails", "%s -> etcd-cluster backup; journalctl -u etcd-cluster-backup",
			    b->here.command_why);
	if (b->here.rehearsed_why[0])
		doctor_warn(r, "rehearsal_failed",
			    "the rehearsal of %s failed: %s -> etcd-cluster backup verify --rehearse FILE",
			    b->here.rehearsed_file, b->here.rehearsed_why);
}
