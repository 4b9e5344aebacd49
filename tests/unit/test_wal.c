/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/wal: the end of a log, and the log as that of another cluster. The logs are made here, as etcd makes them.
 */
#include "machine_fixture.h"

#include <sys/stat.h>

#include "adapter/wal.h"

#define WAL   "/wal"
#define FIRST WAL "/0000000000000000-0000000000000000.wal"
#define NEXT  WAL "/0000000000000001-0000000000000004.wal"

enum { METADATA = 1, ENTRY, STATE, CRC, SNAPSHOT };

#define OLD_CLUSTER UINT64_C(0xe04335eb2253e9c2)
#define NEW_CLUSTER UINT64_C(0x77)
#define MEMBER	    UINT64_C(0x864ec619bc75aa8b)

static uint32_t running; /* the checksum of the log so far */

static void varint(struct buf *b, uint64_t v)
{
	for (; v > 127; v >>= 7)
		buf_add(b, &(uint8_t){ (uint8_t)(v | 128) }, 1);
	buf_add(b, &(uint8_t){ (uint8_t)v }, 1);
}

/* Fields 1, 2 and 3 of a message, where they are not 0. */
static struct buf fields(uint64_t one, uint64_t two, uint64_t three)
{
	const uint64_t values[] = { one, two, three };
	struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (values[i] == 0)
			continue;
		varint(&b, (i + 1) << 3);
		varint(&b, values[i]);
	}
	return b;
}

static void put(struct buf *log, int type, struct buf data, size_t more)
{
	auto_buf struct buf record = { 0 };
	size_t pad;

	if (more > 0) { /* field 4 of an entry */
		auto_free char *bytes = xcalloc(more, 1);

		memset(bytes, 'x', more);
		buf_puts(&data, "\x22");
		varint(&data, more);
		buf_add(&data, bytes, more);
	}
	running = ~running;
	for (size_t i = 0; i < data.len; i++) {
		running ^= (uint8_t)data.data[i];
		for (int bit = 0; bit < 8; bit++)
			running = running >> 1 ^ (running & 1 ? 0x82f63b78U : 0);
	}
	running = ~running;
	buf_puts(&record, "\x08");
	varint(&record, (uint64_t)type);
	buf_puts(&record, "\x10");
	varint(&record, running);
	if (data.len > 0) {
		buf_puts(&record, "\x1a");
		varint(&record, data.len);
		buf_add(&record, data.data, data.len);
	}
	pad = (8 - record.len % 8) % 8;
	buf_add(log, &(uint64_t){ record.len | (pad ? (uint64_t)(0x80 | pad) << 56 : 0) }, 8);
	buf_add(log, record.data, record.len);
	buf_add(log, "\0\0\0\0\0\0\0", pad);
	buf_free(&data);
}

static void begin(struct buf *log)
{
	put(log, CRC, (struct buf){ 0 }, 0);
	put(log, METADATA, fields(MEMBER, OLD_CLUSTER, 0), 0);
}

static void entry(struct buf *log, uint64_t term, uint64_t index)
{
	put(log, ENTRY, fields(0, term, index), 700);
}

static void allocated(struct buf *log)
{
	static const char zeros[65536];

	buf_add(log, zeros, sizeof(zeros));
}

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

static void assert_end(uint64_t term, uint64_t index, uint64_t commit)
{
	auto_free char *dir = root_path(WAL);
	struct wal_end end = { 0 };

	assert_ok(wal_read_end(dir, &end, e));
	assert_int_equal(end.term, term);
	assert_int_equal(end.index, index);
	assert_int_equal(end.commit, commit);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(the_end_is_the_last_entry), WITH_ROOT(an_adopted_log_has_all_committed),
		WITH_ROOT(a_log_without_space_grows), WITH_ROOT(a_newer_snapshot_replaces_the_entries),
		WITH_ROOT(an_own_snapshot_does_not),  WITH_ROOT(a_torn_record_ends_the_log),
		WITH_ROOT(damage_is_noticed),
	};

	return cmocka_run_group_tests_name("wal", tests, NULL, NULL);
}
