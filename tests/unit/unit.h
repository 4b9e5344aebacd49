/* SPDX-License-Identifier: Apache-2.0
 *
 * For every unit test: cmocka in the right order, and a directory for the test.
 */
#pragma once

/* clang-format off: cmocka.h needs these four before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* clang-format on */
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* A call that must succeed; prints its error if it fails. */
#define assert_ok(call)                                                                                                \
	do {                                                                                                           \
		struct err e_ = { 0 };                                                                                 \
		struct err *e = &e_;                                                                                   \
		if ((call) < 0)                                                                                        \
			fail_msg("%s: %s (%s)", #call, e_.msg, e_.hint);                                               \
	} while (0)

/*
 * A call that must fail with this class and a message or hint that contains this text. A failure prints the expected
 * values, so that a loop over a table names its row. Both macros name the error object `e`.
 */
#define assert_err(call, want_class, text)                                                                             \
	do {                                                                                                           \
		struct err e_ = { 0 };                                                                                 \
		struct err *e = &e_;                                                                                   \
		bool failed_ = (call) < 0;                                                                             \
		if (!failed_ || e_.class != (want_class) || (!strstr(e_.msg, text) && !strstr(e_.hint, text)))         \
			fail_msg("%s: want class %d with \"%s\", got %s, class %d: %s (%s)", #call, (int)(want_class), \
				 text, failed_ ? "an error" : "success", (int)e_.class, e_.msg, e_.hint);              \
	} while (0)

/*
 * Makes each row of a table a test. A row begins with its name; `run` finds the row in *state. `setup` and `teardown`
 * can be NULL and must not change *state.
 */
#define unit_rows(tests, rows, run, setup, teardown)                                                                   \
	do {                                                                                                           \
		for (size_t i_ = 0; i_ < ARRAY_LEN(rows); i_++)                                                        \
			(tests)[i_] = (struct CMUnitTest){ (rows)[i_].what, run, setup, teardown,                      \
							   (void *)(uintptr_t) & (rows)[i_] };                         \
	} while (0)

/* An empty directory of this test, below TMPDIR. The caller frees the name; file_remove_tree removes it. */
static inline char *unit_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/etcd-cluster-unit.XXXXXX", tmp ? tmp : "/tmp");

	if (!mkdtemp(dir))
		fail_msg("mkdtemp %s", dir);
	return dir;
}
