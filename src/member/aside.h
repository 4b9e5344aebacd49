/* SPDX-License-Identifier: Apache-2.0
 *
 * Data is moved aside instead of deleted, and copied before it is changed for good: to a name beside the old one, with
 * the date in it.
 */
#pragma once

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
 * Gives the membership up: moves the data, joining, etcd.env and the certificates if asked, and member-id last: while
 * it is there, a run that was killed goes on. etcd must not run. 0, -1.
 */
int aside_membership(const struct machine *m, bool env, bool certificates, struct err *e) MUST_CHECK;

/* Is there room for it? ERR_CONFIG with the numbers when there is not. Changes nothing. */
int aside_copy_room(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Copies the parts beside them, under aside names, and makes that durable; etcd must not run. Works as user etcd, so
 * that no symlink planted in its directory leads root elsewhere. A copy gets its name when it is whole; what a killed
 * run left is removed first.
 */
int aside_copy(const struct machine *m, struct err *e) MUST_CHECK;
