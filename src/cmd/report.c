/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/report.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

size_t report_print(const struct doctor_report *r, enum doctor_level least)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->list[i];

		if (f->level < least)
			continue;
		(void)printf("%-4s  %s\n", doctor_level_name(f->level), f->what);
		if (f->fix[0])
			(void)printf("      -> %s\n", f->fix);
		n++;
	}
	return n;
}

void report_json_string(const char *text)
{
	auto_free char *quoted = text ? text_json(text) : xstrdup("null");

	(void)fputs(quoted, stdout);
}

void report_json(const struct doctor_report *r, enum doctor_level least)
{
	const char *comma = "";

	(void)putchar('[');
	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->list[i];

		if (f->level < least)
			continue;
		(void)printf("%s{\"level\":\"%s\",\"what\":", comma, doctor_level_name(f->level));
		report_json_string(f->what);
		(void)fputs(",\"fix\":", stdout);
		report_json_string(f->fix[0] ? f->fix : NULL);
		(void)putchar('}');
		comma = ",";
	}
	(void)putchar(']');
}
