/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/keep.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

void keep_rule(const struct backup_list *l, unsigned int count, unsigned int days, time_t now, bool *drop)
{
	const struct backup_meta *newest = backup_newest(l);
	unsigned int kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct backup_meta *b = &l->all[i];

		drop[i] = b != newest && newest && b->time <= newest->time &&
			  (kept >= count || (days > 0 && b->time < now - (time_t)days * DAY));
		if (!drop[i] && b->there)
			kept++;
	}
}

/* The file first: without its metadata nobody would remove it later. */
static int drop_one(const struct backup_meta *b, struct err *e)
{
	auto_free char *meta = backup_meta_path(b->path);

	if (file_remove_tree(b->path, e) < 0 || file_remove_tree(meta, e) < 0)
		return -1;
	log_info("removed the backup %s (BACKUP_KEEP)", b->path);
	return 1;
}

int keep_apply(const struct machine *m, uint64_t cluster_id, struct err *e)
{
	cleanup(backup_list_free) struct backup_list l = { 0 };
	auto_free bool *drop = NULL;
	int all = 0;

	if (backup_list_read(m, cluster_id, &l, e) < 0)
		return -1;
	drop = xcalloc(l.n + 1, sizeof(*drop));
	keep_rule(&l, m->conf.backup_keep, m->conf.backup_days, m->now, drop);
	for (size_t i = 0; all >= 0 && i < l.n; i++) {
		/* A run of this machine that was killed before its file got its name. */
		bool left = !file_exists(l.all[i].path) && strcmp(l.all[i].member, m->conf.name) == 0;
		int rc = drop[i] || left ? drop_one(&l.all[i], e) : 0;

		all = rc < 0 ? -1 : all | rc;
	}
	return all;
}
