/* SPDX-License-Identifier: Apache-2.0 */
#include "release/name.h"

#include <string.h>

char *release_name(const char *text, struct err *e)
{
	struct version v;

	if (strcmp(text, "system") == 0)
		return xstrdup("system");
	if (version_parse(text, &v))
		return xasprintf("v" VERSION_FMT, VERSION_ARGS(v));
	(void)err_set(e, ERR_CONFIG, "\"%.40s\" is not a valid etcd version", text);
	(void)err_hint(e, "write it as 3.6.14, or system for the distribution's etcd");
	return NULL;
}

int release_check_version(struct version v, const char *what, struct err *e)
{
	const char *bad = version_known_bad(v);

	if (!bad)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s cannot be used: %s", what, bad);
	return err_hint(e, "choose another version; etcd-cluster release list shows the newest that this package pins");
}

char *release_dir(const struct machine *m, const char *name)
{
	return xasprintf("%s/%s", m->at.releases, name);
}

/* True for a name as release_name makes it. */
static bool is_name(const char *name)
{
	struct version ignored;

	return strcmp(name, "system") == 0 || (*name == 'v' && version_parse(name, &ignored));
}

int release_link_name(const struct machine *m, const char *link, char **name, struct err *e)
{
	auto_free char *path = release_dir(m, link);

	*name = file_read_link(path, e);
	if (!*name && err_absent(e) == 0)
		return 0;
	if (*name && strcmp(*name, RELEASE_ADOPTED) == 0) {
		free(steal(name));
		return 0;
	}
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

char *tarball_name(struct version v, struct err *e)
{
	char *name = version_tarball(v);

	if (name)
		return name;
	(void)err_set(e, ERR_CONFIG, "etcd publishes no release for this machine's architecture");
	(void)err_hint(e, "install the distribution's etcd and write RELEASE=system");
	return NULL;
}

static bool is_tarball(const char *name)
{
	struct version ignored;

	return version_of_tarball(name, &ignored);
}

char **tarball_list(const char *dir)
{
	struct err ignored = { 0 };
	char **files = NULL;

	return file_list(dir, is_tarball, &files, &ignored) == 0 ? files : NULL;
}
