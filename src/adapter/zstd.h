/* SPDX-License-Identifier: Apache-2.0
 *
 * A file compressed with zstd, by libarchive, block by block: never more of it than a few blocks is in memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Writes what `from` has, from its offset on, to `to`, compressed. name is for messages. */
int zstd_pack(int from, int to, const char *name, struct err *e) MUST_CHECK;

/* Takes one block. On failure -1 with e filled. */
typedef int zstd_take(void *arg, const void *data, size_t len, struct err *e);

/*
 * Hands over what the file has, from its offset on, as it was before zstd_pack. ERR_VERIFY when it is not such a file,
 * or a damaged one.
 */
int zstd_unpack(int fd, zstd_take *take, void *arg, struct err *e) MUST_CHECK;
