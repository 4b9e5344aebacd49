/* SPDX-License-Identifier: Apache-2.0
 *
 * config/edit: writes answers and keeps all other lines.
 */
#include "machine_fixture.h"

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
	const struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct config_answer answer = { cases[i].key, cases[i].value };

		put_file("/etc/etcd/cluster.conf", cases[i].before);
		assert_ok(config_edit(&m->at, &answer, 1, false, e));
		assert_file("/etc/etcd/cluster.conf", cases[i].after);
	}
}

static void a_bad_answer_changes_nothing(void **state)
{
	const struct config_answer bad = { "NAME", "not a name!" }, good = { "NAME", "n1" };
	const struct machine *m = *state;
	const struct layout *at = &m->at;
	struct err none = { 0 };

	remove_path("/etc/etcd");
	assert_err(config_edit(at, &bad, 1, false, e), ERR_CONFIG, "NAME");
	assert_false(file_exists(at->conf));
	assert_int_equal(config_edit(at, &good, 1, true, &none), 1);
	assert_false(file_exists(at->conf));
	assert_int_equal(config_edit(at, &good, 1, false, &none), 1);
	assert_int_equal(config_edit(at, &good, 1, false, &none), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { WITH_MACHINE(answers_go_where_they_belong),
					    WITH_MACHINE(a_bad_answer_changes_nothing) };

	return cmocka_run_group_tests_name("config_edit", tests, NULL, NULL);
}
