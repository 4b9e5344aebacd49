/* SPDX-License-Identifier: Apache-2.0
 *
 * What status.c shares with the two forms of its output.
 */
#pragma once

#include "base/progress.h"
#include "doctor/examine.h"

struct json_object;

/* For programs. */
void status_json(const struct machine *m, const struct doctor_exam *s);
/* Each finding of at least this level as an object in an array. */
void status_json_report(const struct doctor_report *r, enum doctor_level least, struct json_object *array);

/* For people. */
void status_text(const struct machine *m, const struct doctor_exam *s);
/* Each finding of at least this level, and below it the command that fixes it; `before` comes before the first one. */
void status_text_report(const struct doctor_report *r, enum doctor_level least, const char *before);

/* "pending", or "interrupted" for a setup that was killed. */
const char *status_setup(const struct doctor_exam *s);
/* Seconds until setup tries again, rounded up; -1 while it works, or does not. */
long long status_next_try(const struct doctor_exam *s);
/* The download of a setup that works; false: there is none. */
bool status_progress(const struct machine *m, const struct doctor_exam *s, struct progress *p);
long long status_percent(const struct machine *m, const struct member *one);

/* How far it has come in joining a cluster, for programs and for people. */
struct status_joining {
	const char *name, *text;
};
const struct status_joining *status_joining(const struct doctor_exam *s);
