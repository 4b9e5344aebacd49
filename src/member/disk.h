/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk-id: 128 random bits beside the data, in DATA_DIR/member and in WAL_DIR. It is never in an image, and it is
 * lost with the data: a machine that has another one than the forming record names lost what it may have promised.
 */
#pragma once

#include "config/machine.h"

#define DISK_ID_HEX 33 /* 32 lower-case hex digits and their end */

/* 1: every place has the same one, now in id. 0: one has none or another, and id is "". -1: it cannot be read. */
int disk_read(const struct machine *m, char id[DISK_ID_HEX], struct err *e) MUST_CHECK;

/*
 * disk_read; makes a new one where there is none. 1 made, 0 it was there, -1. In a dry run id stays "". DATA_DIR and
 * WAL_DIR must exist (datadir_prepare), and no etcd may have run there: a member without the id of its disk is lost.
 */
int disk_ensure(const struct machine *m, char id[DISK_ID_HEX], struct err *e) MUST_CHECK;

/* Puts this id into a directory that becomes DATA_DIR/member; nothing is synced. */
int disk_stage(const struct machine *m, const char *member, const char *id, struct err *e) MUST_CHECK;

bool disk_is_id(const char *id);

/* A new random one; a nonce has the same form. */
void disk_new_id(char id[DISK_ID_HEX]);
