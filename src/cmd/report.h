/* SPDX-License-Identifier: Apache-2.0
 *
 * Printing what `check` and `status` both show.
 */
#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include "doctor/report.h"

/* One line for each finding of at least this level, and below it the command that fixes it. Returns how many. */
size_t report_print(const struct doctor_report *r, enum doctor_level least);

/* A JSON array of {"level", "what", "fix"}; fix is null when there is none. No newline at the end. */
void report_json(const struct doctor_report *r, enum doctor_level least);

/* "text" with JSON quotes, or null. */
void report_json_string(const char *text);

#endif
