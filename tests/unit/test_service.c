/* SPDX-License-Identifier: Apache-2.0
 *
 * service/service: what the properties of etcd.service mean.
 */
#include "unit.h"

#include "base/mem.h"
#include "service/service.h"

static void the_end_of_a_unit_is_told_from_a_restart(void **state)
{
	static const struct {
		const char *state, *result, *condition;
		enum service_end end;
	} rows[] = {
		{ "active", "success", "yes", SERVICE_GOOD },
		{ "activating", "success", "yes", SERVICE_GOOD },
		{ "inactive", "success", "yes", SERVICE_GOOD },
		{ "inactive", "success", "no", SERVICE_SKIPPED },
		{ "failed", "exit-code", "yes", SERVICE_FAILED },
		{ "failed", "success", "yes", SERVICE_FAILED },
		/* Killed once, or refused by its preflight: systemd starts it again in 5 s. */
		{ "activating", "signal", "yes", SERVICE_RESTARTS },
		{ "activating", "exit-code", "yes", SERVICE_RESTARTS },
		{ "deactivating", "timeout", "yes", SERVICE_RESTARTS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(service_end(rows[i].state, rows[i].result, rows[i].condition), rows[i].end);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_end_of_a_unit_is_told_from_a_restart) };

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
