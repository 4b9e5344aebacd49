/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of base/file.h that work on directories and whole trees.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int file_list(const char *dir, bool (*wanted)(const char *name), char ***names, struct err *e)
{
	auto_closedir DIR *d = opendir(dir);
	struct dirent *entry;

	*names = NULL;
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, ERR_FAIL, "cannot read %s", dir);
	while ((entry = readdir(d)))
		if (!is_dots(entry->d_name) && (!wanted || wanted(entry->d_name)))
			strv_add(names, entry->d_name);
	strv_sort(*names);
	return 0;
}

/* A directory whose mode may keep its owner out. The mode is set by descriptor: the name may lead elsewhere by now. */
static int open_up(int dirfd, const char *name)
{
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), place = -1;
	char self[32];

	if (fd < 0 && errno == EACCES) {
		place = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
		if (place >= 0 && chmod(self, 0700) == 0)
			fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0 || fchmod(fd, 0700) < 0)
		return -1;
	return steal_fd(&fd);
}

/* Depth-first, by descriptor: nothing is followed. */
static int remove_below(int dirfd, const char *name)
{
	auto_close int fd = -1;
	auto_closedir DIR *dir = NULL;
	struct dirent *entry;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	fd = open_up(dirfd, name);
	dir = fd < 0 ? NULL : fdopendir(dup(fd));
	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		if (!is_dots(entry->d_name) && remove_below(fd, entry->d_name) < 0)
			return -1;
	return unlinkat(dirfd, name, AT_REMOVEDIR);
}

int file_remove_tree(const char *path, struct err *e)
{
	if (remove_below(AT_FDCWD, path) < 0)
		return err_sys(e, ERR_FAIL, "cannot remove %s", path);
	return file_sync_parent(path, e);
}

static bool is_whole(const char *name)
{
	return !text_starts(name, FILE_TEMP);
}

int file_link_tree(const char *from, const char *to, struct err *e)
{
	auto_strv char **names = NULL;

	if (file_list(from, is_whole, &names, e) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *old = xasprintf("%s/%s", from, names[i]);
		auto_free char *new = xasprintf("%s/%s", to, names[i]);
		struct stat st;

		if (lstat(old, &st) < 0)
			return err_sys(e, ERR_FAIL, "cannot inspect %s", old);
		if (S_ISDIR(st.st_mode)) {
			const struct file_mode how = { .mode = st.st_mode & 07777, .uid = st.st_uid, .gid = st.st_gid };

			if (file_mkdirs(new, how, e) < 0 || file_link_tree(old, new, e) < 0)
				return -1;
		} else if (link(old, new) < 0 && errno != EEXIST) {
			return err_sys(e, ERR_FAIL, "cannot link %s to %s", new, old);
		}
	}
	return 0;
}

/* Lets the kernel begin to write every file: a journal then commits them all at the first fsync. Errors show there. */
static void begin_writing(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		auto_close int fd = -1;

		if (entry->d_type == DT_REG)
			fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0)
			(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	rewinddir(dir);
}

int file_sync_tree(const char *path, struct err *e)
{
	auto_closedir DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return err_sys(e, ERR_FAIL, "cannot open %s", path);
	begin_writing(dir);
	while ((entry = readdir(dir))) {
		auto_free char *child = xasprintf("%s/%s", path, entry->d_name);
		auto_close int fd = -1;

		if (entry->d_type == DT_DIR && !is_dots(entry->d_name) && file_sync_tree(child, e) < 0)
			return -1;
		if (entry->d_type != DT_REG)
			continue; /* a link is part of its directory */
		fd = open(child, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fsync(fd) < 0)
			return err_sys(e, ERR_FAIL, "cannot sync %s", child);
	}
	return fsync(dirfd(dir)) < 0 ? err_sys(e, ERR_FAIL, "cannot sync directory %s", path) : 0;
}

int file_own_tree(const char *path, uid_t uid, gid_t gid, struct err *e)
{
	auto_strv char **names = NULL;
	struct stat st;

	if (lchown(path, uid, gid) < 0 || lstat(path, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot change the owner of %s", path);
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (file_list(path, NULL, &names, e) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *child = xasprintf("%s/%s", path, names[i]);

		if (file_own_tree(child, uid, gid, e) < 0)
			return -1;
	}
	return 0;
}
