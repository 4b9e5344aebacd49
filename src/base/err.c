/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append(struct err *e, const char *reason)
{
	size_t used = strlen(e->msg);

	(void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s", reason);
}

int err_fill(struct err *e, enum err_class class, int sys, const char *fmt, ...)
{
	va_list ap;

	e->class = class;
	e->sys = sys;
	e->rpc = 0;
	e->hint[0] = '\0';
	va_start(ap, fmt);
	/* A message longer than the buffer is cut: the beginning names the path. */
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (sys != 0)
		append(e, strerror(sys));
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[sizeof(e->msg)];
	va_list ap;

	memcpy(inner, e->msg, sizeof(inner));
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	append(e, inner);
	return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e->hint[0] != '\0')
		return -1;
	va_start(ap, fmt);
	(void)vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return -1;
}

void err_clear(struct err *e)
{
	memset(e, 0, sizeof(*e));
}

int err_absent(struct err *e)
{
	if (e->sys != ENOENT)
		return -1;
	err_clear(e);
	return 0;
}
