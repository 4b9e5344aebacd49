/* SPDX-License-Identifier: Apache-2.0
 *
 * The only code that creates, replaces or renames files. Everything it leaves behind is either the
 * old state or the new one, whatever kills the program or the disk in between.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"

/* Owner and mode of a file to be made. uid or gid (uid_t)-1 leaves that as the kernel sets it. */
struct file_mode {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* What the names of temporary files begin with. */
#define FILE_TEMP ".new-"

/* Owned by the user that runs the program. */
#define FILE_MODE(m) ((struct file_mode){ .mode = (m), .uid = (uid_t)-1, .gid = (gid_t)-1 })

/*
 * Makes `path` hold exactly these bytes: a new file ".new-<random>" beside it gets owner and mode, then the bytes, is
 * fsynced and renamed; the directory is fsynced. Removed on failure; file_sweep() removes what a kill left.
 */
int file_replace(const char *path, struct file_mode how, const void *data, size_t len, struct err *e) MUST_CHECK;

/* As file_replace without fsync: for a tree that nobody uses before file_sync_tree() makes it durable as a whole. */
int file_stage(const char *path, struct file_mode how, const void *data, size_t len, struct err *e) MUST_CHECK;

/* Gives a file or directory (no symlink) this owner and mode. 1 changed, 0 unchanged, -1. */
int file_set_mode(const char *path, struct file_mode how, struct err *e) MUST_CHECK;

/*
 * Makes a new empty file, open for reading and writing; fails when path exists, whatever it is. The caller fills it and
 * renames it with file_rename, or removes it.
 */
int file_create(const char *path, struct file_mode how, struct err *e) MUST_CHECK;

/*
 * The file `part` behind fd, which the caller has filled, is whole: gives it owner and mode, fsyncs it, renames it to
 * path and fsyncs the directory.
 */
int file_finish(int fd, const char *part, const char *path, struct file_mode how, struct err *e) MUST_CHECK;

/* Writes all of data to a descriptor that the caller opened. -1 with errno set when that failed half-way. */
int file_write_all(int fd, const char *data, size_t len) MUST_CHECK;

/* Appends the content of a regular file to out. More than max bytes is an error; e->sys is ENOENT for no file. */
int file_read(const char *path, size_t max, struct buf *out, struct err *e) MUST_CHECK;

/* The same for an open file, from its offset; path is only for messages. */
int file_read_fd(int fd, const char *path, size_t max, struct buf *out, struct err *e) MUST_CHECK;

/* True when path is there, whatever it is; a dangling symlink is. */
bool file_exists(const char *path);

/* True when path, following symlinks, is a directory. */
bool file_is_dir(const char *path);

/* mkdir -p; directories that are there already keep their mode and owner, new ones get `how`. */
int file_mkdirs(const char *path, struct file_mode how, struct err *e) MUST_CHECK;

/* Points the symlink at target by one rename, and fsyncs its directory. */
int file_replace_link(const char *path, const char *target, struct err *e) MUST_CHECK;

/* The target of the symlink, freed by the caller; NULL with e->sys set on failure. */
char *file_read_link(const char *path, struct err *e) MUST_CHECK;

/* rename(2) and fsync of both directories. Replaces a file; fails with EEXIST when `to` is a directory with content. */
int file_rename(const char *from, const char *to, struct err *e) MUST_CHECK;

/* Swaps two names in one step (RENAME_EXCHANGE), and fsyncs. e->sys is EINVAL where the file system cannot. */
int file_exchange(const char *a, const char *b, struct err *e) MUST_CHECK;

/* Removes a tree; directories without permission bits are opened up first, symlinks are not followed. */
int file_remove_tree(const char *path, struct err *e) MUST_CHECK;

/*
 * Copies the tree `from` into `to`: directories with the same owner and mode, everything else as a hard link. Skips
 * names that `to` has, and temporary files.
 */
int file_link_tree(const char *from, const char *to, struct err *e) MUST_CHECK;

/* Gives path and all below it this owner; symlinks are not followed. */
int file_own_tree(const char *path, uid_t uid, gid_t gid, struct err *e) MUST_CHECK;

/* fsyncs every file and directory below path, and path. */
int file_sync_tree(const char *path, struct err *e) MUST_CHECK;

/* fsyncs the directory that holds path. */
int file_sync_parent(const char *path, struct err *e) MUST_CHECK;

/* Removes the ".new-*" files that a killed file_replace left in the directory, as far as possible. */
void file_sweep(const char *dir);

/* ERR_VERIFY unless the file is regular, owned by root or by us, and writable by nobody else. */
int file_check_trusted(int fd, const char *path, struct err *e) MUST_CHECK;

/* The same for its directory and for the one above: who can write there can put another file in place of this one. */
int file_check_trusted_place(const char *path, struct err *e) MUST_CHECK;

/*
 * Opens a file that holds a secret: file_check_trusted, no symlink, and readable by nobody else (ERR_VERIFY). e->sys is
 * ENOENT for no file.
 */
int file_open_private(const char *path, struct err *e) MUST_CHECK;

/*
 * Overwrites a regular file (no symlink), fsyncs and removes it. 1 done, 0 no file, -1. Old blocks may survive on flash
 * and on file systems that write elsewhere (copy on write, a journal of data).
 */
int file_wipe(const char *path, struct err *e) MUST_CHECK;

/* The names in a directory (not . and ..) that `wanted` (NULL: all) accepts: a sorted strv, NULL for none or no dir. */
int file_list(const char *dir, bool (*wanted)(const char *name), char ***names, struct err *e) MUST_CHECK;

/* Bytes that an unprivileged user can still write to the file system of path (or its nearest ancestor that exists). */
int file_free_space(const char *path, unsigned long long *bytes, struct err *e) MUST_CHECK;

/* ERR_CONFIG when the file system of path (or of its nearest ancestor that exists) is mounted read-only or noexec. */
int file_check_programs(const char *path, struct err *e) MUST_CHECK;

/*
 * Takes an exclusive lock on the file path (made if missing; its directory must exist) and writes our process id to it.
 * Waits up to `seconds`, then fails (ERR_FAIL) naming the holder. Returns a descriptor; closing it releases the lock.
 */
int file_lock(const char *path, unsigned int seconds, struct err *e) MUST_CHECK;
