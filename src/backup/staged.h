/* SPDX-License-Identifier: Apache-2.0
 *
 * A backup, copied to where user etcd's tools can read it, and checked on the way.
 */
#pragma once

#include "backup/verify.h"

/*
 * verify_file into copy, a new file in the directory stage, which is made; then checks the structure of the database,
 * and that its revision is the one in FILE.json. There must be room for two of it. ERR_CONFIG: a newer minor version
 * of etcd than the installed one has written it; FILE.json shows that, and the database itself where etcd 3.6 or later
 * is installed. A failure leaves what it wrote: the caller removes the stage.
 */
int staged_copy(const struct machine *m, const char *stage, const char *file, const char *copy, struct verified *v,
		int64_t *revision, struct err *e) MUST_CHECK;
