/* SPDX-License-Identifier: Apache-2.0
 *
 * core/outcome: what setup leaves for status to say.
 */
#include "unit.h"

#include "base/file.h"
#include "service/outcome.h"

static void comes_back_as_it_was_said(void **state)
{
	auto_free char *dir = unit_dir();
	struct machine m = { 0 };
	struct outcome o = { 0 };
	struct err why = { 0 };

	(void)state;
	layout_init(&m.at, dir, NULL);
	assert_ok(outcome_read(&m, &o, e));
	assert_null(o.message);
	(void)err_set(&why, ERR_PENDING, "cannot fetch \"x\" from $MIRROR\n");
	(void)err_hint(&why, "etcd-cluster setup");
	assert_ok(outcome_write(&m, OUTCOME_PENDING, &why, e));
	assert_int_equal(outcome_write(&m, OUTCOME_PENDING, &why, &why), 0);
	assert_int_equal(outcome_read(&m, &o, &why), 1);
	assert_int_equal(o.state, OUTCOME_PENDING);
	assert_int_equal(o.exit, 6);
	assert_string_equal(o.message, "cannot fetch 'x' from ?MIRROR?");
	assert_string_equal(o.hint, "etcd-cluster setup");
	outcome_free(&o);
	assert_int_equal(outcome_write(&m, OUTCOME_READY, NULL, &why), 1);
	assert_int_equal(outcome_read(&m, &o, &why), 1);
	assert_int_equal(o.state, OUTCOME_READY);
	outcome_free(&o);
	layout_free(&m.at);
	assert_ok(file_remove_tree(dir, e));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(comes_back_as_it_was_said) };

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
