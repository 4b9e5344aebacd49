/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte buffer that grows. data[len] is always '\0', so text can be used as a string.
 */
#pragma once

#include "base/mem.h"

struct buf {
	char *data; /* NULL while empty; use buf_str() for a string that is never NULL */
	size_t len;
	size_t cap;
};

#define auto_buf cleanup(buf_free)

void buf_add(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) ERR_PRINTF(2, 3);
const char *buf_str(const struct buf *b);

/* Empties b and releases its memory, wiping it first: it may have held a key. Every growth wipes too. */
void buf_free(struct buf *b);
