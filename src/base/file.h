/* SPDX-License-Identifier: Apache-2.0
 *
 * The only code that creates, replaces or renames files. Everything it leaves behind is either the
 * old state or the new one, whatever kills the program or the disk in between.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Owner and mode of a file to be made. uid or gid (uid_t)-1 leaves that as the kernel sets it. */
struct file_mode {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* What the names of temporary files begin with. */
#define FILE_TEMP ".new-"

/* mode alone: owned by whoever runs the program. */
#define FILE_MODE(m) ((struct file_mode){ .mode = (m), .uid = (uid_t)-1, .gid = (gid_t)-1 })

/*
 * Makes `path` hold exactly these bytes: a random exclusive temporary beside it, owner and mode set
 * by descriptor before the first byte is written, written, fsynced, renamed, directory fsynced. The temporary's
 * name begins with ".new-" and is removed on every failure; file_sweep() removes what a kill left.
 */
int file_replace(const char *path, struct file_mode how, const void *data, size_t len, struct err *e) MUST_CHECK;

/* As file_replace, but without any fsync: for a tree that nobody uses yet and that file_sync_tree() then makes durable as a whole. */
int file_stage(const char *path, struct file_mode how, const void *data, size_t len, struct err *e) MUST_CHECK;

/* Gives a file or directory (no symlink) this owner and mode. 1 changed, 0 they were so already, -1. */
int file_set_mode(const char *path, struct file_mode how, struct err *e) MUST_CHECK;

/*
 * Makes a new empty file, open for reading and writing, for bytes that come later or from a child process. It must not be
 * there yet, whatever it is. The caller renames it with file_rename when it is whole, and removes what is not.
 */
int file_create(const char *path, struct file_mode how, struct err *e) MUST_CHECK;

/* Writes all of data to a descriptor that the caller opened. -1 with errno set when that failed half-way. */
int file_write_all(int fd, const char *data, size_t len) MUST_CHECK;

/*
 * Appends the content of a regular file to out. More than max bytes is an error. A file that is not there
 * is an error with e->sys == ENOENT.
 */
int file_read(const char *path, size_t max, struct buf *out, struct err *e) MUST_CHECK;

/* The same for a file that is open, from where it stands; path is only shown. */
int file_read_fd(int fd, const char *path, size_t max, struct buf *out, struct err *e) MUST_CHECK;

/* True when path is there, whatever it is; a dangling symlink is. */
bool file_exists(const char *path);

/* True when path, following symlinks, is a directory. */
bool file_is_dir(const char *path);

/* mkdir -p; directories that are there already keep their mode and owner, new ones get `how`. */
int file_mkdirs(const char *path, struct file_mode how, struct err *e) MUST_CHECK;

/* Points the symlink at target by one rename, and fsyncs its directory. */
int file_replace_link(const char *path, const char *target, struct err *e) MUST_CHECK;

/* What the symlink points at, freed by the caller; NULL (e->sys set) when it is none. */
char *file_read_link(const char *path, struct err *e) MUST_CHECK;

/* rename(2) and fsync of both directories. Replaces a file; fails with EEXIST when `to` is a directory with content. */
int file_rename(const char *from, const char *to, struct err *e) MUST_CHECK;

/* Swaps two names in one step (RENAME_EXCHANGE), and fsyncs. e->sys is EINVAL where the file system cannot. */
int file_exchange(const char *a, const char *b, struct err *e) MUST_CHECK;

/* Removes a tree of our own making (staging, an old release); directories without permission bits are opened up first. */
int file_remove_tree(const char *path, struct err *e) MUST_CHECK;

/*
 * Fills the directory `to` with what is in `from`: directories made anew with the same owner and mode, everything else as a hard link. A name that `to`
 * has already, and what a killed file_replace left, is passed over.
 */
int file_link_tree(const char *from, const char *to, struct err *e) MUST_CHECK;

/* fsyncs every file and directory below path, and path. */
int file_sync_tree(const char *path, struct err *e) MUST_CHECK;

/* fsyncs the directory that holds path. */
int file_sync_parent(const char *path, struct err *e) MUST_CHECK;

/* Removes the ".new-*" files that a killed file_replace left in the directory. One that cannot be removed is left. */
void file_sweep(const char *dir);

/*
 * Refuses (ERR_VERIFY) a file that somebody other than its rightful owner could change: it must be regular, owned by root or
 * by us, and writable by nobody else.
 */
int file_check_trusted(int fd, const char *path, struct err *e) MUST_CHECK;

/*
 * Opens a file that holds a secret: as file_check_trusted, no symlink, and readable by nobody else either (ERR_VERIFY). One that is not there is an
 * error with e->sys == ENOENT.
 */
int file_open_private(const char *path, struct err *e) MUST_CHECK;

/*
 * Overwrites a regular file (through all its names; no symlink is followed), fsyncs and removes it. 1 done, 0 there is none, -1. On a file system
 * that writes elsewhere (copy on write, a journal of data, flash) old blocks may survive.
 */
int file_wipe(const char *path, struct err *e) MUST_CHECK;

/*
 * The names in a directory (never . and ..) that `wanted` accepts, NULL for all, as a strv in byte order that the caller frees. NULL
 * when there are none, or no directory.
 */
int file_list(const char *dir, bool (*wanted)(const char *name), char ***names, struct err *e) MUST_CHECK;

/* Bytes that an unprivileged writer may still put on the file system of path (or of its nearest ancestor that exists). */
int file_free_space(const char *path, unsigned long long *bytes, struct err *e) MUST_CHECK;

/*
 * Refuses (ERR_CONFIG) a place where programs cannot be put or could not run: its file system, or that of its nearest ancestor that
 * exists, is mounted read-only or noexec.
 */
int file_check_programs(const char *path, struct err *e) MUST_CHECK;

/*
 * Takes an exclusive lock on the file path (made if missing; its directory must exist) and writes our process id into it. Waits up to `seconds`, then
 * fails (ERR_FAIL) naming the holder. Returns a descriptor; closing it, or dying, lets go.
 */
int file_lock(const char *path, unsigned int seconds, struct err *e) MUST_CHECK;
