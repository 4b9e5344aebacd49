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

/* --- Requests of the v2 API. */

/* An entry with these bytes. */
static void put_entry(struct buf *log, uint64_t type, uint64_t index, const char *bytes, size_t len)
{
	struct buf data = fields(type, 2, index);

	buf_puts(&data, "\x22");
	varint(&data, len);
	buf_add(&data, bytes, len);
	put(log, ENTRY, data, 0);
}

/* An etcdserverpb.Request as 3.4 writes it; inside: in an InternalRaftRequest. */
static void put_v2(struct buf *log, uint64_t index, const char *method, const char *path, bool inside)
{
	auto_buf struct buf request = { 0 }, outer = { 0 };

	buf_puts(&request, "\x08\x07\x12");
	varint(&request, strlen(method));
	buf_printf(&request, "%s\x1a", method);
	varint(&request, strlen(path));
	buf_printf(&request, "%s\x22\x02{}", path);
	buf_puts(&outer, "\x08\x07\x12");
	varint(&outer, request.len);
	buf_add(&outer, request.data, request.len);
	put_entry(log, 0, index, inside ? outer.data : request.data, inside ? outer.len : request.len);
}

/* The log of one segment that holds what `fill` puts behind its beginning. */
static struct wal_v2 find_v2(void (*fill)(struct buf *log))
{
	auto_free char *dir = root_path(WAL);
	auto_buf struct buf log = { 0 };
	struct wal_v2 found = { 0 };

	running = 0;
	begin(&log);
	put(&log, SNAPSHOT, fields(0, 0, 0), 0);
	fill(&log);
	put_bytes(FIRST, log.data, log.len);
	assert_ok(wal_find_v2(dir, &found, e));
	return found;
}

static void put_v3(struct buf *log)
{
	put_entry(log, 0, 1, "", 0); /* of a new leader */
	put_v2(log, 2, "PUT", "/0/members/8e9e05c52164694d/attributes", false);
	put_v2(log, 3, "PUT", "/0/version", false);
	put_v2(log, 4, "PUT", "/0/version", true);
	put_entry(log, 0, 5, "\x08\x07\x22\x06\x0a\x01k\x12\x01v", 10); /* a put of 3 */
	put_entry(log, 1, 6, "\x12\x04QGET\x1a\x01/", 9);		/* a change of the members */
	put(log, STATE, fields(2, MEMBER, 6), 0);
}

static void put_get(struct buf *log)
{
	put_v3(log);
	put_v2(log, 7, "QGET", "/", false);
	put_entry(log, 0, 8, "", 0);
	put(log, STATE, fields(2, MEMBER, 8), 0);
}

static void put_inner(struct buf *log)
{
	put_v2(log, 1, "PUT", "/1/x", true);
}

static void put_other_put(struct buf *log)
{
	put_v2(log, 1, "PUT", "/0/members/8e9e05c52164694d/raftAttributes", false);
}

static void put_snapshot(struct buf *log)
{
	put_get(log);
	put(log, SNAPSHOT, fields(8, 2, 0), 0);
}

static void put_again(struct buf *log)
{
	put_snapshot(log);
	put_v2(log, 9, "SYNC", "", false);
}

/* As it was sent by a leader and never committed: etcd would not start from it. */
static void put_early_snapshot(struct buf *log)
{
	put_v2(log, 1, "QGET", "/", false);
	put(log, SNAPSHOT, fields(9, 2, 0), 0);
	put(log, STATE, fields(2, MEMBER, 1), 0);
}

static void put_undecodable(struct buf *log)
{
	put_entry(log, 0, 1, "\xff\xff", 2);
}

static void requests_of_v2_are_found(void **state)
{
	struct wal_v2 found;

	(void)state;
	found = find_v2(put_v3);
	assert_int_equal(found.index, 0);
	assert_int_equal(found.own, 4);
	found = find_v2(put_get);
	assert_int_equal(found.index, 7);
	assert_string_equal(found.what, "QGET /");
	assert_string_equal(find_v2(put_inner).what, "PUT /1/x");
	assert_int_equal(find_v2(put_other_put).index, 1);
	assert_int_equal(find_v2(put_undecodable).index, 1);
}

static void a_snapshot_ends_their_effect(void **state)
{
	struct wal_v2 found;

	(void)state;
	found = find_v2(put_snapshot);
	assert_int_equal(found.index, 0);
	assert_int_equal(found.own, 0);
	assert_int_equal(found.snapshot, 8);
	found = find_v2(put_again);
	assert_int_equal(found.index, 9);
	assert_string_equal(found.what, "SYNC");
	found = find_v2(put_early_snapshot);
	assert_int_equal(found.index, 1);
	assert_int_equal(found.snapshot, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(the_end_is_the_last_entry), WITH_ROOT(an_adopted_log_has_all_committed),
		WITH_ROOT(a_log_without_space_grows), WITH_ROOT(a_newer_snapshot_replaces_the_entries),
		WITH_ROOT(an_own_snapshot_does_not),  WITH_ROOT(a_torn_record_ends_the_log),
		WITH_ROOT(damage_is_noticed),	      WITH_ROOT(a_tail_is_read_from_the_last_entry_on),
		WITH_ROOT(requests_of_v2_are_found),  WITH_ROOT(a_snapshot_ends_their_effect),
	};

	return cmocka_run_group_tests_name("wal", tests, NULL, NULL);
}
