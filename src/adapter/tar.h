/* SPDX-License-Identifier: Apache-2.0
 *
 * A small tar archive in memory (POSIX.1-1988, ustar), for a few files of root that are carried elsewhere. Its buffer is wiped when it is released, as
 * what holds keys must be.
 */
#pragma once

#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"

#define TAR_NAME_MAX 99U

/* Appends a directory, or a file with these bytes. name has at most TAR_NAME_MAX bytes; a longer one ends the program. */
void tar_dir(struct buf *out, const char *name, mode_t mode, time_t mtime);
void tar_file(struct buf *out, const char *name, mode_t mode, time_t mtime, const struct buf *data);

/* The two empty blocks at the end. */
void tar_end(struct buf *out);
