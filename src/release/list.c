/* SPDX-License-Identifier: Apache-2.0 */
#include "release/release.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "release/digests.h"
#include "release/name.h"

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

/* A release whose record cannot be read is not whole. */
static void fill_entry(const struct machine *m, struct release_entry *entry, const char *name, const char *current,
		       const char *previous)
{
	auto_free char *dir = release_dir(m, name);
	struct err ignored = { 0 };

	entry->name = xstrdup(name);
	entry->current = current && strcmp(current, name) == 0;
	entry->previous = previous && strcmp(previous, name) == 0;
	if (release_record_read(dir, &entry->record, &ignored) < 0)
		log_debug("%s", ignored.msg);
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
	return digests_newest(&m->at, &l->newest, e);
}
