/* SPDX-License-Identifier: Apache-2.0
 *
 * base/file: what replaces a file leaves the old one or the new one, and nothing beside it.
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

/* Of the root: /etc, and what the test leaves. */
static size_t count_entries(const char *path)
{
	auto_closedir DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n - 2;
}

static void replaces_with_the_mode_asked_for(void **state)
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
	/* RLIMIT_FSIZE fails the write half-way, as a full disk does; in a child, because it cannot be taken back. */
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

static void refuses_what_it_cannot_write(void **state)
{
	auto_free char *path = root_path("/no/such/f");

	(void)state;
	assert_err(file_replace(path, FILE_MODE(0600), "x", 1, e), ERR_FAIL, path);
}

static void reads_no_more_than_allowed(void **state)
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

static void makes_and_removes_trees(void **state)
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
	assert_int_equal(chmod(deep, 0), 0); /* what dpkg's CVE-2025-6297 tripped over */
	assert_ok(file_remove_tree(top, e));
	assert_false(file_exists(top));
	assert_true(file_is_dir("/etc"));
	assert_err(file_mkdirs("/proc/nonsense/x", FILE_MODE(0700), e), ERR_FAIL, "/proc/nonsense");
}

static void exchanges_directories(void **state)
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

static void points_links(void **state)
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

static void sweeps_only_its_own(void **state)
{
	auto_free char *left = root_path("/.new-0123"), *mine = root_path("/keep");

	(void)state;
	assert_ok(file_replace(left, FILE_MODE(0600), "x", 1, e));
	assert_ok(file_replace(mine, FILE_MODE(0600), "x", 1, e));
	file_sweep(root);
	assert_false(file_exists(left));
	assert_true(file_exists(mine));
}

static void distrusts_what_others_can_write(void **state)
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

static void one_holds_the_lock(void **state)
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

static void tells_free_space_of_what_is_not_there_yet(void **state)
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
		WITH_ROOT(replaces_with_the_mode_asked_for),
		WITH_ROOT(a_full_disk_keeps_the_old_file),
		WITH_ROOT(refuses_what_it_cannot_write),
		WITH_ROOT(reads_no_more_than_allowed),
		WITH_ROOT(makes_and_removes_trees),
		WITH_ROOT(exchanges_directories),
		WITH_ROOT(points_links),
		WITH_ROOT(sweeps_only_its_own),
		WITH_ROOT(distrusts_what_others_can_write),
		WITH_ROOT(one_holds_the_lock),
		WITH_ROOT(tells_free_space_of_what_is_not_there_yet),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
