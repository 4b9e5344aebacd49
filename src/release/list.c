/* SPDX-License-Identifier: Apache-2.0 */
#include "release/list.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "release/digests.h"
#include "release/install.h"
#include "release/switch.h"
#include "release/tarball.h"

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

/* A release whose record cannot be read is listed as damaged. */
static void fill_entry(const struct machine *m, struct release_entry *entry, const char *name, const char *current,
		       const char *previous)
{
	auto_free char *dir = release_dir(m, name);
	struct err ignored = { 0 };

	entry->name = xstrdup(name);
	entry->current = current && strcmp(current, name) == 0;
	entry->previous = previous && strcmp(previous, name) == 0;
	entry->whole =
		release_record_read(dir, &entry->record, &ignored) > 0 && release_record_fits(dir, &entry->record);
}

int release_list(const struct machine *m, struct release_list *l, struct err *e)
{
	auto_free char *current = NULL, *previous = NULL;
	auto_strv char **names = release_names(m);

	*l = (struct release_list){ .n = names ? strv_len(names) : 0 };
	l->entries = xcalloc(l->n + 1, sizeof(*l->entries));
	l->bundled = tarball_list(m->at.bundle);
	l->cached = tarball_list(m->at.cache);
	if (release_link_name(m, "current", &current, e) < 0 || release_link_name(m, "previous", &previous, e) < 0)
		return -1;
	for (size_t i = 0; names && i < l->n; i++)
		fill_entry(m, &l->entries[i], names[i], current, previous);
	return digests_newest(&m->at, &l->newest, e) < 0 ? -1 : 0;
}

static int verify_binary(const char *dir, int which, const struct release_binary *b, struct err *e)
{
	auto_free char *path = xasprintf("%s/%s", dir, release_binary_names[which]);
	auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t sha256[DIGEST_LEN];
	char hex[DIGEST_HEX];

	if (fd < 0)
		return err_sys(e, ERR_VERIFY, "cannot open %s", path);
	if (file_check_trusted(fd, path, e) < 0 || digest_file(fd, path, sha256, e) < 0)
		return -1;
	text_hex(sha256, DIGEST_LEN, hex);
	if (strcmp(hex, b->sha256) != 0)
		return err_set(e, ERR_VERIFY, "%s is not what was installed", path);
	return 0;
}

int release_verify(const struct machine *m, const char *name, struct err *e)
{
	auto_free char *dir = release_dir(m, name);
	cleanup(release_record_free) struct release_record r = { 0 };
	int rc = release_record_read(dir, &r, e);

	if (rc == 0)
		return err_set(e, ERR_CONFIG, "%s is not installed", name);
	if (rc < 0)
		return -1;
	if (!r.sha256) {
		(void)err_set(e, ERR_CONFIG, "%s is the distribution's: its package manager verifies it", name);
		return err_hint(e, "dpkg --verify, or rpm --verify, with the package's name");
	}
	for (int i = 0; i < RELEASE_BINARIES; i++)
		if (r.binaries[i].there && verify_binary(dir, i, &r.binaries[i], e) < 0)
			return err_hint(e, "etcd-cluster release install %s", name);
	if (!release_record_fits(dir, &r))
		return err_set(e, ERR_VERIFY, "in %s there is not exactly what was installed", dir);
	return 0;
}
