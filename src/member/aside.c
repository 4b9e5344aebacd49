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
	log_info("moved %s to %s", path, to);
	return 1;
}

char **aside_parts(const struct machine *m)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir), *member = xasprintf("%s/member", data);
	auto_free char *own = config_wal_dir(&m->conf), *wal = own ? layout_path(&m->at, own) : NULL;
	char **parts = NULL;

	strv_add(&parts, member);
	if (wal)
		strv_add(&parts, wal);
	return parts;
}

int aside_data(const struct machine *m, struct err *e)
{
	auto_strv char **parts = aside_parts(m);
	int moved = 0;

	for (size_t i = 0; parts[i]; i++) {
		int rc = aside_move(m, parts[i], e);

		if (rc < 0)
			return -1;
		moved |= rc;
	}
	return moved;
}

int aside_membership(const struct machine *m, bool env, bool certificates, struct err *e)
{
	const char *const paths[] = { env ? m->at.etcd_env : NULL, m->at.joining, certificates ? m->at.enroll : NULL,
				      certificates ? m->at.pki : NULL, m->at.member_id };

	if (aside_data(m, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (paths[i] && aside_move(m, paths[i], e) < 0)
			return -1;
	return 0;
}
