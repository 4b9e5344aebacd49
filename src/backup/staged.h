/* SPDX-License-Identifier: Apache-2.0
 *
 * A backup, copied to where user etcd's tools can read it, and checked on the way.
 */
#pragma once

#include "backup/verify.h"

/*
 * ERR_CONFIG when the installed release is of an older minor version than the one that made the backup: it cannot read
 * what a newer one has written.
 */
int staged_check_version(const struct machine *m, const struct backup_meta *b, struct err *e) MUST_CHECK;

/*
 * verify_file into copy, a new file in the directory stage, which is made; then checks the structure of the database,
 * and that its revision is the one in FILE.json. There must be room for two of it. A failure leaves what it wrote: the
 * caller removes the stage.
 */
int staged_copy(const struct machine *m, const char *stage, const char *file, const char *copy, struct verified *v,
		int64_t *revision, struct err *e) MUST_CHECK;
