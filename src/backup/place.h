/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a backup goes, and whether there is room.
 */
#pragma once

#include "config/machine.h"

/*
 * BACKUP_DIR, made when it is the packaged one or below BACKUP_MOUNT; the caller frees. NULL (ERR_CONFIG) when
 * BACKUP_MOUNT is not mounted: not on another file system than the directory above it.
 */
char *place_dir(const struct machine *m, struct err *e);

/* ERR_FAIL when the file system of path has less room than that and a reserve for etcd. */
int place_check_room(const char *path, unsigned long long bytes, struct err *e) MUST_CHECK;

/* The lock of backups on this machine; as file_lock, without waiting. */
int place_lock(const struct machine *m, struct err *e) MUST_CHECK;
