/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory and descriptors that release themselves at the end of their scope.
 * Out of memory ends the program (exit 1): nothing here returns NULL for it.
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

#define cleanup(fn)   __attribute__((cleanup(fn)))
#define auto_free     cleanup(mem_free_ptr)
#define auto_close    cleanup(mem_close_fd)
#define auto_fclose   cleanup(mem_close_file)
#define auto_closedir cleanup(mem_close_dir)
#define auto_strv     cleanup(mem_free_strv_ptr)

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) ERR_PRINTF(1, 2);

/* A NULL-terminated array of strings: appends a copy of s. *v may be NULL. */
void strv_add(char ***v, const char *s);
/* The same, unless it has one like s already. */
void strv_add_once(char ***v, const char *s);
/* Appends copies of all strings of another one, which may be NULL. */
void strv_add_all(char ***v, char *const *more);
/* By their bytes. v may be NULL. */
void strv_sort(char **v);
/* Its strings with `between` between them; "" for none. The caller frees. */
char *strv_join(char *const *v, const char *between);
size_t strv_len(char *const *v);
/* True when a string like s is in it. */
bool strv_has(char *const *v, const char *s);
void strv_free(char **v);

/* Hands a pointer over: returns *p (typed) and leaves NULL, so the cleanup of p does nothing. */
#define steal(p)                                                                                                       \
	({                                                                                                             \
		__typeof__(*(p)) stolen_ = *(p);                                                                       \
		*(p) = NULL;                                                                                           \
		stolen_;                                                                                               \
	})

/* Likewise for a descriptor; leaves -1. */
static inline int steal_fd(int *fd)
{
	int was = *fd;

	*fd = -1;
	return was;
}

/* For what fails only without memory, or when a library or the kernel is broken: ends the program. */
static inline void must(bool ok)
{
	if (!ok)
		abort();
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Cleanup functions; close() among them leaves errno as it was. */
void mem_free_ptr(void *p);
void mem_close_fd(const int *fd);
void mem_close_file(FILE **f);
void mem_close_dir(DIR **d);
void mem_free_strv_ptr(char ***v);
