/* SPDX-License-Identifier: Apache-2.0
 *
 * status and check for people: what is wrong first, then the members. At most page_width() columns.
 */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cmd/page.h"
#include "cmd/status.h"
#include "cmd/status_backup.h"
#include "config/key.h"
#include "pki/check.h"

#define KEY_WIDTH 14 /* "certificates  " */

static const enum page_colour level_colours[] = {
	[DOCTOR_OK] = PAGE_GREEN, [DOCTOR_WARN] = PAGE_YELLOW, [DOCTOR_BAD] = PAGE_RED
};

/* text in this colour, padded to n columns. */
static void painted(enum page_colour colour, int n, const char *text)
{
	const char *begin = page_colour(colour);

	(void)printf("%s%s%s%*s", begin, text, *begin ? page_colour(PAGE_PLAIN) : "",
		     n > (int)strlen(text) ? n - (int)strlen(text) : 0, "");
}

/* The rest of a line that begins with this many columns. */
static void rest(int column, const char *text)
{
	struct page p = { .to = stdout, .column = column, .indent = column, .width = page_width() };

	page_text(&p, text);
}

void status_text_report(const struct doctor_report *r, enum doctor_level least, const char *before)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->list[i];

		if (f->level < least)
			continue;
		(void)fputs(before, stdout);
		before = "";
		painted(level_colours[f->level], 6, doctor_level_name(f->level));
		rest(6, f->what);
		if (f->fix[0])
			page_entry(stdout, 9, "      -> ", f->fix);
	}
}

static char *size_text(long long bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= 1024 && i + 1 < ARRAY_LEN(units); i++)
		n /= 1024;
	return xasprintf(n < 10 && i > 0 && n != (double)(long long)n ? "%.1f %s" : "%.0f %s", n, units[i]);
}

static void print_setup(const struct machine *m, const struct doctor_exam *s)
{
	const struct outcome *o = &s->outcome;
	const bool has_step = o->step[0], has_why = o->message[0];
	const long long next = status_next_try(s);
	auto_free char *line = xasprintf("%s%s%s%s%s", status_setup(s), has_step || has_why ? ": " : "", o->step,
					 has_step && has_why ? "; before: " : "", o->message);
	struct progress p;

	page_entry(stdout, KEY_WIDTH, "setup", line);
	if (status_progress(m, s, &p)) {
		auto_free char *text = progress_text(&p);

		page_entry(stdout, KEY_WIDTH, "", text);
	}
	if (o->hint[0])
		page_entry(stdout, KEY_WIDTH + 3, "              -> ", o->hint);
	if (next > 0)
		(void)printf("              tries again by itself in %lld s\n", next);
	else if (next == 0)
		(void)puts("              tries again by itself in a moment");
}

static void print_certificates(const struct machine *m, const struct doctor_exam *s)
{
	auto_buf struct buf line = { 0 };

	for (const struct pki_entry *c = s->certs; c && c < s->certs + PKI_ENTRIES; c++)
		if (c->present)
			buf_printf(&line, "%s%s %lld days", line.len ? ", " : "", c->name,
				   pki_days_left(m, c->info.not_after));
	if (s->certs)
		page_entry(stdout, KEY_WIDTH, "certificates", line.len ? buf_str(&line) : "none");
}

static void print_machine(const struct machine *m, const struct doctor_exam *s)
{
	struct member_votes votes = member_count_votes(&s->survey);
	auto_free char *who =
		xasprintf("%s, ROLE=%s, %s", m->conf.name, config_role_name(m->conf.role), m->conf.address);

	page_entry(stdout, KEY_WIDTH, "machine", who);
	if (s->has_outcome)
		print_setup(m, s);
	if (s->joins)
		page_entry(stdout, KEY_WIDTH, "joining", status_joining(s)->text);
	(void)printf("release       %s running, %s installed",
		     s->here && s->here->answers ? s->here->status.version : "none",
		     s->has_release ? s->release.name : "none");
	if (m->conf.release_given)
		(void)printf(", %s wanted", m->conf.release);
	(void)putchar('\n');
	if (votes.all > 0)
		(void)printf("cluster       " ID_FMT ", %zu of %zu voting members healthy, %zu needed\n",
			     s->survey.cluster_id, votes.healthy, votes.all, votes.quorum);
	print_certificates(m, s);
}

static void print_ca_host(const struct doctor_exam *s)
{
	auto_free char *who = ca_host_words(&s->active.host), *line = NULL;

	if (!s->has_ca || s->active.state == ENROLL_OPEN)
		return;
	line = s->active.state == ENROLL_CLAIMED ? xstrdup("this machine; etcd learns it when there is a quorum")
						 : xasprintf("%s; this machine is a standby", who);
	page_entry(stdout, KEY_WIDTH, "CA host", line);
	if (s->active.state != ENROLL_CLAIMED)
		(void)puts("              -> to make this machine the CA host: etcd-cluster ca takeover");
}

/* --- The table of members. */

enum { NAME, ID, ENDPOINT, HEALTH, ROLE, RELEASE, DB, LAG, DAYS, COLUMNS };

struct row {
	char *cell[COLUMNS];
	enum page_colour colour; /* of its health */
};

static void fill(const struct machine *m, const struct doctor_exam *s, const struct member *one, struct row *row)
{
	auto_free char *used = size_text((long long)one->status.db_size);
	const bool there = one->answers;

	row->colour = one->healthy ? PAGE_GREEN : PAGE_RED;
	row->cell[NAME] = xstrdup(one->name[0] ? one->name : "-");
	row->cell[ID] = xasprintf(ID_FMT, one->id);
	row->cell[ENDPOINT] = xstrdup(one->url[0] ? one->url : "-");
	row->cell[HEALTH] = xstrdup(doctor_member_health(s, one));
	row->cell[ROLE] = xstrdup(doctor_member_role(s, one));
	row->cell[RELEASE] = xstrdup(there ? one->status.version : "-");
	row->cell[DB] = there ? xasprintf("%s, %lld %%", used, status_percent(m, one)) : xstrdup("-");
	row->cell[LAG] = there ? xasprintf("%" PRIu64, doctor_member_lag(&s->survey, one)) : xstrdup("-");
	row->cell[DAYS] = one->cert_end ? xasprintf("%lld", pki_days_left(m, one->cert_end)) : xstrdup("-");
}

/* Columns that are in the way of the width get a line of their own. */
static void print_row(const struct row *row, const int width[COLUMNS], const bool apart[COLUMNS])
{
	if (apart[NAME])
		(void)printf("%s\n", row->cell[NAME]);
	for (int c = apart[NAME] ? ID : NAME; c < DAYS; c++)
		if (!apart[c])
			painted(c == HEALTH ? row->colour : PAGE_PLAIN, width[c] + 2, row->cell[c]);
	(void)printf("%s\n", row->cell[DAYS]);
	if (apart[ENDPOINT])
		(void)printf("  %s\n", row->cell[ENDPOINT]);
}

static void print_members(const struct machine *m, const struct doctor_exam *s)
{
	static const char *const heads[COLUMNS] = { "NAME",    "ID", "ENDPOINT", "HEALTH", "ROLE",
						    "VERSION", "DB", "LAG",	 "DAYS" };
	struct row *rows = xcalloc(s->survey.n + 1, sizeof(*rows));
	int width[COLUMNS] = { 0 }, all = -2;
	bool apart[COLUMNS] = { false };

	for (size_t i = 0; i < s->survey.n; i++)
		fill(m, s, &s->survey.list[i], &rows[i + 1]);
	for (int c = 0; c < COLUMNS; c++) {
		rows[0].cell[c] = xstrdup(heads[c]);
		for (size_t i = 0; i <= s->survey.n; i++)
			if ((int)strlen(rows[i].cell[c]) > width[c])
				width[c] = (int)strlen(rows[i].cell[c]);
		all += width[c] + 2;
	}
	apart[ENDPOINT] = all > page_width();
	apart[NAME] = apart[ENDPOINT] && all - width[ENDPOINT] - 2 > page_width();
	for (size_t i = 0; s->survey.n > 0 && i <= s->survey.n; i++) {
		(void)fputs(i == 0 ? "\n" : "", stdout);
		print_row(&rows[i], width, apart);
	}
	for (size_t i = 0; i <= s->survey.n; i++)
		for (int c = 0; c < COLUMNS; c++)
			free(rows[i].cell[c]);
	free(rows);
}

/* --- What the CA host gave. */

/* A line for each machine and source: on which days it got certificates, the last one first. */
static void print_record(const struct enroll_record *r)
{
	for (size_t i = 0; i < r->visits.n;) {
		const char *source = r->visits.list[i].source;
		auto_free char *first = xasprintf("%-16s  %-23s  ", r->name, source);
		auto_buf struct buf days = { 0 };

		for (; i < r->visits.n && strcmp(r->visits.list[i].source, source) == 0; i++)
			buf_printf(&days, "%s%s", days.len ? ", " : "", clock_minute(r->visits.list[i].time).text);
		page_entry(stdout, 43, first, buf_str(&days));
	}
}

static void print_enrolled(const char *title, const struct enroll_records *all)
{
	bool first = true;

	for (const struct enroll_record *r = all->list; r < all->list + all->n; r++) {
		if (first && r->visits.n > 0)
			(void)printf("\n%-16s  %-23s  %s\n", title, "FROM", "CERTIFICATES GIVEN ON");
		first = first && r->visits.n == 0;
		print_record(r);
	}
}

void status_text(const struct machine *m, const struct doctor_exam *s)
{
	print_machine(m, s);
	print_ca_host(s);
	status_text_report(&s->report, DOCTOR_WARN, "\n");
	if (m->conf.role == ROLE_NONE && !file_exists(m->at.adopt)) {
		(void)puts("\netcd-cluster is installed and idle; to make this machine a member:");
		page_entry(stdout, 9, "      -> ",
			   "etcd-cluster init; or write ROLE into cluster.conf, then: etcd-cluster "
			   "setup");
		return;
	}
	if (s->backups.here.why)
		status_print_backups(m, &s->backups);
	print_members(m, s);
	print_enrolled("ENROLLED", &s->enrolled);
	print_enrolled("CLIENT", &s->clients);
}
