/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/staged.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "backup/place.h"
#include "backup/tool.h"
#include "config/version.h"
#include "release/release.h"

/* An older release cannot read what a newer one has written. exact: that release itself; NULL: of its minor version. */
static int check_version(const struct machine *m, struct version of, const char *exact, struct err *e)
{
	auto_free char *name = exact ? xstrdup(exact) : xasprintf("%u.%u.PATCH", of.major, of.minor);
	cleanup(release_free) struct release r = { 0 };

	if (release_current(m, &r, e) <= 0)
		return e->class != ERR_NONE ? -1 : err_set(e, ERR_CONFIG, "no release of etcd is installed");
	if (version_at_least(r.version, of.major, of.minor))
		return 0;
	(void)err_set(e, ERR_CONFIG, "the backup is of etcd %s, and %s is installed, which cannot restore it", name,
		      r.name);
	return err_hint(e,
			"RELEASE=%s in %s; etcd-cluster release install %s; etcd-cluster release use %s; then run this "
			"again",
			name, m->at.conf, name, name);
}

int staged_copy(const struct machine *m, const char *stage, const char *file, const char *copy, struct verified *v,
		int64_t *revision, struct err *e)
{
	auto_close int fd = -1;
	struct version of = { 0 };
	struct stat st;

	if (stat(file, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", file);
	/* The copy, and a database restored from it. */
	if (place_check_room(stage, 2ULL * (unsigned long long)st.st_size, e) < 0 ||
	    file_mkdirs(stage, machine_mode_etcd(m, 0700), e) < 0)
		return -1;
	fd = file_create(copy, machine_mode_etcd(m, 0600), e);
	if (fd < 0 || verify_file(file, fd, v, e) < 0)
		return -1;
	if (v->has_meta && version_parse(v->meta.version, &of) && check_version(m, of, v->meta.version, e) < 0)
		return -1;
	/* A compressed one is larger now. */
	if (place_check_room(stage, v->size, e) < 0 || tool_revision(m, fd, file, revision, &of, e) < 0 ||
	    check_version(m, of, NULL, e) < 0)
		return -1;
	if (v->has_meta && *revision != v->meta.revision)
		return err_set(e, ERR_VERIFY, "%s has revision %" PRId64 ", and had %" PRId64 " when it was made", file,
			       *revision, v->meta.revision);
	return 0;
}
