/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/wal: the end of a log, and the log as that of another cluster. The logs are made here, as etcd makes them.
 */
#include "wal_fixture.h"

#include <sys/stat.h>

#include "adapter/wal.h"

#define WAL   "/wal"
#define FIRST WAL "/0000000000000000-0000000000000000.wal"
#define NEXT  WAL "/0000000000000001-0000000000000004.wal"

#define NEW_CLUSTER UINT64_C(0x77)

/* Two segments: entries to 5, of which 4 was replaced by a newer leader's; 3 is known to be committed. */
static void put_two(struct buf *last)
{
	auto_buf struct buf first = { 0 };

	running = 0;
	begin(&first);
	put(&first, SNAPSHOT, fields(0, 0, 0), 0);
	for (uint64_t i = 1; i <= 4; i++)
		entry(&first, 2, i);
	put(&first, STATE, fields(2, 9, 2), 0);
	put_bytes(FIRST, first.data, first.len);
	begin(last);
	entry(last, 3, 4);
	entry(last, 3, 5);
	put(last, STATE, fields(3, MEMBER, 3), 0);
}

static void assert_tail(uint64_t term, uint64_t index)
{
	auto_free char *dir = root_path(WAL);
	struct wal_end end = { 0 };

	assert_ok(wal_read_tail(dir, &end, e));
	assert_int_equal(end.term, term);
	assert_int_equal(end.index, index);
}

static void assert_end(uint64_t term, uint64_t index, uint64_t commit)
{
	auto_free char *dir = root_path(WAL);
	struct wal_end end = { 0 };

	assert_ok(wal_read_end(dir, &end, e));
	assert_int_equal(end.term, term);
	assert_int_equal(end.index, index);
	assert_int_equal(end.commit, commit);
	assert_tail(term, index);
}

static void adopt(void)
{
	auto_free char *dir = root_path(WAL);
	struct wal_end end = { 0 };

	assert_ok(wal_adopt(dir, NEW_CLUSTER, &end, e));
}

static void assert_ids(uint64_t cluster)
{
	auto_free char *dir = root_path(WAL);
	struct wal_ids ids = { 0 };

	assert_ok(wal_read_ids(dir, &ids, e));
	assert_int_equal(ids.cluster, cluster);
	assert_int_equal(ids.member, MEMBER);
}

static void put_next(const struct buf *log)
{
	put_bytes(NEXT, log->data, log->len);
}

static void the_end_is_the_last_entry(void **state)
{
	auto_buf struct buf log = { 0 }, after = { 0 };
	auto_free char *path = root_path(NEXT);

	(void)state;
	put_two(&log);
	allocated(&log);
	put_next(&log);
	assert_end(3, 5, 3);
	assert_ids(OLD_CLUSTER);
	assert_ok(file_read(path, 1 << 20, &after, e)); /* nothing was written */
	assert_int_equal(after.len, log.len);
	assert_memory_equal(after.data, log.data, log.len);
}

static void an_adopted_log_has_all_committed(void **state)
{
	auto_buf struct buf log = { 0 };
	auto_free char *path = root_path(NEXT);
	struct stat st;

	(void)state;
	put_two(&log);
	allocated(&log);
	put_next(&log);
	adopt();
	assert_end(3, 5, 5);
	assert_ids(NEW_CLUSTER);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, log.len);
	adopt(); /* once more: the same */
	assert_end(3, 5, 5);
}

static void a_log_without_space_grows(void **state)
{
	auto_buf struct buf log = { 0 };

	(void)state;
	put_two(&log);
	put_next(&log);
	adopt();
	assert_end(3, 5, 5);
}

static void a_newer_snapshot_replaces_the_entries(void **state)
{
	auto_buf struct buf log = { 0 };

	(void)state;
	put_two(&log);
	put(&log, SNAPSHOT, fields(4, 4, 0), 0); /* index, term */
	put(&log, STATE, fields(4, 0, 4), 0);
	put_next(&log);
	assert_end(4, 4, 4);
	adopt();
	assert_end(4, 4, 4);
}

static void an_own_snapshot_does_not(void **state)
{
	auto_buf struct buf log = { 0 };

	(void)state;
	put_two(&log);
	put(&log, SNAPSHOT, fields(3, 2, 0), 0);
	put_next(&log);
	assert_end(3, 5, 3);
}

/* What was not written whole was not acknowledged; what is whole and wrong is damage. */
static void a_torn_record_ends_the_log(void **state)
{
	auto_free char *dir = root_path(WAL);
	auto_buf struct buf log = { 0 };
	size_t whole;

	(void)state;
	put_two(&log);
	whole = log.len;
	put(&log, ENTRY, fields(0, 3, 6), 2000);
	for (size_t cut = 1; cut < log.len - whole; cut += 64) {
		auto_buf struct buf torn = { 0 }, again = { 0 };

		buf_add(&torn, log.data, log.len - cut);
		put_next(&torn);
		assert_end(3, 5, 3);
		if (cut > 600) { /* the same in allocated space: an empty sector */
			allocated(&torn);
			put_next(&torn);
			assert_end(3, 5, 3);
			adopt();
			assert_end(3, 5, 5);
			put_two(&again);
		}
	}
	log.data[log.len - 100] ^= 1;
	put_next(&log);
	assert_err(wal_read_end(dir, &(struct wal_end){ 0 }, e), ERR_FAIL, "is damaged at byte");
}

static void damage_is_noticed(void **state)
{
	auto_free char *dir = root_path(WAL), *path = root_path(FIRST);
	auto_buf struct buf log = { 0 }, first = { 0 };
	unsigned int unread = 0;

	(void)state;
	assert_err(wal_read_end(dir, &(struct wal_end){ 0 }, e), ERR_FAIL, "has no log");
	put_two(&log);
	put_next(&log);
	assert_ok(file_read(path, 1 << 20, &first, e));
	for (size_t at = 0; at < first.len; at += 7) {
		struct wal_end end = { 0 };
		struct err err = { 0 };

		first.data[at] ^= 4;
		put_bytes(FIRST, first.data, first.len);
		first.data[at] ^= 4;
		if (wal_read_end(dir, &end, &err) == 0) { /* padding, which nobody reads */
			assert_int_equal(end.index, 5);
			assert_int_equal(end.commit, 3);
			unread++;
		}
	}
	assert_in_range(unread, 0, 10);
	put_bytes(FIRST, first.data, first.len - 8); /* only the last segment may end early */
	assert_err(wal_read_end(dir, &(struct wal_end){ 0 }, e), ERR_FAIL, "is damaged at byte");
	remove_path(FIRST);
	put_bytes(WAL "/0000000000000002-0000000000000009.wal", first.data, first.len); /* out of order */
	assert_err(wal_read_end(dir, &(struct wal_end){ 0 }, e), ERR_FAIL, "is damaged at byte");
}

/* The last segments are enough, but one without an entry does not tell what is before it. */
static void a_tail_is_read_from_the_last_entry_on(void **state)
{
	auto_free char *dir = root_path(WAL);
	auto_buf struct buf log = { 0 }, none = { 0 };

	(void)state;
	put_two(&log);
	put_next(&log);
	begin(&none);
	put(&none, SNAPSHOT, fields(2, 2, 0), 0);
	put_bytes(WAL "/0000000000000002-0000000000000006.wal", none.data, none.len);
	assert_end(3, 5, 3);
	put_bytes(FIRST, "damaged, and longer than a length", 32);
	assert_tail(3, 5);
	assert_err(wal_read_end(dir, &(struct wal_end){ 0 }, e), ERR_FAIL, "is damaged at byte");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(the_end_is_the_last_entry), WITH_ROOT(an_adopted_log_has_all_committed),
		WITH_ROOT(a_log_without_space_grows), WITH_ROOT(a_newer_snapshot_replaces_the_entries),
		WITH_ROOT(an_own_snapshot_does_not),  WITH_ROOT(a_torn_record_ends_the_log),
		WITH_ROOT(damage_is_noticed),	      WITH_ROOT(a_tail_is_read_from_the_last_entry_on),
	};

	return cmocka_run_group_tests_name("wal", tests, NULL, NULL);
}
