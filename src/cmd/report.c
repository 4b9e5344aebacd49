/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/report.h"

#include <stdio.h>
#include <string.h>

#include "adapter/json.h"

void report_print(const struct doctor_report *r, enum doctor_level least, const char *before)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->list[i];

		if (f->level < least)
			continue;
		(void)printf("%s%-4s  %s\n", before, doctor_level_name(f->level), f->what);
		before = "";
		if (f->fix[0])
			(void)printf("      -> %s\n", f->fix);
	}
}

void report_json(const struct doctor_report *r, enum doctor_level least, struct json_object *array)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->list[i];
		struct json_object *o;

		if (f->level < least)
			continue;
		o = json_object_in(array, NULL);
		json_text(o, "level", doctor_level_name(f->level));
		json_text(o, "what", f->what);
		json_text(o, "fix", f->fix[0] ? f->fix : NULL);
	}
}

int report_verdict(const struct doctor_report *r, int rc, struct err *e)
{
	for (size_t i = 0; rc < 0 && i < r->n; i++) {
		if (strcmp(r->list[i].what, e->msg) == 0) {
			rc = (int)e->class;
			err_clear(e);
		}
	}
	return rc;
}
