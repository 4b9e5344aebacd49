/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate and the lock: decisions over a survey.
 */
#include "cluster/gate.h"

#include <string.h>

#include "unit.h"

#define CLUSTER 0xc1
#define NOW	1764504000

enum { N1 = 1, N2, N3, N4 };

static struct member voter(uint64_t id)
{
	static char names[][3] = { "", "n1", "n2", "n3", "n4" };

	return (struct member){ .id = id,
				.name = names[id],
				.here = id == N1,
				.listed = true,
				.answers = true,
				.healthy = true,
				.has_clock = true,
				.status = { .cluster_id = CLUSTER,
					    .member_id = id,
					    .leader = N2,
					    .raft_index = 9000,
					    .raft_applied_index = 9000 } };
}

struct scene {
	struct member list[4];
	struct rpc_alarm alarm;
	struct member_survey s;
};

/* Healthy voters, this machine the first of them. */
static void scene(struct scene *c, size_t n)
{
	*c = (struct scene){ .s = { .cluster_id = CLUSTER, .leader = N2, .agreed = true, .alarms_known = true } };
	for (size_t i = 0; i < n; i++)
		c->list[i] = voter(i + 1);
	c->s.list = c->list;
	c->s.n = n;
}

static void nothing(struct scene *c)
{
	(void)c;
}

static void own_hangs(struct scene *c)
{
	c->list[0].answers = c->list[0].healthy = false;
}

static void silent(struct scene *c)
{
	c->list[2].answers = c->list[2].healthy = false;
	(void)err_set(&c->list[2].why, ERR_HEALTH, "timeout");
}

static void unhealthy(struct scene *c)
{
	c->list[1].healthy = false;
	(void)err_set(&c->list[1].why, ERR_HEALTH, "no leader");
}

static void foreign(struct scene *c)
{
	c->list[1].status.cluster_id = 7;
}

static void behind(struct scene *c)
{
	c->list[1].status.raft_applied_index = 3999;
}

static void nearly(struct scene *c)
{
	c->list[1].status.raft_applied_index = 4000;
}

static void unstarted(struct scene *c)
{
	static char none[] = "";

	c->list[2].name = none;
	c->list[2].answers = c->list[2].healthy = false;
}

static void learner(struct scene *c)
{
	c->list[2].learner = true;
}

static void is_learner(struct scene *c)
{
	c->list[0].learner = true;
	silent(c);
}

static void not_listed(struct scene *c)
{
	c->list[0].listed = false;
}

static void others_not_listed(struct scene *c)
{
	c->list[2].listed = false;
	silent(c);
}

static void disagreed(struct scene *c)
{
	c->s.agreed = false;
}

static void no_leader(struct scene *c)
{
	c->s.leader = 0;
}

static void copied(struct scene *c)
{
	static char url[] = "https://10.0.0.9:2379";

	c->s.elsewhere = url;
}

static void raise(struct scene *c, enum rpc_alarm_kind kind)
{
	c->alarm = (struct rpc_alarm){ N3, kind };
	c->s.alarms = &c->alarm;
	c->s.n_alarms = 1;
}

static void full(struct scene *c)
{
	raise(c, RPC_ALARM_NOSPACE);
}

static void corrupt(struct scene *c)
{
	raise(c, RPC_ALARM_CORRUPT);
}

static void alarms_unknown(struct scene *c)
{
	c->s.alarms_known = false;
}

static void denied(struct scene *c)
{
	silent(c);
	c->list[2].why.rpc = GRPC_PERMISSION_DENIED;
}

static void test_gate(void **state)
{
	static const struct {
		size_t members;
		void (*change)(struct scene *c);
		bool allow_outage;
		enum err_class class;
		const char *words;
	} table[] = {
		{ 1, nothing, false, ERR_NONE, NULL },
		{ 3, nothing, false, ERR_NONE, NULL },
		{ 4, nothing, false, ERR_NONE, NULL },
		{ 3, own_hangs, false, ERR_NONE, NULL },
		{ 3, nearly, false, ERR_NONE, NULL },
		{ 3, is_learner, false, ERR_NONE, NULL },
		{ 3, others_not_listed, true, ERR_NONE, NULL },
		{ 2, nothing, true, ERR_NONE, NULL },
		{ 2, nothing, false, ERR_CONFIG, "two voting members" },
		{ 3, others_not_listed, false, ERR_CONFIG, "two voting members" },
		{ 2, unhealthy, true, ERR_HEALTH, "n2 is not healthy: no leader" },
		{ 3, silent, false, ERR_HEALTH, "n3 does not answer: timeout" },
		{ 3, silent, true, ERR_HEALTH, "n3 does not answer: timeout" },
		{ 4, silent, false, ERR_HEALTH, "n3 does not answer: timeout" },
		{ 3, unhealthy, false, ERR_HEALTH, "n2 is not healthy: no leader" },
		{ 3, foreign, false, ERR_HEALTH, "n2 answers as a member of cluster 0000000000000007" },
		{ 3, behind, false, ERR_HEALTH, "n2 is 5001 entries behind" },
		{ 3, unstarted, false, ERR_HEALTH, "a member that has not started yet does not answer" },
		{ 3, learner, false, ERR_HEALTH, "n3 is being added" },
		{ 2, disagreed, true, ERR_HEALTH, "no quorum" },
		{ 1, disagreed, false, ERR_HEALTH, "no quorum" },
		{ 3, no_leader, false, ERR_HEALTH, "do not agree on a leader" },
		{ 3, full, false, ERR_HEALTH, "n3 has raised the alarm NOSPACE" },
		{ 1, corrupt, false, ERR_HEALTH, "a former member has raised the alarm CORRUPT" },
		{ 3, alarms_unknown, false, ERR_HEALTH, "alarms of the cluster cannot be asked for" },
		{ 3, not_listed, false, ERR_CONFIG, "not a member of the cluster" },
		{ 3, copied, false, ERR_CONFIG, "runs at https://10.0.0.9:2379" },
		{ 3, denied, false, ERR_CONFIG, "n3 does not permit" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct err e = { 0 };
		struct scene c;
		int rc;

		scene(&c, table[i].members);
		table[i].change(&c);
		rc = gate_judge(&c.s, table[i].allow_outage, &e);
		if (rc != (table[i].words ? -1 : 0) || e.class != table[i].class ||
		    (table[i].words && !strstr(e.msg, table[i].words)))
			fail_msg("row %zu: %d, class %d: %s", i, rc, (int)e.class, e.msg);
	}
}

static void holder_gone(struct scene *c)
{
	c->list[1].listed = false;
}

static void holder_gone_unagreed(struct scene *c)
{
	holder_gone(c);
	disagreed(c);
}

static void holder_ahead(struct scene *c)
{
	c->list[1].ahead_ms = 3600 * 1000;
}

static void holder_slow(struct scene *c)
{
	c->list[1].ahead_ms = -3600 * 1000;
}

static void holder_without_clock(struct scene *c)
{
	c->list[1].has_clock = false;
}

static void other_cluster(struct scene *c)
{
	c->s.cluster_id = 7;
}

static void test_lock(void **state)
{
	static const struct {
		uint64_t holder;
		long long age;
		void (*change)(struct scene *c);
		enum lock_verdict want;
	} table[] = {
		{ N1, 0, nothing, LOCK_FREE },
		{ N2, 0, other_cluster, LOCK_FREE },
		{ N2, 0, nothing, LOCK_HELD },
		{ N2, LOCK_SECONDS - 1, nothing, LOCK_HELD },
		{ N2, LOCK_SECONDS, nothing, LOCK_IDLE },
		{ N2, 100 * LOCK_SECONDS, unhealthy, LOCK_HELD },
		{ N2, 0, holder_gone, LOCK_GONE },
		{ N4, 0, nothing, LOCK_GONE },
		{ N2, 0, holder_gone_unagreed, LOCK_HELD },
		/* By the clock of the holder: it wrote the time an hour ago, or this very second. */
		{ N2, 0, holder_ahead, LOCK_IDLE },
		{ N2, 3600, holder_slow, LOCK_HELD },
		/* Its clock was set back since: the time says nothing. */
		{ N2, 0, holder_slow, LOCK_IDLE },
		{ N2, -LOCK_SECONDS + 1, nothing, LOCK_HELD },
		{ N2, 100 * LOCK_SECONDS, holder_without_clock, LOCK_HELD },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct lock_holder h = { .cluster = CLUSTER,
					 .member = table[i].holder,
					 .since = NOW - (time_t)table[i].age };
		enum lock_verdict is;
		struct scene c;

		scene(&c, 3);
		table[i].change(&c);
		is = lock_judge(&h, &c.s, NOW);
		if (is != table[i].want)
			fail_msg("row %zu: %d", i, (int)is);
	}
}

static void test_parse(void **state)
{
	static const char *const bad[] = {
		"",
		"garbage",
		"00000000000000c1 0000000000000002 0123456789abcdef0123456789abcdef 1764504000 n2",
		"00000000000000c1 0000000000000002 0123456789abcdef0123456789abcde 1764504000 n2 restart",
		"00000000000000c1 0000000000000002 0123456789abcdef0123456789abcdef x n2 restart",
		"c1 2 0123456789abcdef0123456789abcdef 1764504000 n2 restart",
	};
	struct lock_holder h = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(lock_parse(bad[i], &h));
	assert_true(lock_parse("00000000000000c1 0000000000000002 0123456789abcdef0123456789abcdef 1764504000 n2 "
			       "restart",
			       &h));
	assert_int_equal(h.cluster, CLUSTER);
	assert_int_equal(h.member, N2);
	assert_int_equal(h.since, NOW);
	assert_string_equal(h.name, "n2");
	assert_string_equal(h.what, "restart");
	lock_holder_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
