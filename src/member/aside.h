/* SPDX-License-Identifier: Apache-2.0
 *
 * Data is moved aside instead of deleted, and copied before it is changed for good: to a name beside the old one, with
 * the date in it.
 */
#pragma once

#include "base/proc.h"
#include "config/machine.h"

/* "PATH.aside-20261121-101500" (UTC), with "-2" and so on behind it while that is taken. The caller frees. */
char *aside_name(const struct machine *m, const char *path);

/* Renames path to that and logs it. 1 moved (with m->dry_run: would be), 0 there is nothing, -1. */
int aside_move(const struct machine *m, const char *path, struct err *e) MUST_CHECK;

/*
 * The directories that hold the data: DATA_DIR/member, and WAL_DIR/wal when WAL_DIR is set. The log comes last: while
 * it is there, datadir_look finds a member. A strv that the caller frees.
 */
char **aside_parts(const struct machine *m);

/*
 * Moves these aside; DATA_DIR and WAL_DIR themselves stay, for they may be mount points. etcd must not run. Killed
 * between the two, it is called again. 1, 0, -1 as above.
 */
int aside_data(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Gives the membership up: moves the data, joining, forming, recovered, etcd.env and the certificates if asked, and
 * member-id last: while it is there, a run that was killed goes on. etcd must not run. 0, -1.
 */
int aside_membership(const struct machine *m, bool env, bool certificates, struct err *e) MUST_CHECK;

/* True when etcd has written anything into these directories: the disk-id alone is no data. */
bool aside_has_data(const struct machine *m);

/*
 * Is there room beside the parts for a recovery: a copy, and a database restored from it? ERR_CONFIG with the numbers
 * when there is not. Changes nothing.
 */
int aside_check_room(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Runs a tool on path as user etcd, so that no symlink planted in its directory leads root elsewhere; it dies with us.
 * An exit code that is not 0 is an error: "cannot WHAT PATH: the first line that it printed". run: argv, timeout, out.
 */
int aside_as_etcd(const struct machine *m, const char *what, const char *path, struct proc_run run,
		  struct err *e) MUST_CHECK;

/* cp --archive by that; nothing is synced. */
int aside_copy(const struct machine *m, const char *from, const char *to, struct err *e) MUST_CHECK;
