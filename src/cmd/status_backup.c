/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/status_backup.h"

#include "adapter/json.h"
#include "base/clock.h"
#include "cmd/page.h"

/* "3 hours", "2 days". */
static char *age_text(const struct machine *m, time_t when)
{
	static const struct {
		long seconds;
		const char *unit;
	} units[] = { { DAY, "days" }, { 3600, "hours" }, { 60, "minutes" }, { 1, "seconds" } };
	const long age = m->now > when ? (long)(m->now - when) : 0;
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(units) && age < 2 * units[i].seconds)
		i++;
	return xasprintf("%ld %s", age / units[i].seconds, units[i].unit);
}

void status_print_backups(const struct machine *m, const struct doctor_backups *b)
{
	const char *schedule = m->conf.backup_schedule;

	auto_free char *age = b->newest ? age_text(m, b->newest) : NULL;
	auto_free char *line =
		b->newest ? xasprintf("%s ago by %s: %s; %s%s", age, b->member, b->file,
				      schedule[0] ? "scheduled " : "not scheduled", schedule)
			  : xasprintf("none; %s%s", schedule[0] ? "scheduled " : "not scheduled", schedule);

	page_entry(stdout, 14, "backup", line);
	if (b->here.rehearsed) {
		auto_free char *since = age_text(m, b->here.rehearsed);

		(void)printf("              rehearsed here %s ago: %s\n", since, b->here.rehearsed_file);
	}
}

static void json_words(struct json_object *o, const char *key, const char *words)
{
	json_text(o, key, words && words[0] ? words : NULL);
}

void status_json_backups(struct json_object *o, const struct machine *m, const struct doctor_backups *b)
{
	json_words(o, "schedule", m->conf.backup_schedule);
	json_time(o, "newest", b->newest);
	json_text(o, "file", b->file);
	json_text(o, "member", b->member);
	json_time(o, "failing_since", b->here.failed);
	json_words(o, "failure", b->here.why);
	json_words(o, "command_failure", b->here.command_why);
	json_time(o, "rehearsed", b->here.rehearsed);
	json_words(o, "rehearsed_file", b->here.rehearsed_file);
	json_words(o, "rehearsal_failure", b->here.rehearsed_why);
}
