/* SPDX-License-Identifier: Apache-2.0
 *
 * flow/retry: the wait ends, and the pauses are short.
 */
#include "unit.h"

#include "base/clock.h"
#include "flow/retry.h"

static void zero_seconds_are_no_pause(void **state)
{
	const struct err why = { .class = ERR_PENDING, .msg = "nobody answers" };
	struct retry p;
	long long began = clock_ms();

	(void)state;
	retry_begin(&p, 0);
	assert_false(retry_pause(&p, &why));
	assert_true(clock_ms() - began < 100);
}

static void retries_end_in_time(void **state)
{
	const struct err why = { .class = ERR_PENDING, .msg = "nobody answers" };
	struct retry p;
	long long began = clock_ms();
	unsigned int looks = 0;

	(void)state;
	retry_begin(&p, 1);
	while (looks < 100 && retry_pause(&p, &why))
		looks++;
	/* Pauses of 188 to 312 ms, longer on a busy machine. */
	assert_in_range(looks, 1, 6);
	assert_in_range(clock_ms() - began, 1000, 5000);
	assert_string_equal(p.logged, "nobody answers");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_seconds_are_no_pause),
		cmocka_unit_test(retries_end_in_time),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
