/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes a snapshot of the cluster from one member. Memory does not grow with its size.
 */
#pragma once

#include "backup/meta.h"
#include "cluster/health.h"

/* The member that gives it: this machine's if it is a healthy voter, else the first one. ERR_HEALTH: there is none. */
const struct member *take_source(const struct member_survey *s, struct err *e);

/*
 * Takes it: FILE.part, then FILE.json and FILE. All that was acknowledged before the call is in it. Its SHA-256 and the
 * structure of its database are checked. file: an absolute path that must not exist, compressed when it ends in .zst;
 * NULL: BACKUP_DIR/etcd-CLUSTERID-REVISION-TIME.db, with BACKUP_COMPRESS=zstd and .zst behind it. Mode 0600. Fills
 * made, which the caller frees. A failure leaves nothing; what a kill leaves, the next call for it removes.
 */
int take_run(const struct machine *m, const struct member_survey *s, const struct member *from, const char *file,
	     struct backup_meta *made, struct err *e) MUST_CHECK;
