/* SPDX-License-Identifier: Apache-2.0
 *
 * The records and tombstones of a CA host in a copy of its CA.
 */
#pragma once

#include "config/machine.h"

/*
 * All files as text. And takes such a text in: refused keys are added to those that are refused here, and a record that
 * is not here, or came later than the one here, is put here unless its key is refused. 1 changed, 0, -1 (ERR_VERIFY: it
 * is not such a text). *exported: when the text was made; 0: it does not say. Export takes the lock if there is
 * something to read.
 */
int enroll_records_export(const struct machine *m, struct buf *out, struct err *e) MUST_CHECK;
int enroll_records_import(const struct machine *m, const struct buf *text, time_t *exported, struct err *e) MUST_CHECK;
