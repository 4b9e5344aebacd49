/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/place.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* etcd allocates 64 MiB for each new segment of its log, which may be on the same file system. */
#define RESERVE (128ULL << 20)

/*
 * By the device, not as a mount point: in a unit with ReadWritePaths= each such directory is one, and a share that
 * is not mounted would look as if it were.
 */
static int check_mounted(const char *path, struct err *e)
{
	auto_free char *above = xasprintf("%s/..", path);
	struct stat here, there;

	if (stat(path, &here) == 0 && stat(above, &there) == 0 && here.st_dev != there.st_dev)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s (BACKUP_MOUNT) is not mounted", path);
	return err_hint(e, "mount %s", path);
}

char *place_dir(const struct machine *m, struct err *e)
{
	auto_free char *dir = layout_path(&m->at, m->conf.backup_dir);
	auto_free char *mount = layout_path(&m->at, m->conf.backup_mount);

	if (m->conf.backup_mount[0] && check_mounted(mount, e) < 0)
		return NULL;
	if (!file_is_dir(dir) && strcmp(dir, m->at.backups) != 0 && !m->conf.backup_mount[0]) {
		(void)err_set(e, ERR_CONFIG, "the directory %s (BACKUP_DIR) does not exist", dir);
		(void)err_hint(e, "install -d -m 700 %s", dir);
		return NULL;
	}
	if (!m->dry_run && file_mkdirs(dir, FILE_MODE(0700), e) < 0)
		return NULL;
	return steal(&dir);
}

int place_check_room(const char *path, unsigned long long bytes, struct err *e)
{
	unsigned long long room = 0;

	if (file_free_space(path, &room, e) < 0)
		return -1;
	if (room >= bytes + RESERVE)
		return 0;
	(void)err_set(e, ERR_FAIL,
		      "the file system of %s has %llu MiB left, and %llu MiB are needed, a reserve of %llu MiB among "
		      "them",
		      path, room >> 20, (bytes + RESERVE) >> 20, RESERVE >> 20);
	return err_hint(e, "make room there, then run this again");
}

int place_lock(const struct machine *m, struct err *e)
{
	auto_free char *path = xasprintf("%s/backup.lock", m->at.run);

	if (m->dry_run)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	return file_mkdirs(m->at.run, FILE_MODE(0755), e) < 0 ? -1 : file_lock(path, 0, e);
}
