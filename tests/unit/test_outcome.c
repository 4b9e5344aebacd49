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
	long long left;

	assert_ok(outcome_read(m, &o, e));
	assert_null(o.message);
	(void)err_set(&why, ERR_PENDING, "cannot fetch \"x\" from $MIRROR\n");
	(void)err_hint(&why, "etcd-cluster setup");
	assert_int_equal(outcome_write(m, OUTCOME_PENDING, &why, 2, &why), 1);
	assert_int_equal(outcome_read(m, &o, &why), 1);
	assert_int_equal(o.state, OUTCOME_PENDING);
	assert_int_equal(o.exit, 6);
	assert_int_equal(o.tries, 2);
	assert_string_equal(o.step, "");
	assert_string_equal(o.message, "cannot fetch 'x' from ?MIRROR?");
	assert_string_equal(o.hint, "etcd-cluster setup");
	assert_true(outcome_is_same(&o, &why));
	left = o.next_ms - clock_ms();
	assert_in_range(left, 60000, 150000);
	(void)err_set(&why, ERR_PENDING, "another");
	assert_false(outcome_is_same(&o, &why));
	outcome_free(&o);
	assert_int_equal(outcome_write(m, OUTCOME_READY, NULL, 0, &why), 1);
	assert_int_equal(outcome_write(m, OUTCOME_READY, NULL, 0, &why), 0);
	assert_int_equal(outcome_read(m, &o, &why), 1);
	assert_int_equal(o.state, OUTCOME_READY);
	outcome_free(&o);
}

static void a_step_keeps_why_setup_was_not_ready_before(void **state)
{
	const struct machine *m = *state;
	struct outcome before = { 0 }, o = { 0 };
	struct err why = { 0 };

	(void)err_set(&why, ERR_FAIL, "no space");
	assert_int_equal(outcome_write(m, OUTCOME_FAILED, &why, 1, &why), 1);
	assert_int_equal(outcome_read(m, &before, &why), 1);
	assert_int_equal(outcome_write_step(m, "release", &before, &why), 1);
	assert_int_equal(outcome_write_step(m, "release", &before, &why), 0);
	assert_int_equal(outcome_read(m, &o, &why), 1);
	assert_int_equal(o.state, OUTCOME_RUNNING);
	assert_string_equal(o.step, "release");
	assert_string_equal(o.message, "no space");
	assert_int_equal(o.tries, 1);
	assert_int_equal(o.next_ms, 0); /* one that was killed is tried at once */
	assert_false(outcome_is_settled(&o));
	outcome_free(&o);
	outcome_free(&before);
}

static void pauses_grow_to_five_minutes(void **state)
{
	(void)state;
	assert_int_equal(outcome_backoff_ms(0, 0), 30000);
	assert_int_equal(outcome_backoff_ms(0, 255), 37500);
	assert_int_equal(outcome_backoff_ms(1, 0), 60000);
	assert_int_equal(outcome_backoff_ms(3, 0), 240000);
	assert_int_equal(outcome_backoff_ms(UINT32_MAX, 255), 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(an_outcome_is_read_as_written),
		WITH_MACHINE(a_step_keeps_why_setup_was_not_ready_before),
		cmocka_unit_test(pauses_grow_to_five_minutes),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
