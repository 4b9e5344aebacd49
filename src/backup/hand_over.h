/* SPDX-License-Identifier: Apache-2.0
 *
 * BACKUP_COMMAND: what each finished backup is handed to.
 */
#pragma once

#include "config/machine.h"

/*
 * The command of cluster.conf, its words at blanks; {name} in them becomes the file's name. The caller frees (a strv).
 */
char **hand_over_command(const struct machine *m, const char *file);

/*
 * Hands over every backup of this machine that waits for it, the oldest first: the command runs as BACKUP_USER, with
 * the file as its stdin. One that fails is tried again by the next call. 1 all are handed over, 0 none waited, -1.
 */
int hand_over_all(const struct machine *m, uint64_t cluster_id, struct err *e) MUST_CHECK;
