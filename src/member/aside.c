/* SPDX-License-Identifier: Apache-2.0 */
#include "member/aside.h"

#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"

char *aside_name(const struct machine *m, const char *path)
{
	struct tm tm = { 0 };
	char stamp[20] = "";
	char *name;

	(void)gmtime_r(&m->now, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	name = xasprintf("%s.aside-%s", path, stamp);
	for (unsigned int i = 2; file_exists(name); i++) {
		free(name);
		name = xasprintf("%s.aside-%s-%u", path, stamp, i);
	}
	return name;
}

int aside_move(const struct machine *m, const char *path, struct err *e)
{
	auto_free char *to = aside_name(m, path);

	if (!file_exists(path))
		return 0;
	if (m->dry_run) {
		log_info("would move %s to %s", path, to);
		return 1;
	}
	if (file_rename(path, to, e) < 0)
		return -1;
	log_info("%s is now %s", path, to);
	return 1;
}

int aside_data(const struct machine *m, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir), *member = xasprintf("%s/member", data);
	auto_free char *own = config_wal_dir(&m->conf), *wal = own ? layout_path(&m->at, own) : NULL;
	/* The log last: while it is there the data still counts as that of a member (datadir_look). */
	int moved = aside_move(m, member, e), more = 0;

	if (moved >= 0 && wal)
		more = aside_move(m, wal, e);
	return moved < 0 || more < 0 ? -1 : moved || more;
}

int aside_membership(const struct machine *m, bool env, bool certificates, struct err *e)
{
	if (aside_data(m, e) < 0 || (env && aside_move(m, m->at.etcd_env, e) < 0) ||
	    aside_move(m, m->at.joining, e) < 0)
		return -1;
	if (certificates && (aside_move(m, m->at.enroll, e) < 0 || aside_move(m, m->at.pki, e) < 0))
		return -1;
	return aside_move(m, m->at.member_id, e) < 0 ? -1 : 0;
}
