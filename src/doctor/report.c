/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/report.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

#define ARROW " -> "

void doctor_add(struct doctor_report *r, enum doctor_level level, enum err_class class, const char *code,
		const char *fmt, ...)
{
	const char *arrow = strstr(fmt, ARROW);
	auto_free char *sentence = xstrndup(fmt, arrow ? (size_t)(arrow - fmt) : strlen(fmt)), *text = NULL;
	int length, all;
	va_list ap;

	va_start(ap, fmt);
	length = vsnprintf(NULL, 0, sentence, ap);
	va_end(ap);
	va_start(ap, fmt);
	all = vasprintf(&text, fmt, ap);
	va_end(ap);
	must(length >= 0 && all >= length);
	text_printable(text);
	for (size_t i = 0; i < r->n; i++)
		if (strncmp(r->list[i].what, text, (size_t)length) == 0 && !r->list[i].what[length])
			return;
	r->list = xrealloc(r->list, r->n + 1, sizeof(*r->list));
	r->list[r->n++] = (struct doctor_finding){ .level = level,
						   .class = class,
						   .code = code,
						   .what = xstrndup(text, (size_t)length),
						   .fix = xstrdup(arrow ? text + length + strlen(ARROW) : "") };
}

static void finding_free(struct doctor_finding *f)
{
	free(f->what);
	free(f->fix);
}

void doctor_supersede(struct doctor_report *r, const char *what)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (r->list[i].level == DOCTOR_WARN && text_ends(r->list[i].what, what))
			finding_free(&r->list[i]);
		else
			r->list[kept++] = r->list[i];
	}
	r->n = kept;
}

void doctor_error(struct doctor_report *r, const char *code, const struct err *e)
{
	if ((e->sys == EACCES || e->sys == EPERM) && geteuid() != 0)
		doctor_warn(r, DOCTOR_NOT_ROOT, "%s; only root sees it -> sudo etcd-cluster check", e->msg);
	else
		doctor_bad(r, e->class, code, "%s -> %s", e->msg, e->hint);
}

/* What stops everything comes before what follows from it. */
static size_t rank(const struct doctor_finding *f)
{
	static const char *const first[] = { "conf_broken", "space_low",       "clock_wrong",
					     "no_quorum",   "alarm_corrupt",   "alarm_nospace",
					     "data_older",  "machine_changed", "data_unfit" };

	return (size_t)(DOCTOR_BAD - f->level) * (ARRAY_LEN(first) + 1) + text_index(f->code, first, ARRAY_LEN(first));
}

void doctor_sort(struct doctor_report *r)
{
	for (size_t i = 1; i < r->n; i++) {
		struct doctor_finding f = r->list[i];
		size_t at = i;

		for (; at > 0 && rank(&r->list[at - 1]) > rank(&f); at--)
			r->list[at] = r->list[at - 1];
		r->list[at] = f;
	}
}

void doctor_report_free(struct doctor_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		finding_free(&r->list[i]);
	free(r->list);
	*r = (struct doctor_report){ 0 };
}

const char *doctor_level_name(enum doctor_level level)
{
	static const char *const names[] = { [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_BAD] = "bad" };

	return names[level];
}

int doctor_verdict(const struct doctor_report *r, struct err *e)
{
	const struct doctor_finding *worst = NULL;

	for (size_t i = 0; i < r->n; i++)
		if ((r->list[i].level == DOCTOR_BAD || r->list[i].class == ERR_HEALTH) &&
		    (!worst || r->list[i].level > worst->level))
			worst = &r->list[i];
	if (!worst)
		return 0;
	(void)err_set(e, r->running ? ERR_HEALTH : worst->class, "%s", worst->what);
	return err_hint(e, "%s", worst->fix);
}
