/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/probe.h"
#include "base/mem.h"
#include "base/text.h"
#include "doctor/parts.h"
#include "member/identity.h"

#define SURVEY_MS 2000

struct check_finding *check_add(struct check_report *r, enum check_level level, enum err_class class, const char *fmt,
				...)
{
	struct check_finding *f;
	char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = xstrdup(fmt);
	va_end(ap);
	text_printable(what);
	r->list = xrealloc(r->list, r->n + 1, sizeof(*r->list));
	f = &r->list[r->n++];
	*f = (struct check_finding){ .level = level, .class = class, .what = what, .fix = xstrdup("") };
	return f;
}

void check_fix(struct check_finding *f, const char *fmt, ...)
{
	char *fix = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&fix, fmt, ap) < 0)
		fix = xstrdup(fmt);
	va_end(ap);
	text_printable(fix);
	free(f->fix);
	f->fix = fix;
}

void check_error(struct check_report *r, const struct err *e)
{
	check_fix(check_bad(r, e->class, "%s", e->msg), "%s", e->hint);
}

void check_report_free(struct check_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->list[i].what);
		free(r->list[i].fix);
	}
	free(r->list);
	*r = (struct check_report){ 0 };
}

const char *check_level_name(enum check_level level)
{
	static const char *const names[] = { [CHECK_OK] = "ok", [CHECK_WARN] = "warn", [CHECK_BAD] = "bad" };

	return names[level];
}

int check_verdict(const struct check_report *r, struct err *e)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct check_finding *f = &r->list[i];

		if (f->level != CHECK_BAD)
			continue;
		(void)err_set(e, r->running ? ERR_HEALTH : f->class, "%s", f->what);
		return f->fix[0] ? err_hint(e, "%s", f->fix) : -1;
	}
	return 0;
}

void check_start(const struct machine *m, struct check_report *r)
{
	check_release(m, r);
	check_pki(m, r);
	check_data(m, r);
}

int check_before_start(const struct machine *m, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	struct check_report r = { 0 };
	int rc;

	check_ports(m, probe_etcd(data, NULL), &r);
	check_space(m, &r);
	rc = check_verdict(&r, e);
	check_report_free(&r);
	return rc;
}

/* etcd does not run. That is as it should be before the first setup, and a fault after it. */
static void check_stopped(const struct machine *m, struct check_report *r)
{
	struct identity id = { 0 };
	struct err e = { 0 };
	int known = identity_read(m, &id, &e);

	identity_free(&id);
	if (known < 0)
		check_error(r, &e);
	else if (known == 0)
		check_fix(check_warn(r, "etcd does not run, and has not been healthy here yet"), "etcd-cluster setup");
	else
		check_fix(check_bad(r, ERR_HEALTH, "etcd does not run"),
			  "systemctl start etcd; if it does not stay up: journalctl -u etcd -n 50");
}

static bool answers_here(const struct member_survey *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].here && s->list[i].answers)
			return true;
	}
	return false;
}

void check_all(const struct machine *m, struct check_report *r)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	struct member_survey survey = { 0 };
	struct err e = { 0 };
	pid_t pid;
	size_t doors = 0;
	int asked;

	if (m->conf.role == ROLE_NONE) {
		check_ok(r, "ROLE=none: etcd-cluster is installed and idle");
		return;
	}
	pid = probe_etcd(data, NULL);
	asked = member_survey(m, SURVEY_MS, &survey, &e);
	/* In a container root may not see whose files are open; an answer is proof enough. */
	if (pid == 0 && answers_here(&survey))
		pid = PROBE_PID_UNKNOWN;
	r->running = pid != 0;
	check_start(m, r);
	check_files(m, r);
	check_ports(m, pid, r);
	check_space(m, r);
	check_host(m, r);
	check_peers(m, &survey, &doors, r);
	check_ca(m, &survey, doors, r);
	if (!r->running)
		check_stopped(m, r);
	if (pid > 0)
		check_process(m, pid, r);
	if (r->running && asked < 0)
		check_error(r, &e);
	else if (asked == 0 && (r->running || survey.agreed))
		check_members(m, &survey, r);
	member_survey_free(&survey);
}
