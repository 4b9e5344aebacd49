/* SPDX-License-Identifier: Apache-2.0
 *
 * Printing what `check` and `status` both show.
 */
#pragma once

#include "doctor/report.h"

struct json_object;

/* Each finding of at least this level, and below it the command that fixes it; `before` comes before the first one. */
void report_print(const struct doctor_report *r, enum doctor_level least, const char *before);

/* Appends the findings to an array: {"level", "what", "fix"}; fix is null when there is none. */
void report_json(const struct doctor_report *r, enum doctor_level least, struct json_object *array);

/*
 * The exit code after report_print: a verdict (-1 with e) that is one of the findings was printed with them, so only
 * its class is returned and e is empty. Any other rc is returned as it is.
 */
int report_verdict(const struct doctor_report *r, int rc, struct err *e) MUST_CHECK;
