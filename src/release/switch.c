/* SPDX-License-Identifier: Apache-2.0 */
#include "release/release.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* The version of a release. 1 installed, 0 not, -1. */
static int version_of(const struct machine *m, const char *name, struct version *v, struct err *e)
{
	auto_free char *dir = release_dir(m, name);
	cleanup(release_record_free) struct release_record r = { 0 };
	int rc = release_record_read(dir, &r, e);

	*v = r.version;
	return rc;
}

/* Whether a member's data survive this step (etcd's upgrade guides: one minor version at a time, never back). */
static int check_step(struct version from, struct version to, struct err *e)
{
	if (from.major == to.major && to.minor < from.minor) {
		(void)err_set(e, ERR_CONFIG,
			      "etcd " VERSION_FMT " cannot read the data that " VERSION_FMT " has written",
			      VERSION_ARGS(to), VERSION_ARGS(from));
		return err_hint(e, "restore a snapshot that was made with it");
	}
	if (from.major != to.major || to.minor > from.minor + 1) {
		(void)err_set(e, ERR_CONFIG,
			      "the step from etcd " VERSION_FMT " to " VERSION_FMT " is more than one minor version",
			      VERSION_ARGS(from), VERSION_ARGS(to));
		return err_hint(e, "go to %u.%u first", from.major, from.minor + 1);
	}
	return 0;
}

static int check_use(const struct machine *m, const char *name, const char *now, struct err *e)
{
	struct version to, from;
	int rc = version_of(m, name, &to, e);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		(void)err_set(e, ERR_CONFIG, "%s is not installed", name);
		return err_hint(e, "etcd-cluster release install %s", name);
	}
	if (release_check_version(to, name, e) < 0)
		return -1;
	if (!now || !file_exists(m->at.member_id))
		return 0;
	rc = version_of(m, now, &from, e);
	return rc > 0 ? check_step(from, to, e) : rc;
}

int release_use(const struct machine *m, const char *name, struct err *e)
{
	auto_free char *now = NULL, *previous = release_dir(m, "previous");

	if (release_link_name(m, "current", &now, e) < 0 || check_use(m, name, now, e) < 0)
		return -1;
	if (now && strcmp(now, name) == 0)
		return 0;
	if (m->dry_run) {
		log_info("would make %s current", name);
		return 1;
	}
	file_sweep(m->at.releases);
	if (now && file_replace_link(previous, now, e) < 0)
		return -1;
	return file_replace_link(m->at.current, name, e) < 0 ? -1 : 1;
}

int release_rollback(const struct machine *m, struct err *e)
{
	auto_free char *name = NULL;
	int rc = release_link_name(m, "previous", &name, e);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(e, ERR_CONFIG, "this machine has no previous release");
	return release_use(m, name, e);
}

static int remove_release(const struct machine *m, const char *name, struct err *e)
{
	auto_free char *dir = release_dir(m, name), *file = NULL, *cached = NULL;
	struct version v;

	if (m->dry_run) {
		log_info("would remove %s", dir);
		return 0;
	}
	if (file_remove_tree(dir, e) < 0)
		return -1;
	log_info("removed %s", dir);
	file = version_parse(name, &v) ? version_tarball(v) : NULL;
	cached = file ? xasprintf("%s/%s", m->at.cache, file) : NULL;
	if (cached && unlink(cached) < 0 && errno != ENOENT)
		return err_sys(e, ERR_FAIL, "cannot remove %s", cached);
	return 0;
}

int release_prune(const struct machine *m, size_t keep, struct err *e)
{
	auto_free char *now = NULL, *previous = NULL;
	auto_strv char **names = release_names(m);
	int removed = 0;

	if (release_link_name(m, "current", &now, e) < 0 || release_link_name(m, "previous", &previous, e) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		if ((now && strcmp(names[i], now) == 0) || (previous && strcmp(names[i], previous) == 0))
			continue;
		if (keep > 0) {
			keep--;
			continue;
		}
		if (remove_release(m, names[i], e) < 0)
			return -1;
		removed++;
	}
	return removed;
}
