/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a small tar archive (libarchive; POSIX.1-1988, ustar) into memory, for a few files of root that are carried
 * elsewhere. libarchive keeps no copy of the data, which may be keys; `out` is wiped when it is released. Running out
 * of memory, or a name beyond 99 bytes, ends the program.
 */
#pragma once

#include <sys/types.h>
#include <time.h>

#include "base/buf.h"

struct archive;

/* The caller closes it. */
struct archive *tar_open(struct buf *out);
/* Appends a file with these bytes; data NULL: a directory. Its owner is root. */
void tar_add(struct archive *a, const char *name, mode_t mode, time_t mtime, const struct buf *data);
void tar_close(struct archive *a);
