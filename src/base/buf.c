/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

/* Grows by a new block, never by realloc(3): realloc could leave a copy of a key behind. */
static void reserve(struct buf *b, size_t more)
{
	size_t need, cap = b->cap ? b->cap : 256;
	struct buf larger;

	must(!__builtin_add_overflow(b->len, more, &need) && need <= SIZE_MAX / 4);
	need++; /* the '\0' */
	if (need <= b->cap)
		return;
	while (cap < need)
		cap *= 2;
	larger = (struct buf){ .data = xcalloc(cap, 1), .len = b->len, .cap = cap };
	if (b->len > 0)
		memcpy(larger.data, b->data, b->len);
	buf_free(b);
	*b = larger;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	if (len == 0)
		return;
	reserve(b, len);
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	must(n >= 0);
	reserve(b, (size_t)n);
	va_start(ap, fmt);
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

void buf_free(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	free(b->data);
	memset(b, 0, sizeof(*b));
}
