/* SPDX-License-Identifier: Apache-2.0 */
#include "config/version.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* One number without leading zeros, at most six digits; moves *s behind it. */
static bool number(const char **s, unsigned int *out)
{
	const char *p = *s;
	unsigned int value = 0;

	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (p - *s >= 6)
			return false;
		value = value * 10 + (unsigned int)(*p - '0');
	}
	*s = p;
	*out = value;
	return true;
}

bool version_parse(const char *s, struct version *v)
{
	struct version out;

	if (*s == 'v')
		s++;
	if (!number(&s, &out.major) || *s++ != '.' || !number(&s, &out.minor) || *s++ != '.' ||
	    !number(&s, &out.patch) || *s != '\0')
		return false;
	*v = out;
	return true;
}

const char *version_arch(void)
{
#if defined(__x86_64__) && !defined(__ILP32__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	return "ppc64le";
#elif defined(__s390x__)
	return "s390x";
#else
	return NULL;
#endif
}

char *version_tarball(struct version v)
{
	const char *arch = version_arch();

	return arch ? xasprintf("etcd-v" VERSION_FMT "-linux-%s.tar.gz", VERSION_ARGS(v), arch) : NULL;
}

bool version_of_tarball(const char *name, struct version *v)
{
	const char *end = strstr(name, "-linux-");
	auto_free char *number =
		end && text_starts(name, "etcd-v") ? xstrndup(name + 6, (size_t)(end - name) - 6) : NULL;
	auto_free char *canonical = number && version_parse(number, v) ? version_tarball(*v) : NULL;

	return canonical && strcmp(canonical, name) == 0;
}

static int cmp(unsigned int a, unsigned int b)
{
	return a < b ? -1 : a > b;
}

int version_cmp(struct version a, struct version b)
{
	if (a.major != b.major)
		return cmp(a.major, b.major);
	if (a.minor != b.minor)
		return cmp(a.minor, b.minor);
	return cmp(a.patch, b.patch);
}

bool version_at_least(struct version v, unsigned int major, unsigned int minor)
{
	return version_cmp(v, (struct version){ major, minor, 0 }) >= 0;
}

const char *version_known_bad(struct version v)
{
	/* etcd's own advisory of March 2022: inconsistent data after a crash under load, mended in 3.5.3. */
	if (v.major == 3 && v.minor == 5 && v.patch <= 2)
		return "etcd 3.5.0 to 3.5.2 can lose data after a crash under load";
	if (!version_at_least(v, 3, 4) || v.major > 3)
		return "only etcd 3.4 to 3.7 is supported";
	return NULL;
}
