/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

/* The directory part of path, "." for a bare name. The caller frees. */
static char *parent_of(const char *path)
{
	auto_free char *copy = xstrdup(path);

	return xstrdup(dirname(copy)); /* POSIX's: changes its argument */
}

/* A name beside path that nobody can guess. The caller frees. */
static char *temp_beside(const char *path)
{
	auto_free char *dir = parent_of(path);
	uint64_t random;

	/* Eight bytes never block and never come short (getrandom(2)). */
	must(getrandom(&random, sizeof(random), 0) == (ssize_t)sizeof(random));
	return xasprintf("%s/" FILE_TEMP ID_FMT, dir, random);
}

int file_sync_parent(const char *path, struct err *e)
{
	auto_free char *dir = parent_of(path);
	auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? err_sys(e, ERR_FAIL, "cannot sync directory %s", dir) : 0;
}

int file_write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = TEMP_FAILURE_RETRY(write(fd, data, len));

		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Owner first: chown(2) may clear mode bits. */
static int apply_mode(int fd, struct file_mode how)
{
	if ((how.uid != (uid_t)-1 || how.gid != (gid_t)-1) && fchown(fd, how.uid, how.gid) < 0)
		return -1;
	return fchmod(fd, how.mode);
}

static int replace(const char *path, struct file_mode how, const void *data, size_t len, bool durable, struct err *e)
{
	auto_free char *temp = temp_beside(path);
	auto_close int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || apply_mode(fd, how) < 0 || file_write_all(fd, data, len) < 0 || (durable && fsync(fd) < 0) ||
	    rename(temp, path) < 0) {
		(void)err_sys(e, ERR_FAIL, "cannot write %s", path);
		(void)unlink(temp);
		return -1;
	}
	return durable ? file_sync_parent(path, e) : 0;
}

int file_replace(const char *path, struct file_mode how, const void *data, size_t len, struct err *e)
{
	return replace(path, how, data, len, true, e);
}

int file_stage(const char *path, struct file_mode how, const void *data, size_t len, struct err *e)
{
	return replace(path, how, data, len, false, e);
}

int file_set_mode(const char *path, struct file_mode how, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot open %s", path);
	if ((st.st_mode & 07777) == how.mode && (how.uid == (uid_t)-1 || how.uid == st.st_uid) &&
	    (how.gid == (gid_t)-1 || how.gid == st.st_gid))
		return 0;
	if (apply_mode(fd, how) < 0)
		return err_sys(e, ERR_FAIL, "cannot set owner and mode of %s", path);
	return 1;
}

int file_create(const char *path, struct file_mode how, struct err *e)
{
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || apply_mode(fd, how) < 0)
		return err_sys(e, ERR_FAIL, "cannot make %s", path);
	return steal_fd(&fd);
}

int file_finish(int fd, const char *part, const char *path, struct file_mode how, struct err *e)
{
	if (apply_mode(fd, how) < 0 || fsync(fd) < 0)
		return err_sys(e, ERR_FAIL, "cannot write %s", part);
	return file_rename(part, path, e);
}

int file_read_fd(int fd, const char *path, size_t max, struct buf *out, struct err *e)
{
	char chunk[16384];
	size_t total = 0;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = TEMP_FAILURE_RETRY(read(fd, chunk, sizeof(chunk)))) != 0) {
		if (n < 0) {
			rc = err_sys(e, ERR_FAIL, "cannot read %s", path);
		} else if ((size_t)n > max - total) {
			rc = err_set(e, ERR_FAIL, "cannot read %s: larger than %zu bytes", path, max);
		} else {
			total += (size_t)n;
			buf_add(out, chunk, (size_t)n);
		}
	}
	explicit_bzero(chunk, sizeof(chunk)); /* it may have been a key */
	return rc;
}

int file_read(const char *path, size_t max, struct buf *out, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FAIL, "cannot read %s: not a regular file", path);
	return file_read_fd(fd, path, max, out, e);
}

bool file_exists(const char *path)
{
	return lstat(path, &(struct stat){ 0 }) == 0;
}

bool file_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int make_dir(const char *path, struct file_mode how, struct err *e)
{
	auto_close int fd = -1;
	mode_t mask;
	bool there;

	if (file_is_dir(path))
		return 0;
	mask = umask(0); /* nobody corrects the mode of a directory that a killed run has made */
	there = mkdir(path, how.mode) == 0 || errno == EEXIST;
	(void)umask(mask);
	if (there)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || apply_mode(fd, how) < 0)
		return err_sys(e, ERR_FAIL, "cannot make directory %s", path);
	return file_sync_parent(path, e);
}

int file_mkdirs(const char *path, struct file_mode how, struct err *e)
{
	auto_free char *part = xstrdup(path);

	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (make_dir(part, how, e) < 0)
			return -1;
		*slash = '/';
	}
	return make_dir(path, how, e);
}

int file_replace_link(const char *path, const char *target, struct err *e)
{
	auto_free char *temp = temp_beside(path);

	if (symlink(target, temp) < 0 || rename(temp, path) < 0) {
		(void)err_sys(e, ERR_FAIL, "cannot point %s at %s", path, target);
		(void)unlink(temp);
		return -1;
	}
	return file_sync_parent(path, e);
}

char *file_read_link(const char *path, struct err *e)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0) {
		(void)err_sys(e, ERR_FAIL, "cannot read the link %s", path);
		return NULL;
	}
	return xstrndup(target, (size_t)n);
}

/* Where both are in one directory, the second fsync finds nothing to write. */
static int sync_parents(const char *a, const char *b, struct err *e)
{
	return file_sync_parent(a, e) < 0 ? -1 : file_sync_parent(b, e);
}

int file_rename(const char *from, const char *to, struct err *e)
{
	if (rename(from, to) < 0)
		return err_sys(e, ERR_FAIL, "cannot rename %s to %s", from, to);
	return sync_parents(from, to, e);
}

int file_exchange(const char *a, const char *b, struct err *e)
{
	if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0)
		return err_sys(e, ERR_FAIL, "cannot exchange %s and %s", a, b);
	return sync_parents(a, b, e);
}

void file_sweep(const char *dir)
{
	auto_closedir DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (text_starts(entry->d_name, FILE_TEMP))
			(void)unlinkat(dirfd(d), entry->d_name, 0);
}

/* Who owns it and who can write it. */
static int check_writers(const struct stat *st, const char *path, struct err *e)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		(void)err_set(e, ERR_VERIFY, "%s belongs to user %u, who could change it while it is read", path,
			      (unsigned int)st->st_uid);
		return err_hint(e, "chown root:root %s", path);
	}
	if (st->st_mode & 022) {
		(void)err_set(e, ERR_VERIFY, "%s can be written by others (mode %04o)", path,
			      (unsigned int)st->st_mode & 07777);
		return err_hint(e, "chmod go-w %s", path);
	}
	return 0;
}

int file_check_trusted(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot inspect %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_VERIFY, "%s is not a regular file", path);
	return check_writers(&st, path, e);
}

int file_check_trusted_place(const char *path, struct err *e)
{
	auto_free char *dir = parent_of(path), *above = parent_of(dir);
	const char *const dirs[] = { above, dir };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		struct stat st;

		if (stat(dirs[i], &st) < 0)
			return err_sys(e, ERR_FAIL, "cannot inspect directory %s", dirs[i]);
		if (check_writers(&st, dirs[i], e) < 0)
			return err_wrap(e, "%s is not trusted", path);
	}
	return 0;
}

int file_open_private(const char *path, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_VERIFY, "%s is a symlink: a secret must be a file of its own", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot open %s", path);
	if (file_check_trusted(fd, path, e) < 0)
		return -1;
	if (st.st_mode & 077) {
		(void)err_set(e, ERR_VERIFY, "%s holds a secret and can be read by others (mode %04o)", path,
			      (unsigned int)st.st_mode & 07777);
		return err_hint(e, "chmod 600 %s, and replace the secret if somebody may have read it", path);
	}
	return steal_fd(&fd);
}

int file_wipe(const char *path, struct err *e)
{
	auto_close int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	static const char zeros[512];
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot wipe %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FAIL, "cannot wipe %s: not a regular file", path);
	for (off_t left = st.st_size; left > 0; left -= (off_t)sizeof(zeros))
		if (file_write_all(fd, zeros, left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros)) < 0)
			return err_sys(e, ERR_FAIL, "cannot overwrite %s", path);
	if (fsync(fd) < 0 || unlink(path) < 0)
		return err_sys(e, ERR_FAIL, "cannot wipe %s", path);
	return file_sync_parent(path, e) < 0 ? -1 : 1;
}

/* The file system of path, or of its nearest ancestor that exists. */
static int stat_fs(const char *path, struct statvfs *fs, struct err *e)
{
	auto_free char *copy = xstrdup(path);

	for (char *at = copy; statvfs(at, fs) < 0; at = dirname(at))
		if (errno != ENOENT || strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
			return err_sys(e, ERR_FAIL, "cannot inspect the file system of %s", path);
	return 0;
}

int file_free_space(const char *path, unsigned long long *bytes, struct err *e)
{
	struct statvfs fs;

	if (stat_fs(path, &fs, e) < 0)
		return -1;
	*bytes = (unsigned long long)fs.f_bavail * fs.f_frsize;
	return 0;
}

int file_check_programs(const char *path, struct err *e)
{
	struct statvfs fs;

	if (stat_fs(path, &fs, e) < 0)
		return -1;
	if (fs.f_flag & ST_RDONLY) {
		(void)err_set(e, ERR_CONFIG, "%s is on a read-only file system", path);
		return err_hint(e, "mount it writable for the moment, then run this again");
	}
	if (fs.f_flag & ST_NOEXEC) {
		(void)err_set(e, ERR_CONFIG, "%s is on a file system mounted noexec: nothing there can run", path);
		return err_hint(e, "mount it without noexec");
	}
	return 0;
}

int file_lock(const char *path, unsigned int seconds, struct err *e)
{
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	long long deadline = clock_ms() + 1000LL * seconds;
	char pid[24] = "";

	if (fd < 0)
		return err_sys(e, ERR_FAIL, "cannot open the lock %s", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_sys(e, ERR_FAIL, "cannot lock %s", path);
		if (clock_ms() >= deadline) {
			if (pread(fd, pid, sizeof(pid) - 1, 0) > 0)
				pid[strcspn(pid, "\n")] = '\0';
			text_printable(pid);
			(void)err_set(e, ERR_FAIL, "another etcd-cluster (process %s) holds the lock %s", pid, path);
			return err_hint(e, "wait for it to end, then run this again");
		}
		clock_sleep(100);
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
		return err_sys(e, ERR_FAIL, "cannot write the lock %s", path);
	return steal_fd(&fd);
}
