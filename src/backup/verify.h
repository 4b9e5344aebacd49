/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a backup is whole.
 */
#pragma once

#include "backup/meta.h"

struct verified {
	bool has_meta; /* FILE.json was there, and all of it agrees */
	struct backup_meta meta;
	unsigned long long size; /* of the snapshot, not compressed */
};

/*
 * Reads the file: its size and SHA-256 must be those of FILE.json, if that is there, and the snapshot in it must end
 * with its SHA-256. A compressed one (.zst) is unpacked by a child without privileges. copy: -1, or an empty file that
 * gets the snapshot. ERR_VERIFY: it is not as it was made. The caller frees v->meta, also after a failure.
 */
int verify_file(const char *file, int copy, struct verified *v, struct err *e) MUST_CHECK;
