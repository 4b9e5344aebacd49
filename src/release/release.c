/* SPDX-License-Identifier: Apache-2.0 */
#include "release/release.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define OPTIONS_MAX_BYTES (64UL * 1024UL)

void release_free(struct release *r)
{
	free(r->name);
	free(r->dir);
	*r = (struct release){ 0 };
}

/* The version of an installed release; its options only when they had to be asked for. -1 when it is damaged. */
static int look_at(const char *name, const char *dir, struct version *v, struct buf *options, struct err *e)
{
	cleanup(release_record_free) struct release_record record = { 0 };
	auto_free char *etcd = xasprintf("%s/etcd", dir);
	int rc = release_record_read(dir, &record, e);

	if (rc < 0)
		return -1;
	if (rc > 0 && record.whole) {
		*v = record.version;
		return 0;
	}
	if (rc == 0 || strcmp(name, "system") != 0) {
		(void)err_set(e, ERR_FAIL, "the release in %s is damaged: files are missing or have another size", dir);
		return err_hint(e, "etcd-cluster setup");
	}
	/* The distribution has replaced the program of `system` since the record was made: the program itself knows. */
	rc = binary_ask(etcd, v, options, e);
	if (rc == 0 || e->sys != ENOENT)
		return rc;
	(void)err_set(e, ERR_FAIL, "the distribution's etcd, which %s links to, is missing", etcd);
	return err_hint(e, "install it again, or name a version in RELEASE; then: etcd-cluster setup");
}

int release_current(const struct machine *m, struct release *r, struct err *e)
{
	auto_buf struct buf ignored = { 0 };
	int rc;

	*r = (struct release){ 0 };
	rc = release_link_name(m, "current", &r->name, e);
	if (rc <= 0)
		return rc;
	r->dir = release_dir(m, r->name);
	if (look_at(r->name, r->dir, &r->version, &ignored, e) == 0)
		return 1;
	release_free(r);
	return -1;
}

int release_options(const struct release *r, char ***options, struct err *e)
{
	auto_free char *path = xasprintf("%s/options", r->dir);
	auto_buf struct buf text = { 0 };
	struct version ignored;

	if (look_at(r->name, r->dir, &ignored, &text, e) < 0)
		return -1;
	if (text.len == 0 && file_read(path, OPTIONS_MAX_BYTES, &text, e) < 0)
		return err_hint(e, "etcd-cluster setup");
	*options = text_split(buf_str(&text), BLANKS "\n");
	return *options ? 0 : err_set(e, ERR_FAIL, "%s is empty", path);
}

/* The only release here, installed or in a local release; NULL when there is none, or a choice. The caller frees. */
static char *only_one(const struct machine *m)
{
	auto_strv char **names = release_names(m), **files = tarball_list(m->at.bundle);
	struct version v;

	for (size_t i = 0; files && files[i]; i++) {
		auto_free char *name = NULL;

		if (!version_of_tarball(files[i], &v))
			continue;
		name = xasprintf("v" VERSION_FMT, VERSION_ARGS(v));
		strv_add_once(&names, name);
	}
	return names && !names[1] ? xstrdup(names[0]) : NULL;
}

/*
 * What should be current: cluster.conf's, else what is current, else (but not for a member's data) the only one here or
 * the package's default. NULL with e. The caller frees.
 */
static char *wanted_name(const struct machine *m, const char *now, bool has_member, struct err *e)
{
	char *only;

	if (m->conf.release_given)
		return release_name(m->conf.release, e);
	if (now)
		return xstrdup(now);
	if (has_member) {
		(void)err_set(e, ERR_CONFIG, "%s, which names the etcd of this member, is missing", m->at.current);
		(void)err_hint(e, "write the RELEASE that it ran into %s, then: etcd-cluster setup", m->at.conf);
		return NULL;
	}
	only = only_one(m);
	if (only)
		return only;
	if (m->conf.release)
		return release_name(m->conf.release, e);
	(void)err_set(e, ERR_CONFIG, "cluster.conf names no RELEASE, and %s has none for this machine", m->at.digests);
	(void)err_hint(e, "write RELEASE=... into %s", m->at.conf);
	return NULL;
}

int release_ensure(const struct machine *m, enum tarball_from from, bool has_member, struct err *e)
{
	auto_free char *now = NULL, *name = NULL;
	int installed, switched;

	if (release_link_name(m, "current", &now, e) < 0)
		return -1;
	name = wanted_name(m, now, has_member, e);
	if (!name)
		return -1;
	/* One that is there is not hashed again by each setup of a person. */
	installed = release_install(m, name, release_is_whole(m, name) ? TARBALL_CACHE : from, e);
	if (installed < 0)
		return -1;
	if (now && strcmp(now, name) == 0)
		return installed;
	if (now && has_member) {
		log_warn("cluster.conf names etcd %s, and this member runs %s; to switch: "
			 "etcd-cluster release use %s && systemctl restart etcd",
			 name, now, name);
		return installed;
	}
	if (m->dry_run && installed) {
		log_info("would make %s current", name);
		return 1;
	}
	switched = release_use(m, name, e);
	return switched < 0 ? -1 : installed | switched;
}

void release_list_free(struct release_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->entries[i].name);
		release_record_free(&l->entries[i].record);
	}
	free(l->entries);
	strv_free(l->cached);
	strv_free(l->bundled);
	*l = (struct release_list){ 0 };
}

int release_list(const struct machine *m, struct release_list *l, struct err *e)
{
	auto_free char *current = NULL, *previous = NULL;
	auto_strv char **names = release_names(m);

	*l = (struct release_list){ .n = strv_len(names) };
	l->entries = xcalloc(l->n + 1, sizeof(*l->entries));
	l->bundled = tarball_list(m->at.bundle);
	l->cached = tarball_list(m->at.cache);
	if (release_link_name(m, "current", &current, e) < 0 || release_link_name(m, "previous", &previous, e) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		auto_free char *dir = release_dir(m, names[i]);
		struct release_entry *entry = &l->entries[i];
		struct err ignored = { 0 };

		entry->name = xstrdup(names[i]);
		entry->current = current && strcmp(current, names[i]) == 0;
		entry->previous = previous && strcmp(previous, names[i]) == 0;
		/* A release whose record cannot be read is not whole. */
		if (release_record_read(dir, &entry->record, &ignored) < 0)
			log_debug("%s", ignored.msg);
	}
	return digests_newest(&m->at, &l->newest, e);
}
