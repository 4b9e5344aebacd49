/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static void *or_die(void *p)
{
	if (!p) {
		(void)fputs("etcd-cluster: error: out of memory\n", stderr);
		exit(ERR_FAIL);
	}
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	return or_die(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n, size_t size)
{
	return or_die(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return or_die(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return or_die(s);
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

void strv_add(char ***v, const char *s)
{
	size_t n = strv_len(*v);

	*v = xrealloc(*v, n + 2, sizeof(**v));
	(*v)[n] = xstrdup(s);
	(*v)[n + 1] = NULL;
}

bool strv_has(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (strcmp(*v, s) == 0)
			return true;
	return false;
}

void strv_add_once(char ***v, const char *s)
{
	if (!strv_has(*v, s))
		strv_add(v, s);
}

void strv_add_all(char ***v, char *const *more)
{
	for (; more && *more; more++)
		strv_add(v, *more);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **v)
{
	if (v)
		qsort(v, strv_len(v), sizeof(*v), by_bytes);
}

char *strv_join(char *const *v, const char *between)
{
	char *all = xstrdup(v && *v ? *v : "");

	for (size_t i = 1; i < strv_len(v); i++) {
		auto_free char *before = all;

		all = xasprintf("%s%s%s", before, between, v[i]);
	}
	return all;
}

void strv_free(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

void mem_free_ptr(void *p)
{
	void *mem;

	memcpy(&mem, p, sizeof(mem)); /* p is the address of any kind of object pointer */
	free(mem);
}

void mem_close_fd(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

void mem_close_file(FILE **f)
{
	int saved = errno;

	if (*f)
		(void)fclose(*f);
	errno = saved;
}

void mem_close_dir(DIR **d)
{
	int saved = errno;

	if (*d)
		(void)closedir(*d);
	errno = saved;
}

void mem_free_strv_ptr(char ***v)
{
	strv_free(*v);
}
