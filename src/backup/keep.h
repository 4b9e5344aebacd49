/* SPDX-License-Identifier: Apache-2.0
 *
 * Which backups stay (BACKUP_KEEP).
 */
#pragma once

#include "backup/meta.h"

/*
 * The rule, for a list with the newest first: `count` good ones stay, none that is older than `days` (0: whatever their
 * age), and always the newest good one. drop[i] is set for those to remove.
 */
void keep_rule(const struct backup_list *l, unsigned int count, unsigned int days, time_t now, bool *drop);

/*
 * Removes those, and what killed runs of this machine have left. Only files with metadata of this cluster. 1 removed
 * some, 0, -1.
 */
int keep_apply(const struct machine *m, uint64_t cluster_id, struct err *e) MUST_CHECK;
