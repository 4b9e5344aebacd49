/* SPDX-License-Identifier: Apache-2.0
 *
 * member/aside: moved files still exist.
 */
#include "machine_fixture.h"

#include "member/aside.h"

#define ASIDE ".aside-20270115-080000"

static void a_name_in_use_is_not_used_again(void **state)
{
	const struct machine *m = *state;
	auto_free char *path = root_path("/it");
	struct err none = { 0 };

	for (int i = 1; i <= 3; i++) {
		auto_free char *text = xasprintf("%d", i);

		put_file("/it", text);
		assert_int_equal(aside_move(m, path, &none), 1);
		assert_false(file_exists(path));
		assert_int_equal(aside_move(m, path, &none), 0);
	}
	assert_file("/it" ASIDE, "1");
	assert_file("/it" ASIDE "-2", "2");
	assert_file("/it" ASIDE "-3", "3");
}

static void data_and_log_are_renamed_in_place(void **state)
{
	struct machine *m = *state;
	auto_free char *db = root_path("/data/member/snap/db"), *wal = root_path("/logs/wal/0.wal");
	struct err none = { 0 };

	put_file("/data/member/snap/db", "db");
	put_file("/logs/wal/0.wal", "log");
	free(m->conf.data_dir);
	m->conf.data_dir = xstrdup("/data");
	m->conf.wal_dir = xstrdup("/logs");
	m->dry_run = true;
	assert_int_equal(aside_data(m, &none), 1);
	assert_true(file_exists(db) && file_exists(wal));
	m->dry_run = false;
	assert_int_equal(aside_data(m, &none), 1);
	assert_file("/data/member" ASIDE "/snap/db", "db");
	assert_file("/logs/wal" ASIDE "/0.wal", "log");
	assert_int_equal(aside_data(m, &none), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { WITH_MACHINE(a_name_in_use_is_not_used_again),
					    WITH_MACHINE(data_and_log_are_renamed_in_place) };

	return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}
