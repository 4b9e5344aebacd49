/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes a few named files out of a .tar.gz (libarchive, read side only, gzip and tar only), into descriptors that are
 * open already. No name, mode, owner, link or time of the archive ever reaches the file system.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Larger archives are refused. Upstream's have 60 MiB in 20 entries (3.6), in up to 200 with the documents of 3.4. */
#define UNPACK_FILE_MAX	   (256ULL << 20) /* bytes of one wanted file */
#define UNPACK_TOTAL_MAX   (512ULL << 20) /* bytes of the whole archive, unpacked */
#define UNPACK_RATIO_MAX   100		  /* unpacked bytes for one packed; compiled programs reach about 4 */
#define UNPACK_SMALL	   (1ULL << 20)	  /* up to here the ratio does not matter */
#define UNPACK_ENTRIES_MAX 1024
#define UNPACK_DEPTH_MAX   8 /* directories in a name; the documents of 3.4 reach 4 */

struct unpack_file {
	const char *name; /* in the archive: below `top`, without a slash */
	int fd;		  /* an empty file, open for writing; it stays empty when the archive has no such file */
	bool required;
};

#define UNPACK_FILES_MAX 4

struct unpack {
	int fd;		 /* the archive, a regular file, read from its offset, which must be its start */
	const char *top; /* the one directory that everything in it must be below */
	const struct unpack_file *files;
	size_t n_files; /* at most UNPACK_FILES_MAX */
};

/*
 * Reads the archive to its last byte. ERR_VERIFY is anything unusual: links, devices, special mode bits, extended
 * attributes, holes, a wanted file that is empty or there twice, a name that is not plain or not below `top`, more than
 * the limits above, another compression, a second one, bytes behind the end. After a failure the descriptors may hold
 * part of a file, and the caller throws them away.
 */
int unpack(const struct unpack *u, struct err *e) MUST_CHECK;
