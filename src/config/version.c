/* SPDX-License-Identifier: Apache-2.0 */
#include "config/version.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define NUMBER_MAX 999999U

bool version_parse(const char *s, struct version *v)
{
	const char *from = s + (*s == 'v');
	auto_strv char **parts = text_split(from, BLANKS ".");
	auto_free char *canonical = NULL;
	struct version out;
	uint64_t n[3];

	if (strv_len(parts) != ARRAY_LEN(n))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(n); i++)
		if (!text_parse_u64(parts[i], 0, NUMBER_MAX, &n[i]))
			return false;
	out = (struct version){ (unsigned int)n[0], (unsigned int)n[1], (unsigned int)n[2] };
	canonical = xasprintf(VERSION_FMT, VERSION_ARGS(out));
	if (strcmp(canonical, from) != 0)
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
	auto_free char *number = text_starts(name, "etcd-v") ? xstrndup(name + 6, strcspn(name + 6, "-")) : NULL;
	auto_free char *canonical = number && version_parse(number, v) ? version_tarball(*v) : NULL;

	return canonical && strcmp(canonical, name) == 0;
}

static uint64_t rank(struct version v)
{
	return ((uint64_t)v.major * (NUMBER_MAX + 1) + v.minor) * (NUMBER_MAX + 1) + v.patch;
}

int version_cmp(struct version a, struct version b)
{
	return rank(a) < rank(b) ? -1 : rank(a) > rank(b);
}

bool version_at_least(struct version v, unsigned int major, unsigned int minor)
{
	return version_cmp(v, (struct version){ major, minor, 0 }) >= 0;
}

const char *version_known_bad(struct version v)
{
	/* etcd's advisory of March 2022: inconsistent data after a crash under load, fixed in 3.5.3. */
	if (v.major == 3 && v.minor == 5 && v.patch <= 2)
		return "etcd 3.5.0 to 3.5.2 can lose data after a crash under load";
	if (!version_at_least(v, 3, 4) || v.major > 3)
		return "only etcd 3.4 to 3.7 is supported";
	return NULL;
}
