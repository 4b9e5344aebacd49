/* SPDX-License-Identifier: Apache-2.0
 *
 * flow/retry: when a timer may try, what is recorded, and how long one setup waits.
 */
#include "machine_fixture.h"

#include <sys/stat.h>

#include "flow/retry.h"

static const struct setup_options by_timer = { .wait = true, .unattended = true }, by_person = { 0 };

/* Sets the time of the last change. */
static void dated(const char *path, time_t when)
{
	const struct timespec both[2] = { { .tv_sec = when }, { .tv_sec = when } };

	assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
}

/* The outcome of minutes ago, for a cluster.conf that is older still. */
static void put_outcome(const struct machine *m, const char *text)
{
	put_file("/run/etcd-cluster/setup", text);
	dated(m->at.outcome, m->now - 600);
	dated(m->at.conf, m->now - 3600);
}

static bool is_due(const struct machine *m, const struct setup_options *how)
{
	struct attempt a cleanup(attempt_free) = { 0 };

	attempt_begin(&a, m, how);
	return attempt_is_due(&a, m);
}

static void put_failed(const struct machine *m, long long next_ms)
{
	auto_free char *text = xasprintf("STATE=failed\nEXIT=1\nTRIES=0\nNEXT_MS=%lld\nMESSAGE=no\n", next_ms);

	put_outcome(m, text);
}

static void a_timer_waits_until_it_is_due(void **state)
{
	const struct machine *m = *state;

	put_failed(m, clock_ms() + 100000);
	assert_false(is_due(m, &by_timer));
	assert_true(is_due(m, &by_person));
	put_failed(m, clock_ms() - 1);
	assert_true(is_due(m, &by_timer));
	put_failed(m, clock_ms() + 3600000); /* of another boot */
	assert_true(is_due(m, &by_timer));
}

static void every_end_but_ready_and_idle_is_tried_again(void **state)
{
	static const char *const ends[] = { "pending\nEXIT=6", "failed\nEXIT=1", "failed\nEXIT=3",
					    "failed\nEXIT=4",  "failed\nEXIT=5", "running\nSTEP=start\nEXIT=0" };
	const struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		auto_free char *text = xasprintf("STATE=%s\nNEXT_MS=1\nMESSAGE=no\n", ends[i]);

		put_outcome(m, text);
		assert_true(is_due(m, &by_timer));
	}
}

static void a_newer_cluster_conf_is_tried_after_ten_seconds(void **state)
{
	const struct machine *m = *state;

	put_failed(m, clock_ms() + 100000);
	dated(m->at.conf, m->now - 9);
	assert_false(is_due(m, &by_timer));
	assert_true(is_due(m, &by_person));
	dated(m->at.conf, m->now - 11);
	assert_true(is_due(m, &by_timer));
	put_failed(m, clock_ms() - 1);
	dated(m->at.conf, m->now);
	assert_false(is_due(m, &by_timer));
	dated(m->at.conf, m->now + 7200); /* the clock was set back */
	assert_true(is_due(m, &by_timer));
	/* The first setup after an installation, which has just written the file, and that of a machine that was idle. */
	put_outcome(m, "STATE=idle\nEXIT=0\n");
	dated(m->at.conf, m->now);
	assert_true(is_due(m, &by_timer));
	remove_path("/run/etcd-cluster/setup");
	dated(m->at.conf, m->now);
	assert_true(is_due(m, &by_timer));
}

static void a_setup_that_works_is_left_alone(void **state)
{
	const struct machine *m = *state;
	struct err e = { 0 };
	int lock = machine_lock(m, &e);

	assert_true(lock >= 0);
	put_outcome(m, "STATE=running\nSTEP=start\nEXIT=0\n");
	assert_true(machine_is_locked(m));
	assert_false(is_due(m, &by_timer));
	(void)close(lock);
	assert_false(machine_is_locked(m)); /* it was killed */
	assert_true(is_due(m, &by_timer));
}

static void tries_count_ends_of_one_kind(void **state)
{
	const struct machine *m = *state;
	struct outcome o = { 0 };
	struct err why = { 0 }, e = { 0 };

	(void)err_set(&why, ERR_CONFIG, "no carrier");
	for (unsigned int tries = 0; tries < 4; tries++) {
		struct attempt a cleanup(attempt_free) = { 0 };

		attempt_begin(&a, m, &by_timer);
		if (tries == 3)
			(void)err_set(&why, ERR_CONFIG, "no quorum");
		attempt_end(&a, m, true, -1, &why);
		assert_false(a.is_settled);
		assert_int_equal(outcome_read(m, &o, &e), 1);
		assert_int_equal(o.state, OUTCOME_FAILED);
		assert_int_equal(o.tries, tries % 3);
		outcome_free(&o);
	}
}

static void a_later_look_does_not_hide_what_setup_waits_for(void **state)
{
	struct machine *m = *state;
	const struct setup_run run = { .m = m, .how = &by_timer };
	struct attempt a cleanup(attempt_free) = { 0 };
	struct outcome o = { 0 };
	struct err why = { 0 }, e = { 0 };

	(void)err_set(&why, ERR_PENDING, "no CA host answers");
	attempt_begin(&a, m, &by_timer);
	attempt_step(&a, &run, 1, "certificates");
	assert_int_equal(outcome_read(m, &o, &e), 1);
	assert_string_equal(o.step, "certificates");
	outcome_free(&o);
	attempt_end(&a, m, true, -1, &why);
	a.again = true;
	attempt_step(&a, &run, 0, "check");
	attempt_step(&a, &run, 1, "certificates");
	assert_int_equal(outcome_read(m, &o, &e), 1);
	assert_int_equal(o.state, OUTCOME_PENDING);
	outcome_free(&o);
	attempt_step(&a, &run, 2, "release");
	assert_int_equal(outcome_read(m, &o, &e), 1);
	assert_int_equal(o.state, OUTCOME_RUNNING);
	outcome_free(&o);
}

static void a_look_leaves_a_file_alone_that_has_just_changed(void **state)
{
	const struct machine *m = *state;
	const time_t now = time(NULL);
	struct attempt a cleanup(attempt_free) = { 0 }, by_hand cleanup(attempt_free) = { 0 };
	long long began = clock_ms();

	/* An installation has written it a moment before: forming does not wait for it. */
	dated(m->at.conf, now);
	attempt_begin(&a, m, &by_timer);
	attempt_begin(&by_hand, m, &by_person);
	attempt_wait_conf(&a, m);
	assert_true(clock_ms() - began < 400);
	dated(m->at.conf, now - 8);
	attempt_wait_conf(&by_hand, m);
	assert_true(clock_ms() - began < 800);
	attempt_wait_conf(&a, m);
	assert_true(time(NULL) >= now + 2);
}

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
		WITH_MACHINE(a_timer_waits_until_it_is_due),
		WITH_MACHINE(every_end_but_ready_and_idle_is_tried_again),
		WITH_MACHINE(a_newer_cluster_conf_is_tried_after_ten_seconds),
		WITH_MACHINE(a_setup_that_works_is_left_alone),
		WITH_MACHINE(a_look_leaves_a_file_alone_that_has_just_changed),
		WITH_MACHINE(tries_count_ends_of_one_kind),
		WITH_MACHINE(a_later_look_does_not_hide_what_setup_waits_for),
		cmocka_unit_test(zero_seconds_are_no_pause),
		cmocka_unit_test(retries_end_in_time),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
