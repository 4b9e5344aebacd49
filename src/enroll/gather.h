/* SPDX-License-Identifier: Apache-2.0
 *
 * The enrolment server of the first of MEMBERS while the cluster is formed: takes the reports of the others, and
 * answers with what setup on this machine has recorded. It decides nothing and writes no record.
 */
#pragma once

#include "enroll/report.h"

/*
 * Keeps the report of a machine at `source`, and appends the answer: at once when it is new to that machine, else when
 * it becomes so, or after GATHER_MS.
 */
#define GATHER_MS 2000
int gather_answer(const struct machine *m, const struct report *r, const char *source, struct buf *answer,
		  struct err *e) MUST_CHECK;

/* True when the record of this machine names the disk that this name reported from this source, and no other did. */
bool gather_admits(const struct machine *m, const char *name, const char *source);
