/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

/* Formatted, and safe to print. */
static char *sentence(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = xstrdup(fmt);
	text_printable(text);
	return text;
}

struct doctor_finding *doctor_add(struct doctor_report *r, enum doctor_level level, enum err_class class,
				  const char *fmt, ...)
{
	struct doctor_finding *f;
	va_list ap;
	char *what;

	va_start(ap, fmt);
	what = sentence(fmt, ap);
	va_end(ap);
	r->list = xrealloc(r->list, r->n + 1, sizeof(*r->list));
	f = &r->list[r->n++];
	*f = (struct doctor_finding){ .level = level, .class = class, .what = what, .fix = xstrdup("") };
	return f;
}

void doctor_fix(struct doctor_finding *f, const char *fmt, ...)
{
	va_list ap;

	free(f->fix);
	va_start(ap, fmt);
	f->fix = sentence(fmt, ap);
	va_end(ap);
}

void doctor_error(struct doctor_report *r, const struct err *e)
{
	doctor_fix(doctor_bad(r, e->class, "%s", e->msg), "%s", e->hint);
}

void doctor_report_free(struct doctor_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->list[i].what);
		free(r->list[i].fix);
	}
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
	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->list[i];

		if (f->level != DOCTOR_BAD)
			continue;
		(void)err_set(e, r->running ? ERR_HEALTH : f->class, "%s", f->what);
		return f->fix[0] ? err_hint(e, "%s", f->fix) : -1;
	}
	return 0;
}
