/* SPDX-License-Identifier: Apache-2.0
 *
 * The data directory: whose data is in it, and may etcd be started on it. Everything is read from the files, so etcd
 * need not run.
 */
#pragma once

#include "adapter/wal.h"
#include "config/machine.h"
#include "member/identity.h"

/*
 * Whose data is in DATA_DIR and WAL_DIR: 1 and its IDs; 0 there is no write-ahead log, so etcd would start empty; -1.
 * ERR_CONFIG: files that are not etcd's, data without its log, or a log where cluster.conf no longer has it. ERR_FAIL:
 * it cannot be read, or the log is damaged.
 */
int datadir_look(const struct machine *m, uint64_t *cluster_id, uint64_t *member_id, struct err *e) MUST_CHECK;

/*
 * Which member this machine is or was: by member-id, else by its data (then id->name is NAME). 1, 0 none, -1. The
 * caller frees id.
 */
int datadir_whose(const struct machine *m, struct identity *id, struct err *e) MUST_CHECK;

/*
 * May etcd be started here? Yes when the data is that of member-id. Without member-id (a setup that was killed), yes
 * when there is no data yet, or the data is that of the cluster which cluster.conf forms or of the member that was just
 * added. Else ERR_CONFIG with the command that fixes it. Changes nothing.
 */
int datadir_check(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * The same for the last look before etcd starts: without data only the member of a committed record, on the disk that
 * it names, or one that was added to its cluster.
 */
int datadir_may_start(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * The IDs in a cluster that was formed from cluster.conf before there were records (member/forming.h). False for
 * ROLE=join: a running cluster gives that member its ID.
 */
bool datadir_own_ids(const struct config *c, struct wal_ids *ids);

/*
 * Makes DATA_DIR and WAL_DIR, 0700 etcd:etcd, and fixes owner and mode of the two directories themselves (never of what
 * is in them). 1 changed (with m->dry_run: would be), 0 nothing to do.
 */
int datadir_prepare(const struct machine *m, struct err *e) MUST_CHECK;
