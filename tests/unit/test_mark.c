/* SPDX-License-Identifier: Apache-2.0
 *
 * member/mark: a log that ends before its mark is refused.
 */
#include "wal_fixture.h"

#include "base/text.h"
#include "member/identity.h"
#include "member/mark.h"

#define LOG  "/var/lib/etcd-cluster/member/wal/0000000000000000-0000000000000000.wal"
#define MARK "/var/lib/etcd-cluster.state/mark"

static void put_log(uint64_t term, uint64_t last)
{
	auto_buf struct buf log = { 0 };

	running = 0;
	begin(&log);
	for (uint64_t i = 1; i <= last; i++)
		entry(&log, term, i);
	put_bytes(LOG, log.data, log.len);
}

static void put_damaged_log(void)
{
	auto_free char *path = root_path(LOG);
	auto_buf struct buf log = { 0 };

	put_log(3, 10);
	assert_ok(file_read(path, 1 << 20, &log, e));
	log.data[log.len / 2] ^= 1;
	put_bytes(LOG, log.data, log.len);
}

static void put_mark(uint64_t cluster, uint64_t member, uint64_t term, uint64_t index)
{
	auto_free char *line = xasprintf(ID_FMT " " ID_FMT " " ID_FMT " " ID_FMT " 0000000000000000 n1\n", cluster,
					 member, term, index);

	put_file(MARK, line);
}

static void a_log_must_reach_its_mark(void **state)
{
	static const struct {
		uint64_t term, index;
		bool refused;
	} marks[] = { { 3, 9, false }, { 3, 10, false }, { 2, 10, false }, { 3, 11, true },
		      { 2, 11, true }, { 4, 2, true },	 { 4, 10, true },  { 4, 11, true } };
	char name[] = "n1";
	const struct identity id = { OLD_CLUSTER, MEMBER, name };
	const struct machine *m = *state;

	put_mark(OLD_CLUSTER, MEMBER, 9, 99);
	assert_ok(mark_check(m, false, e)); /* this machine is no member yet */
	assert_ok(identity_write(m, &id, e));
	put_log(3, 10);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		put_mark(OLD_CLUSTER, MEMBER, marks[i].term, marks[i].index);
		if (marks[i].refused)
			assert_err(mark_check(m, false, e), ERR_CONFIG, "it ends at entry 10 of term 3");
		else
			assert_ok(mark_check(m, false, e));
	}
	assert_err(mark_check(m, false, e), ERR_CONFIG, "to go on with the older data: rm ");
	put_damaged_log(); /* etcd refuses it */
	assert_ok(mark_check(m, false, e));
	put_log(3, 10);
	remove_path(MARK);
	assert_ok(mark_check(m, false, e));
}

/* A cluster that began as one: cluster.conf names no others, the file does. */
static void with_others_nobody_goes_on_with_older_data(void **state)
{
	auto_free char *mark = xasprintf(ID_FMT " " ID_FMT " 0000000000000003 000000000000000b 0000000000000000 n1\n"
						"https://10.0.0.2:2379\nhttps://10.0.0.3:2379\n",
					 OLD_CLUSTER, MEMBER);
	char name[] = "n1";
	const struct identity id = { OLD_CLUSTER, MEMBER, name };
	const struct machine *m = *state;

	assert_ok(identity_write(m, &id, e));
	put_log(3, 11);
	put_file(MARK, mark);
	assert_ok(mark_check(m, false, e));
	put_log(3, 10);
	assert_err(mark_check(m, false, e), ERR_CONFIG, "if that is lost: etcd-cluster replace");
}

static void the_mark_of_another_member_does_not_count(void **state)
{
	static const char *const damaged[] = { "", "x\n", "1 2 3 4 5 n1\n",
					       "0000000000000001 0000000000000002 0000000000000003\n" };
	char name[] = "n1";
	const struct identity id = { OLD_CLUSTER, MEMBER, name };
	const struct machine *m = *state;

	assert_ok(identity_write(m, &id, e));
	put_log(3, 10);
	put_mark(OLD_CLUSTER, MEMBER + 1, 9, 99);
	assert_ok(mark_check(m, false, e));
	put_mark(OLD_CLUSTER + 1, MEMBER, 9, 99);
	assert_ok(mark_check(m, false, e));
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		put_file(MARK, damaged[i]);
		assert_ok(mark_check(m, false, e));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(a_log_must_reach_its_mark),
		WITH_MACHINE(with_others_nobody_goes_on_with_older_data),
		WITH_MACHINE(the_mark_of_another_member_does_not_count),
	};

	return cmocka_run_group_tests_name("mark", tests, NULL, NULL);
}
