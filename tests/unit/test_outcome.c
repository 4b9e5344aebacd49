/* SPDX-License-Identifier: Apache-2.0
 *
 * service/outcome: the result of setup that status shows.
 */
#include "machine_fixture.h"

#include "service/outcome.h"

static void an_outcome_is_read_as_written(void **state)
{
	const struct machine *m = *state;
	struct outcome o = { 0 };
	struct err why = { 0 };

	assert_ok(outcome_read(m, &o, e));
	assert_null(o.message);
	(void)err_set(&why, ERR_PENDING, "cannot fetch \"x\" from $MIRROR\n");
	(void)err_hint(&why, "etcd-cluster setup");
	assert_ok(outcome_write(m, OUTCOME_PENDING, &why, e));
	assert_int_equal(outcome_write(m, OUTCOME_PENDING, &why, &why), 0);
	assert_int_equal(outcome_read(m, &o, &why), 1);
	assert_int_equal(o.state, OUTCOME_PENDING);
	assert_int_equal(o.exit, 6);
	assert_string_equal(o.message, "cannot fetch 'x' from ?MIRROR?");
	assert_string_equal(o.hint, "etcd-cluster setup");
	outcome_free(&o);
	assert_int_equal(outcome_write(m, OUTCOME_READY, NULL, &why), 1);
	assert_int_equal(outcome_read(m, &o, &why), 1);
	assert_int_equal(o.state, OUTCOME_READY);
	outcome_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = { WITH_MACHINE(an_outcome_is_read_as_written) };

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
