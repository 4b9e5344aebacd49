/* SPDX-License-Identifier: Apache-2.0
 *
 * What the installed etcdutl (etcdctl of 3.4) does with a snapshot, run as user etcd.
 */
#pragma once

#include "config/machine.h"

/*
 * Checks the structure of the database in the open file and reads its newest revision. The file must be readable by the
 * group of user etcd; name is for messages. ERR_VERIFY: it is damaged. ERR_CONFIG: no release is installed.
 */
int tool_revision(const struct machine *m, int fd, const char *name, int64_t *revision, struct err *e) MUST_CHECK;

/* Restores the file `snapshot` into dir, which must not exist, as a cluster of one; both are in a place of etcd's. */
int tool_restore(const struct machine *m, const char *snapshot, const char *dir, struct err *e) MUST_CHECK;
