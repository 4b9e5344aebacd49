/* SPDX-License-Identifier: Apache-2.0
 *
 * core/config_edit: answers go in, everything a person wrote stays.
 */
#include "unit.h"

#include "base/file.h"
#include "config/edit.h"

static const struct {
	const char *before, *key, *value, *after;
} cases[] = {
	{ "", "ROLE", "single", "ROLE=single\n" },
	{ "# mine\nROLE=none\nNAME=n1\n", "ROLE", "single", "# mine\nROLE=single\nNAME=n1\n" },
	{ "#ROLE=single\n\n# next\n", "ROLE", "none", "#ROLE=single\nROLE=none\n\n# next\n" },
	{ "NAME=n1", "ROLE", "single", "NAME=n1\nROLE=single\n" },
	{ "NAME=n1", "NAME", "n2", "NAME=n2\n" },
	{ "ETCD_X_NAME=1\n", "NAME", "n2", "ETCD_X_NAME=1\nNAME=n2\n" },
};

static void answers_go_where_they_belong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct config_answer answer = { cases[i].key, cases[i].value };
		auto_free char *dir = unit_dir();
		auto_buf struct buf text = { 0 };
		struct layout at = { 0 };

		layout_init(&at, dir, NULL);
		assert_ok(file_mkdirs(at.etc, FILE_MODE(0755), e));
		assert_ok(file_replace(at.conf, FILE_MODE(0644), cases[i].before, strlen(cases[i].before), e));
		assert_ok(config_edit(&at, &answer, 1, false, e));
		assert_ok(file_read(at.conf, 4096, &text, e));
		assert_string_equal(buf_str(&text), cases[i].after);
		assert_ok(file_remove_tree(dir, e));
		layout_free(&at);
	}
}

static void a_bad_answer_changes_nothing(void **state)
{
	const struct config_answer bad = { "NAME", "not a name!" }, good = { "NAME", "n1" };
	auto_free char *dir = unit_dir();
	auto_free char *etc = NULL;
	struct layout at = { 0 };
	struct err none = { 0 };

	(void)state;
	layout_init(&at, dir, NULL);
	etc = xstrdup(at.etc);
	assert_err(config_edit(&at, &bad, 1, false, e), ERR_CONFIG, "NAME");
	assert_false(file_exists(at.conf));
	assert_int_equal(config_edit(&at, &good, 1, true, &none), 1);
	assert_false(file_exists(at.conf));
	assert_int_equal(config_edit(&at, &good, 1, false, &none), 1);
	assert_int_equal(config_edit(&at, &good, 1, false, &none), 0);
	layout_free(&at);
	assert_ok(file_remove_tree(dir, e));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(answers_go_where_they_belong),
					    cmocka_unit_test(a_bad_answer_changes_nothing) };

	return cmocka_run_group_tests_name("config_edit", tests, NULL, NULL);
}
