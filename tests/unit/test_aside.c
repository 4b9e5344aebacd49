/* SPDX-License-Identifier: Apache-2.0
 *
 * core/aside: given up, and still there.
 */
#include "unit.h"

#include "base/file.h"
#include "member/aside.h"

#define NOW   1800000000 /* 2027-01-15 08:00:00 UTC */
#define ASIDE ".aside-20270115-080000"

static char *put(const char *dir, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);
	auto_free char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	assert_ok(file_mkdirs(parent, FILE_MODE(0700), e));
	assert_ok(file_replace(path, FILE_MODE(0600), text, strlen(text), e));
	return path;
}

static void assert_holds(const char *dir, const char *name, const char *text)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	auto_buf struct buf got = { 0 };

	assert_ok(file_read(path, 4096, &got, e));
	assert_string_equal(buf_str(&got), text);
}

static void a_taken_name_is_not_taken_again(void **state)
{
	auto_free char *dir = unit_dir();
	const struct machine m = { .now = NOW };
	struct err none = { 0 };

	(void)state;
	for (int i = 1; i <= 3; i++) {
		auto_free char *text = xasprintf("%d", i);
		auto_free char *path = put(dir, "it", text);

		assert_int_equal(aside_move(&m, path, &none), 1);
		assert_false(file_exists(path));
		assert_int_equal(aside_move(&m, path, &none), 0);
	}
	assert_holds(dir, "it" ASIDE, "1");
	assert_holds(dir, "it" ASIDE "-2", "2");
	assert_holds(dir, "it" ASIDE "-3", "3");
	assert_ok(file_remove_tree(dir, e));
}

static void data_and_log_move_where_they_are(void **state)
{
	auto_free char *dir = unit_dir();
	struct machine m = { .now = NOW, .dry_run = true };
	auto_free char *db = put(dir, "data/member/snap/db", "db");
	auto_free char *wal = put(dir, "logs/wal/0.wal", "log");
	struct err none = { 0 };

	(void)state;
	layout_init(&m.at, dir, NULL);
	m.conf.data_dir = xstrdup("/data");
	m.conf.wal_dir = xstrdup("/logs");
	assert_int_equal(aside_data(&m, &none), 1);
	assert_true(file_exists(db) && file_exists(wal));
	m.dry_run = false;
	assert_int_equal(aside_data(&m, &none), 1);
	assert_holds(dir, "data/member" ASIDE "/snap/db", "db");
	assert_holds(dir, "logs/wal" ASIDE "/0.wal", "log");
	assert_int_equal(aside_data(&m, &none), 0);
	free(m.conf.data_dir);
	free(m.conf.wal_dir);
	layout_free(&m.at);
	assert_ok(file_remove_tree(dir, e));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_taken_name_is_not_taken_again),
					    cmocka_unit_test(data_and_log_move_where_they_are) };

	return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}
