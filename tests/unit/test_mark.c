/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster/mark: a log that ends before its mark is refused.
 */
#include "wal_fixture.h"

#include "base/text.h"
#include "cluster/mark.h"
#include "member/disk.h"
#include "member/forming.h"
#include "member/identity.h"

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

static bool is_dialled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Members that wait for their leader accept connections and are silent, and their leader may need this one. */
static void a_member_that_never_ran_does_not_ask_the_others(void **state)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct wal_ids ids = { 0 };
	char name[] = "n1", disk[DISK_ID_HEX];
	struct identity id = { .name = name };
	struct err er = { 0 };
	uint16_t port;
	auto_close int fd = listener(2, &port);
	auto_free char *mark = xasprintf("(no mark)\nhttps://127.0.0.2:%u\n", (unsigned int)port);
	auto_forming struct forming f = { .state = FORMING_STARTING,
					  .nonce = xstrdup("00112233445566778899aabbccddeeff"),
					  .members = xstrdup("n1=127.0.0.1"),
					  .ports = xstrdup("2379,2380"),
					  .token = xstrdup("etcd-cluster"),
					  .ca = xstrdup("x") };

	(void)state;
	open_machine(&m, "NAME=n1\n");
	assert_int_equal(disk_ensure(&m, disk, &er), 1);
	f.disks = xasprintf("n1=%s", disk);
	assert_int_equal(forming_write(&m, &f, &er), 1);
	assert_true(forming_ids(&f, "n1", &ids));
	id.cluster_id = ids.cluster;
	id.member_id = ids.member;
	assert_ok(identity_write(&m, &id, e));
	put_file(MARK, mark);
	assert_ok(mark_check(&m, true, e));
	assert_false(is_dialled(fd));
	put_log(3, 10);
	assert_ok(mark_check(&m, true, e));
	assert_true(is_dialled(fd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(a_log_must_reach_its_mark),
		WITH_MACHINE(with_others_nobody_goes_on_with_older_data),
		WITH_MACHINE(the_mark_of_another_member_does_not_count),
		WITH_CLIENT(a_member_that_never_ran_does_not_ask_the_others),
	};

	return cmocka_run_group_tests_name("mark", tests, certs_setup, certs_teardown);
}
