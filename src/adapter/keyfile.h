/* SPDX-License-Identifier: Apache-2.0
 *
 * KEY=VALUE files in the narrow form that systemd's EnvironmentFile= and a shell read alike:
 * cluster.conf, etcd.env, member-id, .release and the like. What the two would read differently is refused.
 *
 *   # a comment, at the beginning of a line
 *   KEY=word
 *   KEY="two words"     the whole value in double or single quotes
 *
 * Keys are [A-Za-z_][A-Za-z0-9_]*. Values are printable ASCII without $, ` and backslash: nothing in them is expanded
 * or needs an escape. No blanks around =, no `export`, no CR, no NUL, no byte order mark. The last line need not end in
 * a newline.
 */
#pragma once

#include <time.h>

#include "base/buf.h"

#define KEYFILE_MAX_BYTES (256U * 1024U)
#define KEYFILE_MAX_LINE  4096U

struct keyfile_entry {
	char *key;
	char *value; /* without its quotes */
	unsigned int line;
};

struct keyfile {
	char *path;
	struct keyfile_entry *entries; /* in the order of the file; no key is there twice */
	size_t n;
};

#define auto_keyfile cleanup(keyfile_free)

/*
 * Reads a file. A mistake in it is ERR_CONFIG and its message begins with "path:line: ". One that is not there or
 * cannot be read is ERR_FAIL with e->sys set (ENOENT, EACCES, …). When we are root, a file that others could write is
 * ERR_VERIFY (file_check_trusted). The caller frees k, also after a failure.
 */
int keyfile_read(const char *path, struct keyfile *k, struct err *e) MUST_CHECK;

/* The same for text in memory; path is only shown. */
int keyfile_parse(const char *path, const char *text, size_t len, struct keyfile *k, struct err *e) MUST_CHECK;

void keyfile_free(struct keyfile *k);

/* The value of key, or NULL. */
const char *keyfile_get(const struct keyfile *k, const char *key);

/* A copy of it, or NULL; and "" without one. The caller frees. */
char *keyfile_copy(const struct keyfile *k, const char *key);
char *keyfile_text(const struct keyfile *k, const char *key);

/* The value of key as seconds since 1970; false when there is none or it is no such number. */
bool keyfile_time(const struct keyfile *k, const char *key, time_t *out);

/*
 * Appends `KEY=value` and a newline to out, quoted when it has to be, as keyfile_parse reads it; nothing for NULL. A
 * value that no such line can have is ERR_CONFIG.
 */
int keyfile_put(struct buf *out, const char *key, const char *value, struct err *e) MUST_CHECK;
