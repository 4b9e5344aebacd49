/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster/removal: every cluster of 1 to 7 voters, every number of healthy ones, every kind of member to remove. The
 * expected results are counted voter by voter, without the formula.
 */
#include "unit.h"

#include "cluster/removal.h"

#define MOST 7

/* More than half, by counting: more voters are healthy than not. */
static bool outnumber(size_t healthy, size_t all)
{
	size_t others = 0;

	for (size_t i = healthy; i < all; i++)
		others++;
	return healthy > others;
}

static struct member_votes votes(size_t all, size_t healthy)
{
	return (struct member_votes){ .all = all, .healthy = healthy, .quorum = all / 2 + 1 };
}

enum verdict { OK, LAST, NO_QUORUM, TOO_FEW };

static enum verdict judge(struct member_votes now, bool voter, bool healthy)
{
	struct err e = { 0 };

	if (removal_judge(now, voter, healthy, "n2", &e) == 0)
		return OK;
	if (e.class == ERR_CONFIG)
		return LAST;
	assert_int_equal(e.class, ERR_HEALTH);
	return strncmp(e.msg, "no quorum", strlen("no quorum")) == 0 ? NO_QUORUM : TOO_FEW;
}

static void every_removal_of_a_voter_is_judged(void **state)
{
	unsigned int seen[4] = { 0 };

	(void)state;
	for (size_t all = 1; all <= MOST; all++) {
		for (size_t healthy = 0; healthy <= all; healthy++) {
			for (int up = 0; up <= 1; up++) {
				enum verdict got;

				if ((up && healthy == 0) || (!up && healthy == all))
					continue; /* no such member exists */
				got = judge(votes(all, healthy), true, up);
				seen[got]++;
				if (all == 1)
					assert_int_equal(got, LAST);
				else if (!outnumber(healthy, all))
					assert_int_equal(got, NO_QUORUM);
				else if (!outnumber(healthy - (size_t)up, all - 1))
					assert_int_equal(got, TOO_FEW);
				else
					assert_int_equal(got, OK);
			}
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		assert_true(seen[i] > 0);
}

/* A learner has no vote: with a quorum it can always be removed, without one it cannot. */
static void every_removal_of_a_learner_is_judged(void **state)
{
	(void)state;
	for (size_t all = 1; all <= MOST; all++) {
		for (size_t healthy = 0; healthy <= all; healthy++) {
			for (int up = 0; up <= 1; up++)
				assert_int_equal(judge(votes(all, healthy), false, up),
						 outnumber(healthy, all) ? OK : NO_QUORUM);
			assert_int_equal(removal_votes_left(votes(all, healthy), false, true).all, all);
			assert_int_equal(removal_votes_left(votes(all, healthy), false, true).healthy, healthy);
		}
	}
}

/* Common cases, written out. */
static void known_cases_are_judged(void **state)
{
	(void)state;
	assert_int_equal(judge(votes(2, 2), true, true), OK);
	assert_int_equal(judge(votes(2, 1), true, false), NO_QUORUM);
	assert_int_equal(judge(votes(3, 2), true, false), OK);
	assert_int_equal(judge(votes(3, 2), true, true), TOO_FEW);
	assert_int_equal(judge(votes(4, 3), true, true), OK);
	assert_int_equal(judge(votes(5, 3), true, false), OK);
	assert_int_equal(judge(votes(5, 3), true, true), TOO_FEW);
	assert_int_equal(judge(votes(0, 0), true, false), LAST);
	assert_int_equal(removal_spare(votes(0, 0)), 0);
	assert_int_equal(removal_spare(votes(1, 1)), 0);
	assert_int_equal(removal_spare(votes(2, 2)), 0);
	assert_int_equal(removal_spare(votes(3, 3)), 1);
	assert_int_equal(removal_spare(votes(7, 7)), 3);
	assert_int_equal(removal_spare(votes(3, 2)), 0); /* one has failed already */
	assert_int_equal(removal_spare(votes(3, 1)), 0);
}

/* Every permitted removal leaves a quorum, and the refusals contain the numbers. */
static void refusals_have_the_numbers(void **state)
{
	struct err none = { 0 };

	(void)state;
	assert_int_equal(removal_judge(votes(3, 3), true, true, "n2", &none), 0);
	assert_int_equal(none.class, ERR_NONE);
	assert_err(removal_judge(votes(1, 1), true, true, "n1", e), ERR_CONFIG, "n1 is the only voting member");
	assert_err(removal_judge(votes(3, 1), true, false, "n2", e), ERR_HEALTH, "1 of 3");
	assert_err(removal_judge(votes(5, 3), true, true, "n2", e), ERR_HEALTH,
		   "3 of 5 are healthy now, and 3 would be needed of the other 4");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_removal_of_a_voter_is_judged),
					    cmocka_unit_test(every_removal_of_a_learner_is_judged),
					    cmocka_unit_test(known_cases_are_judged),
					    cmocka_unit_test(refusals_have_the_numbers) };

	return cmocka_run_group_tests_name("quorum", tests, NULL, NULL);
}
