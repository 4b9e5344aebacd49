/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/report.h"

#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define ARROW " -> "

void doctor_add(struct doctor_report *r, enum doctor_level level, enum err_class class, const char *fmt, ...)
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
	r->list = xrealloc(r->list, r->n + 1, sizeof(*r->list));
	r->list[r->n++] = (struct doctor_finding){ .level = level,
						   .class = class,
						   .what = xstrndup(text, (size_t)length),
						   .fix = xstrdup(arrow ? text + length + strlen(ARROW) : "") };
}

void doctor_error(struct doctor_report *r, const struct err *e)
{
	doctor_bad(r, e->class, "%s -> %s", e->msg, e->hint);
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
		return err_hint(e, "%s", f->fix);
	}
	return 0;
}
