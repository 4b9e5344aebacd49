/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/hand_over.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>

#include "backup/meta.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/text.h"

/* 8 GB at 1 MB/s. */
#define COMMAND_SECONDS (3 * 60 * 60)

#define NAME "{name}"

char **hand_over_command(const struct machine *m, const char *file)
{
	auto_strv char **words = text_split(m->conf.backup_command, BLANKS);
	const char *name = strrchr(file, '/') + 1;
	char **argv = NULL;

	for (char **word = words; word && *word; word++) {
		const char *at = strstr(*word, NAME);
		auto_free char *filled =
			at ? xasprintf("%.*s%s%s", (int)(at - *word), *word, name, at + strlen(NAME)) : NULL;

		strv_add(&argv, filled ? filled : *word);
	}
	return argv;
}

static int hand_over(const struct machine *m, struct backup_meta *b, struct err *e)
{
	auto_close int fd = open(b->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	const struct passwd *user = getpwnam(m->conf.backup_user);
	auto_free char *home = user ? xasprintf("HOME=%s", user->pw_dir) : NULL;
	auto_strv char **argv = hand_over_command(m, b->path), **env = NULL;
	auto_buf struct buf diag = { 0 };
	int rc;

	if (!user)
		return err_set(e, ERR_CONFIG, "the user %s (BACKUP_USER) does not exist", m->conf.backup_user);
	if (fd < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", b->path);
	strv_add(&env, "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strv_add(&env, "LC_ALL=C");
	strv_add(&env, home);
	rc = proc_run(&(struct proc_run){ .argv = (const char *const *)argv,
					  .timeout = COMMAND_SECONDS,
					  .uid = user->pw_uid,
					  .gid = user->pw_gid,
					  .tied = true,
					  .env = env,
					  .input = fd,
					  .diag = &diag },
		      e);
	if (rc > 0)
		return err_set(e, ERR_FAIL, "BACKUP_COMMAND (%s) failed for %s with exit code %d: %.*s", argv[0],
			       b->path, rc, (int)strcspn(buf_str(&diag), "\n"), buf_str(&diag));
	if (rc < 0)
		return err_wrap(e, "BACKUP_COMMAND");
	b->waits = false;
	log_info("handed %s to %s", b->path, argv[0]);
	return backup_meta_write(b, e) < 0 ? -1 : 1;
}

int hand_over_all(const struct machine *m, uint64_t cluster_id, struct err *e)
{
	cleanup(backup_list_free) struct backup_list l = { 0 };
	int all = 0;

	if (!m->conf.backup_command[0])
		return 0;
	if (backup_list_read(m, cluster_id, &l, e) < 0)
		return -1;
	for (size_t i = l.n; all >= 0 && i-- > 0;) {
		struct backup_meta *b = &l.all[i];
		int rc = b->waits && b->there && strcmp(b->member, m->conf.name) == 0 ? hand_over(m, b, e) : 0;

		all = rc < 0 ? -1 : all | rc;
	}
	return all;
}
