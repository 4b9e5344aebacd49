/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster/removal: finds exactly the named member, or none.
 */
#include "unit.h"

#include "cluster/removal.h"

#define N1 0x8e9e05c52164694dU
#define N2 0x0b1c2d3e4f506172U

static char n1[] = "n1", n2[] = "n2", abc[] = "abc", none[] = "", url[] = "https://10.0.0.1:2379";

static void a_member_is_picked_by_its_exact_name_or_id(void **state)
{
	struct member list[] = { { .id = N1, .name = n1, .url = url, .listed = true },
				 { .id = N2, .name = n2, .url = url, .listed = true },
				 { .id = 5, .name = none, .url = none, .listed = true, .learner = true },
				 { .id = 0, .name = abc, .url = url } };
	const struct member_survey s = { .list = list, .n = ARRAY_LEN(list) };
	const struct member *one = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(removal_pick(&s, "n2", &one, &e), 1);
	assert_ptr_equal(one, &list[1]);
	assert_int_equal(removal_pick(&s, "8e9e05c52164694d", &one, &e), 1);
	assert_ptr_equal(one, &list[0]);
	/* etcdctl prints IDs without leading zeros. */
	assert_int_equal(removal_pick(&s, "b1c2d3e4f506172", &one, &e), 1);
	assert_ptr_equal(one, &list[1]);
	assert_int_equal(removal_pick(&s, "5", &one, &e), 1);
	assert_ptr_equal(one, &list[2]);
	/* A part of a name or of an ID, a name that only cluster.conf has, and an empty text do not match. */
	assert_int_equal(removal_pick(&s, "n", &one, &e), 0);
	assert_null(one);
	assert_int_equal(removal_pick(&s, "8e9e05c52164694", &one, &e), 0);
	assert_int_equal(removal_pick(&s, "abc", &one, &e), 0);
	assert_int_equal(removal_pick(&s, "N1", &one, &e), 0);
	assert_ptr_equal(removal_by_id(&s, N2), &list[1]);
	assert_null(removal_by_id(&s, 0));
}

static void an_ambiguous_name_is_refused(void **state)
{
	struct member list[] = { { .id = N1, .name = n1, .url = url, .listed = true },
				 { .id = N2, .name = n1, .url = url, .listed = true },
				 { .id = 0xabc, .name = n2, .url = url, .listed = true },
				 { .id = 7, .name = abc, .url = url, .listed = true } };
	const struct member_survey s = { .list = list, .n = ARRAY_LEN(list) };
	const struct member *one = NULL;

	(void)state;
	assert_err(removal_pick(&s, "n1", &one, e), ERR_CONFIG, "8e9e05c52164694d");
	assert_err(removal_pick(&s, "abc", &one, e), ERR_CONFIG, "by its ID");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_member_is_picked_by_its_exact_name_or_id),
					    cmocka_unit_test(an_ambiguous_name_is_refused) };

	return cmocka_run_group_tests_name("removal", tests, NULL, NULL);
}
