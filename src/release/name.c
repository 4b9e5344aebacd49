/* SPDX-License-Identifier: Apache-2.0 */
#include "release/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define SYSTEM "system"
#define PREFIX "etcd-v"

/* Go's names of the architectures that upstream publishes for. */
#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCH "ppc64le"
#elif defined(__s390x__)
#define ARCH "s390x"
#else
#define ARCH NULL
#endif

char *release_name(const char *text, struct err *e)
{
	struct version v;

	if (strcmp(text, SYSTEM) == 0)
		return xstrdup(SYSTEM);
	if (version_parse(text, &v))
		return xasprintf("v" VERSION_FMT, VERSION_ARGS(v));
	(void)err_set(e, ERR_CONFIG, "\"%.40s\" is not a valid etcd version", text);
	(void)err_hint(e, "write it as 3.6.14, or system for the distribution's etcd");
	return NULL;
}

char *release_dir(const struct machine *m, const char *name)
{
	return xasprintf("%s/%s", m->at.releases, name);
}

/* True for a name as release_name makes it. */
static bool is_name(const char *name)
{
	struct err ignored = { 0 };
	auto_free char *canonical = release_name(name, &ignored);

	return canonical && strcmp(canonical, name) == 0;
}

int release_link_name(const struct machine *m, const char *link, char **name, struct err *e)
{
	auto_free char *path = release_dir(m, link);
	struct err why = { 0 };

	*name = file_read_link(path, &why);
	if (!*name && why.sys == ENOENT)
		return 0;
	if (*name && is_name(*name))
		return 1;
	(void)err_set(e, ERR_FAIL, "%s is not a link to a release", path);
	(void)err_hint(e, "remove it, then: etcd-cluster setup");
	free(steal(name));
	return -1;
}

/* `system` has no version and sorts last. */
static int newest_first(const void *a, const void *b)
{
	struct version va = { 0 }, vb = { 0 };

	(void)version_parse(*(char *const *)a, &va);
	(void)version_parse(*(char *const *)b, &vb);
	return version_cmp(vb, va);
}

char **release_names(const struct machine *m)
{
	struct err ignored = { 0 };
	char **names = NULL;

	if (file_list(m->at.releases, is_name, &names, &ignored) == 0 && names)
		qsort(names, strv_len(names), sizeof(*names), newest_first);
	return names;
}

const char *tarball_arch(void)
{
	return ARCH;
}

char *tarball_name(struct version v, struct err *e)
{
	if (tarball_arch())
		return xasprintf(PREFIX VERSION_FMT "-linux-%s" TARBALL_SUFFIX, VERSION_ARGS(v), tarball_arch());
	(void)err_set(e, ERR_CONFIG, "etcd publishes no release for this machine's architecture");
	(void)err_hint(e, "install the distribution's etcd and write RELEASE=system");
	return NULL;
}

bool tarball_name_parse(const char *name, struct version *v)
{
	auto_free char *number = NULL, *canonical = NULL;
	struct err ignored = { 0 };

	if (!text_starts(name, PREFIX))
		return false;
	number = xstrndup(name + strlen(PREFIX), strcspn(name + strlen(PREFIX), "-"));
	canonical = version_parse(number, v) ? tarball_name(*v, &ignored) : NULL;
	return canonical && strcmp(canonical, name) == 0;
}

static bool is_tarball(const char *name)
{
	struct version ignored;

	return tarball_name_parse(name, &ignored);
}

char **tarball_list(const char *dir)
{
	struct err ignored = { 0 };
	char **files = NULL;

	return file_list(dir, is_tarball, &files, &ignored) == 0 ? files : NULL;
}
