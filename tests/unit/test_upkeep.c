/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster/upkeep: from facts to the next step; service/schedule: the quiet hour; cluster/upkeep_state.
 */
#include "machine_fixture.h"

#include "cluster/upkeep.h"
#include "cluster/upkeep_state.h"
#include "service/schedule.h"

#define MB(n) ((int64_t)(n) << 20)

/* How one case differs from three healthy voters with databases of 1 MiB, n3 here, n1 leading. */
enum change {
	C_END,
	C_ALL,
	C_PERSON,
	C_LOUD, /* not the quiet hour */
	C_NOSPACE,
	C_CORRUPT,
	C_COMPACTED,
	C_NO_QUORUM,
	C_HERE_LEADS,
	C_FRAGMENTED, /* of all from here on: of the members in `who` */
	C_SMALL,
	C_LARGE,  /* the file is above the quota, with little in use */
	C_FULL,	  /* all of it is in use */
	C_NEARLY, /* 92 % */
	C_DONE,
	C_DOWN,
	C_SICK,
	C_BEHIND,
	C_LEARNER,
	C_UNKNOWN_USE,
};

struct part {
	enum change is;
	const char *who; /* "12": n1 and n2 */
};

static void apply(const struct part *p, struct upkeep_facts *f, struct upkeep_member *one)
{
	switch (p->is) {
	case C_FRAGMENTED:
		one->size = MB(200);
		one->in_use = MB(90);
		break;
	case C_SMALL:
		one->size = MB(50);
		break;
	case C_LARGE:
		one->size = MB(1030);
		one->in_use = MB(300);
		break;
	case C_FULL:
		one->size = MB(1030);
		one->in_use = MB(1025);
		break;
	case C_NEARLY:
		one->size = MB(1030);
		one->in_use = MB(942);
		break;
	case C_UNKNOWN_USE:
		one->size = MB(900);
		one->in_use = 0;
		break;
	case C_DONE:
		one->done = true;
		break;
	case C_DOWN:
		one->answers = one->healthy = false;
		one->size = one->in_use = 0;
		break;
	case C_SICK:
		one->healthy = false;
		break;
	case C_BEHIND:
		one->lag = 1001;
		break;
	case C_LEARNER:
		one->learner = true;
		break;
	default:
		(void)f;
		break;
	}
}

static void apply_all(const struct part *p, struct upkeep_facts *f, struct upkeep_member *list)
{
	f->all |= p->is == C_ALL;
	f->person |= p->is == C_PERSON;
	f->quiet &= p->is != C_LOUD;
	f->nospace |= p->is == C_NOSPACE;
	f->corrupt |= p->is == C_CORRUPT;
	f->compacted |= p->is == C_COMPACTED;
	f->agreed &= p->is != C_NO_QUORUM;
	for (size_t i = 0; i < 3; i++) {
		if (p->is == C_HERE_LEADS)
			list[i].leader = i == 2;
		if (p->who && strchr(p->who, (int)('1' + i)))
			apply(p, f, &list[i]);
	}
}

/* The step, and 1 to 3 for the member it is about. */
static void the_decision_by_the_facts(void **state)
{
	static const struct {
		const char *what;
		struct part is[6];
		enum upkeep_step step;
		uint64_t at;
	} cases[] = {
		{ "all is well", { { C_END, NULL } }, UPKEEP_NOTHING, 0 },
		{ "fragmented here", { { C_FRAGMENTED, "3" } }, UPKEEP_DEFRAGMENT, 3 },
		{ "not in the quiet hour", { { C_FRAGMENTED, "3" }, { C_LOUD, NULL } }, UPKEEP_NOTHING, 0 },
		{ "too small", { { C_FRAGMENTED, "3" }, { C_SMALL, "3" } }, UPKEEP_NOTHING, 0 },
		{ "it is not known how much is in use", { { C_UNKNOWN_USE, "123" } }, UPKEEP_NOTHING, 0 },
		{ "fragmented elsewhere", { { C_FRAGMENTED, "12" } }, UPKEEP_NOTHING, 0 },
		{ "fragmented elsewhere, all", { { C_FRAGMENTED, "12" }, { C_ALL, NULL } }, UPKEEP_DEFRAGMENT, 2 },
		{ "everywhere, own first", { { C_FRAGMENTED, "123" } }, UPKEEP_DEFRAGMENT, 3 },
		{ "everywhere, all", { { C_FRAGMENTED, "123" }, { C_ALL, NULL } }, UPKEEP_DEFRAGMENT, 2 },
		{ "the first is done",
		  { { C_FRAGMENTED, "123" }, { C_DONE, "2" }, { C_ALL, NULL } },
		  UPKEEP_DEFRAGMENT,
		  3 },
		{ "the leader last",
		  { { C_FRAGMENTED, "13" }, { C_DONE, "3" }, { C_ALL, NULL } },
		  UPKEEP_DEFRAGMENT,
		  1 },
		{ "all are done", { { C_FRAGMENTED, "123" }, { C_DONE, "123" }, { C_ALL, NULL } }, UPKEEP_NOTHING, 0 },
		{ "this machine leads, and waits",
		  { { C_FRAGMENTED, "123" }, { C_HERE_LEADS, NULL } },
		  UPKEEP_WAIT,
		  1 },
		{ "this machine leads, the others are in order",
		  { { C_FRAGMENTED, "3" }, { C_HERE_LEADS, NULL } },
		  UPKEEP_DEFRAGMENT,
		  3 },
		{ "a member is down", { { C_FRAGMENTED, "3" }, { C_DOWN, "2" } }, UPKEEP_WAIT, 2 },
		{ "a member is being defragmented", { { C_FRAGMENTED, "3" }, { C_SICK, "2" } }, UPKEEP_WAIT, 2 },
		{ "a member catches up", { { C_FRAGMENTED, "3" }, { C_BEHIND, "2" } }, UPKEEP_WAIT, 2 },
		{ "a learner catches up",
		  { { C_FRAGMENTED, "3" }, { C_LEARNER, "2" }, { C_BEHIND, "2" } },
		  UPKEEP_WAIT,
		  2 },
		{ "a learner has not started",
		  { { C_FRAGMENTED, "3" }, { C_LEARNER, "2" }, { C_DOWN, "2" } },
		  UPKEEP_WAIT,
		  2 },
		{ "a learner cannot be defragmented",
		  { { C_FRAGMENTED, "2" }, { C_LEARNER, "2" }, { C_ALL, NULL } },
		  UPKEEP_NOTHING,
		  0 },
		{ "a learner here", { { C_FRAGMENTED, "3" }, { C_LEARNER, "3" } }, UPKEEP_NOTHING, 0 },
		{ "no quorum", { { C_FRAGMENTED, "3" }, { C_NO_QUORUM, NULL } }, UPKEEP_WAIT, 0 },
		{ "a member is down, and nothing is to do", { { C_DOWN, "2" } }, UPKEEP_NOTHING, 0 },

		{ "NOSPACE is for the leader's machine",
		  { { C_NOSPACE, NULL }, { C_LARGE, "123" } },
		  UPKEEP_NOTHING,
		  1 },
		{ "or for a person",
		  { { C_NOSPACE, NULL }, { C_LARGE, "123" }, { C_PERSON, NULL } },
		  UPKEEP_COMPACT,
		  1 },
		{ "first it compacts, whatever the hour",
		  { { C_NOSPACE, NULL }, { C_LARGE, "123" }, { C_HERE_LEADS, NULL }, { C_LOUD, NULL } },
		  UPKEEP_COMPACT,
		  3 },
		{ "then it defragments",
		  { { C_NOSPACE, NULL }, { C_LARGE, "123" }, { C_HERE_LEADS, NULL }, { C_COMPACTED, NULL } },
		  UPKEEP_DEFRAGMENT,
		  1 },
		{ "the leader last",
		  { { C_NOSPACE, NULL }, { C_LARGE, "3" }, { C_HERE_LEADS, NULL }, { C_COMPACTED, NULL } },
		  UPKEEP_DEFRAGMENT,
		  3 },
		{ "and disarms",
		  { { C_NOSPACE, NULL }, { C_HERE_LEADS, NULL }, { C_COMPACTED, NULL } },
		  UPKEEP_DISARM,
		  0 },
		{ "a person has done the rest", { { C_NOSPACE, NULL }, { C_HERE_LEADS, NULL } }, UPKEEP_DISARM, 0 },
		{ "what is in use is too much",
		  { { C_NOSPACE, NULL }, { C_FULL, "123" }, { C_HERE_LEADS, NULL }, { C_COMPACTED, NULL } },
		  UPKEEP_FULL,
		  1 },
		{ "it would be full again at once",
		  { { C_NOSPACE, NULL }, { C_NEARLY, "123" }, { C_HERE_LEADS, NULL }, { C_COMPACTED, NULL } },
		  UPKEEP_FULL,
		  1 },
		{ "what is in use counts at the leader",
		  { { C_NOSPACE, NULL },
		    { C_LARGE, "3" },
		    { C_FULL, "12" },
		    { C_HERE_LEADS, NULL },
		    { C_COMPACTED, NULL } },
		  UPKEEP_DEFRAGMENT,
		  1 },
		{ "it did not help",
		  { { C_NOSPACE, NULL },
		    { C_LARGE, "2" },
		    { C_DONE, "2" },
		    { C_HERE_LEADS, NULL },
		    { C_COMPACTED, NULL } },
		  UPKEEP_FULL,
		  2 },
		{ "one that is down is left out",
		  { { C_NOSPACE, NULL },
		    { C_LARGE, "23" },
		    { C_DOWN, "1" },
		    { C_HERE_LEADS, NULL },
		    { C_COMPACTED, NULL } },
		  UPKEEP_DEFRAGMENT,
		  2 },
		{ "one that catches up is waited for",
		  { { C_NOSPACE, NULL }, { C_LARGE, "123" }, { C_BEHIND, "2" }, { C_HERE_LEADS, NULL } },
		  UPKEEP_WAIT,
		  2 },
		{ "one that is busy is waited for",
		  { { C_NOSPACE, NULL }, { C_LARGE, "123" }, { C_SICK, "2" }, { C_HERE_LEADS, NULL } },
		  UPKEEP_WAIT,
		  2 },
		{ "no quorum",
		  { { C_NOSPACE, NULL }, { C_LARGE, "123" }, { C_PERSON, NULL }, { C_NO_QUORUM, NULL } },
		  UPKEEP_WAIT,
		  0 },

		{ "CORRUPT", { { C_CORRUPT, NULL } }, UPKEEP_CORRUPT, 0 },
		{ "CORRUPT before anything else",
		  { { C_CORRUPT, NULL }, { C_NOSPACE, NULL }, { C_LARGE, "123" }, { C_PERSON, NULL }, { C_ALL, NULL } },
		  UPKEEP_CORRUPT,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct upkeep_member list[3];
		struct upkeep_facts f = {
			.list = list, .n = 3, .agreed = true, .quiet = true, .percent = 50, .least = UPKEEP_LEAST
		};
		struct upkeep_next next;

		for (size_t k = 0; k < 3; k++)
			list[k] = (struct upkeep_member){ .name = "n",
							  .id = k + 1,
							  .here = k == 2,
							  .leader = k == 0,
							  .answers = true,
							  .healthy = true,
							  .lag = 1000,
							  .size = MB(1),
							  .in_use = MB(1),
							  .quota = MB(1024) };
		for (const struct part *p = cases[i].is; p < cases[i].is + 6 && p->is != C_END; p++)
			apply_all(p, &f, list);
		next = upkeep_next(&f);
		if (next.step != cases[i].step || (next.at ? next.at->id : 0) != cases[i].at)
			fail_msg("%zu, %s: step %d at %d", i, cases[i].what, (int)next.step,
				 next.at ? (int)next.at->id : 0);
		if (next.step == UPKEEP_WAIT)
			assert_non_null(next.why);
	}
}

static void the_free_part_of_a_file(void **state)
{
	(void)state;
	assert_int_equal(upkeep_free_percent(200, 50), 75);
	assert_int_equal(upkeep_free_percent(200, 200), 0);
	assert_int_equal(upkeep_free_percent(0, 0), 0);
	assert_int_equal(upkeep_free_percent(200, 0), 0);
	assert_int_equal(upkeep_free_percent(200, 300), 0);
	assert_int_equal(upkeep_free_percent((int64_t)1 << 40, (int64_t)1 << 38), 75);
}

static void the_hour_after_the_schedule_is_quiet(void **state)
{
	struct machine m = { .conf = { .maintain_schedule = (char[]){ "Mon *-*-* 03:30:00 UTC" } } };
	char never[] = "", wrong[] = "often";

	(void)state;
	m.now = 1795996800 + 3 * 3600 + 30 * 60; /* Monday 2026-11-30, 03:30 UTC */
	if (!schedule_is_quiet(&m))
		skip(); /* no systemd-analyze(1) */
	m.now--;
	assert_false(schedule_is_quiet(&m));
	m.now += 3600;
	assert_true(schedule_is_quiet(&m));
	m.now += 2;
	assert_false(schedule_is_quiet(&m));
	m.now += DAY - 1800;
	assert_false(schedule_is_quiet(&m));
	m.conf.maintain_schedule = never;
	assert_false(schedule_is_quiet(&m));
	m.conf.maintain_schedule = wrong;
	assert_false(schedule_is_quiet(&m));
}

static void what_failed_is_remembered(void **state)
{
	struct machine *m = *state;
	struct upkeep_state s = { .time = 1796006400,
				  .member = (char[]){ "n1" },
				  .failed = 1796006500,
				  .why = (char[]){ "a \"quoted\" $reason\n" } };
	struct err e = { 0 };

	assert_int_equal(upkeep_state_write(m, &s, &e), 1);
	assert_int_equal(upkeep_state_write(m, &s, &e), 0);
	upkeep_state_read(m, &s);
	assert_int_equal(s.time, 1796006400);
	assert_int_equal(s.failed, 1796006500);
	assert_string_equal(s.member, "n1");
	assert_string_equal(s.why, "a ?quoted? ?reason?");
	upkeep_state_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_decision_by_the_facts),
		cmocka_unit_test(the_free_part_of_a_file),
		cmocka_unit_test(the_hour_after_the_schedule_is_quiet),
		WITH_MACHINE(what_failed_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
