/* SPDX-License-Identifier: Apache-2.0
 *
 * base/file: a replacement leaves the old or the new file, and no other files.
 */
#include "machine_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

/* The entries of the root: /etc and the files of the test. */
static size_t count_entries(const char *path)
{
	auto_closedir DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n - 2;
}

static void a_file_is_replaced_with_its_mode(void **state)
{
	auto_free char *path = root_path("/f");
	struct stat st;

	(void)state;
	assert_ok(file_replace(path, FILE_MODE(0640), "one", 3, e));
	assert_file("/f", "one");
	assert_ok(file_replace(path, FILE_MODE(0600), "", 0, e));
	assert_file("/f", "");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(count_entries(root), 2);
}

static void a_full_disk_keeps_the_old_file(void **state)
{
	auto_free char *path = root_path("/f");
	static char big[65536];
	int status;

	(void)state;
	assert_ok(file_replace(path, FILE_MODE(0600), "old", 3, e));
	/* RLIMIT_FSIZE stops the write in the middle, like a full disk; in a child, because the limit cannot be reset. */
	if (fork() == 0) {
		const struct rlimit small = { 4096, 4096 };
		struct err e = { 0 };

		(void)signal(SIGXFSZ, SIG_IGN);
		(void)setrlimit(RLIMIT_FSIZE, &small);
		_exit(file_replace(path, FILE_MODE(0600), big, sizeof(big), &e) == -1 && e.sys == EFBIG ? 0 : 1);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_file("/f", "old");
	assert_int_equal(count_entries(root), 2);
}

static void a_missing_directory_is_an_error(void **state)
{
	auto_free char *path = root_path("/no/such/f");

	(void)state;
	assert_err(file_replace(path, FILE_MODE(0600), "x", 1, e), ERR_FAIL, path);
}

static void no_more_is_read_than_allowed(void **state)
{
	auto_free char *path = root_path("/f");
	auto_buf struct buf got = { 0 };
	struct err missing = { 0 };

	(void)state;
	assert_ok(file_replace(path, FILE_MODE(0600), "12345", 5, e));
	assert_err(file_read(path, 4, &got, e), ERR_FAIL, "larger than 4");
	assert_err(file_read(root, 4, &got, e), ERR_FAIL, "not a regular file");
	assert_int_equal(file_read("/nonexistent/f", 4, &got, &missing), -1);
	assert_int_equal(missing.sys, ENOENT);
}

static void trees_are_made_and_removed(void **state)
{
	auto_free char *deep = root_path("/a/b/c");
	auto_free char *file = xasprintf("%s/f", deep);
	auto_free char *top = root_path("/a");
	auto_free char *link = root_path("/a/out");

	(void)state;
	assert_ok(file_mkdirs(deep, FILE_MODE(0750), e));
	assert_ok(file_mkdirs(deep, FILE_MODE(0700), e));
	assert_ok(file_replace(file, FILE_MODE(0600), "x", 1, e));
	assert_ok(file_replace_link(link, "/etc", e));
	assert_ok(file_sync_tree(top, e));
	assert_int_equal(chmod(deep, 0), 0); /* as in CVE-2025-6297 of dpkg */
	assert_ok(file_remove_tree(top, e));
	assert_false(file_exists(top));
	assert_true(file_is_dir("/etc"));
	assert_err(file_mkdirs("/proc/nonsense/x", FILE_MODE(0700), e), ERR_FAIL, "/proc/nonsense");
}

/* Exchanges two names as fast as it can. Never returns. */
static void swap_forever(const char *a, const char *b)
{
	for (;;)
		(void)renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

/* If others can write its parent, a directory can become a link at any moment during its removal. */
static void a_link_swapped_in_is_not_followed(void **state)
{
	auto_free char *victim = root_path("/victim"), *a = root_path("/a"), *b = root_path("/b");
	struct err lost = { 0 };
	struct stat st;
	pid_t child;

	(void)state;
	assert_ok(file_mkdirs(victim, FILE_MODE(0711), e));
	child = fork();
	if (child == 0)
		swap_forever(a, b);
	for (int i = 0; i < 300; i++) {
		/* Each call can fail, because the tree changes. */
		(void)!file_mkdirs(a, FILE_MODE(0755), &lost);
		(void)!file_replace_link(b, victim, &lost);
		(void)!file_remove_tree(a, &lost);
		(void)!file_remove_tree(b, &lost);
		(void)!file_remove_tree(a, &lost);
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
}

static void directories_are_exchanged(void **state)
{
	auto_free char *a = root_path("/a"), *b = root_path("/b");
	auto_free char *in_a = root_path("/a/new"), *in_b = root_path("/b/new");

	(void)state;
	assert_ok(file_mkdirs(a, FILE_MODE(0700), e));
	assert_ok(file_mkdirs(b, FILE_MODE(0700), e));
	assert_ok(file_replace(in_b, FILE_MODE(0600), "x", 1, e));
	assert_ok(file_exchange(a, b, e));
	assert_true(file_exists(in_a));
	assert_false(file_exists(in_b));
}

static void links_are_replaced(void **state)
{
	auto_free char *link = root_path("/current");
	struct err none = { 0 };
	auto_free char *target = NULL;

	(void)state;
	assert_ok(file_replace_link(link, "v1", e));
	assert_ok(file_replace_link(link, "v2", e));
	target = file_read_link(link, &none);
	assert_string_equal(target, "v2");
	assert_int_equal(count_entries(root), 2);
	assert_true(file_exists(link)); /* although it dangles */
}

static void only_own_leftovers_are_swept(void **state)
{
	auto_free char *left = root_path("/.new-0123"), *mine = root_path("/keep");

	(void)state;
	assert_ok(file_replace(left, FILE_MODE(0600), "x", 1, e));
	assert_ok(file_replace(mine, FILE_MODE(0600), "x", 1, e));
	file_sweep(root);
	assert_false(file_exists(left));
	assert_true(file_exists(mine));
}

static void a_file_that_others_can_write_is_not_trusted(void **state)
{
	auto_free char *path = root_path("/f");
	auto_close int fd = -1;

	(void)state;
	assert_ok(file_replace(path, FILE_MODE(0644), "x", 1, e));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_ok(file_check_trusted(fd, path, e));
	assert_int_equal(chmod(path, 0664), 0);
	assert_err(file_check_trusted(fd, path, e), ERR_VERIFY, "chmod go-w");
}

static void only_one_process_holds_the_lock(void **state)
{
	auto_free char *path = root_path("/lock");
	auto_free char *me = xasprintf("process %ld", (long)getpid());
	struct err first = { 0 };
	int fd = file_lock(path, 0, &first);

	(void)state;
	assert_true(fd >= 0);
	assert_err(file_lock(path, 0, e), ERR_FAIL, me);
	(void)close(fd);
	fd = file_lock(path, 0, &first);
	assert_true(fd >= 0);
	(void)close(fd);
}

static void free_space_is_known_before_the_directory_exists(void **state)
{
	auto_free char *path = root_path("/not/yet");
	unsigned long long bytes = 0;

	(void)state;
	assert_ok(file_free_space(path, &bytes, e));
	assert_true(bytes > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(a_file_is_replaced_with_its_mode), WITH_ROOT(a_full_disk_keeps_the_old_file),
		WITH_ROOT(a_missing_directory_is_an_error),  WITH_ROOT(no_more_is_read_than_allowed),
		WITH_ROOT(trees_are_made_and_removed),	     WITH_ROOT(a_link_swapped_in_is_not_followed),
		WITH_ROOT(directories_are_exchanged),	     WITH_ROOT(links_are_replaced),
		WITH_ROOT(only_own_leftovers_are_swept),     WITH_ROOT(a_file_that_others_can_write_is_not_trusted),
		WITH_ROOT(only_one_process_holds_the_lock),  WITH_ROOT(free_space_is_known_before_the_directory_exists),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
