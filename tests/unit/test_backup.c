/* SPDX-License-Identifier: Apache-2.0
 *
 * backup: the end of a snapshot, which backups stay, which machine takes one, and what is written about it.
 */
#include "machine_fixture.h"

#include "adapter/zstd.h"
#include "backup/choose.h"
#include "backup/hand_over.h"
#include "backup/keep.h"
#include "backup/meta.h"
#include "backup/place.h"
#include "backup/state.h"
#include "backup/trailer.h"
#include "backup/verify.h"
#include "base/text.h"
#include "service/schedule.h"

/* --- The end of a snapshot. */

/* A snapshot of so many bytes, its hash behind them. */
static void make_snapshot(struct buf *out, size_t len)
{
	digest_ctx *d = digest_new();
	uint8_t sha256[DIGEST_LEN];

	for (size_t i = 0; i < len; i++) {
		char byte = (char)(i * 31 + i / 251);

		buf_add(out, &byte, 1);
	}
	digest_add(d, out->data, out->len);
	digest_end(d, sha256);
	digest_free(&d);
	buf_add(out, sha256, sizeof(sha256));
}

static int look(const struct buf *snapshot, size_t step, struct err *e)
{
	struct trailer t cleanup(trailer_free) = { 0 };

	trailer_init(&t);
	for (size_t at = 0; at < snapshot->len; at += step)
		trailer_add(&t, snapshot->data + at, at + step > snapshot->len ? snapshot->len - at : step);
	assert_int_equal(t.size, snapshot->len);
	return trailer_end(&t, e);
}

static void a_snapshot_is_whole_in_pieces_of_any_length(void **state)
{
	auto_buf struct buf snapshot = { 0 };

	(void)state;
	make_snapshot(&snapshot, 1024);
	for (size_t step = 1; step <= snapshot.len; step++)
		assert_ok(look(&snapshot, step, e));
}

static void a_damaged_snapshot_is_refused(void **state)
{
	auto_buf struct buf snapshot = { 0 };
	struct err e = { 0 };

	(void)state;
	make_snapshot(&snapshot, 1024);
	for (size_t i = 0; i < snapshot.len; i += 7) {
		snapshot.data[i] ^= 4;
		assert_int_equal(look(&snapshot, 100, &e), -1);
		assert_int_equal(e.class, ERR_VERIFY);
		assert_non_null(strstr(e.msg, "damaged"));
		snapshot.data[i] ^= 4;
	}
	for (size_t len = snapshot.len; len-- > 0;) {
		struct buf cut = { .data = snapshot.data, .len = len };

		assert_int_equal(look(&cut, 100, &e), -1);
		assert_int_equal(e.class, ERR_VERIFY);
	}
	snapshot.len = 1024;
	assert_int_equal(look(&snapshot, 100, &e), -1);
	assert_non_null(strstr(e.msg, "a copy of a database file"));
}

/* --- Which ones stay. */

static void the_newest_good_one_always_stays(void **state)
{
	/* A letter for each, the newest first, a day apart: g good, b bad (cut short, or gone); and what is dropped. */
	static const struct {
		const char *list, *want;
		unsigned int count, days;
	} cases[] = {
		{ "", "", 1, 0 },	  { "g", "-", 1, 1 },	    { "gg", "-x", 1, 0 },   { "ggg", "--x", 2, 0 },
		{ "gggg", "--xx", 4, 2 }, { "gggg", "-xxx", 4, 1 }, { "b", "-", 1, 1 },	    { "bbb", "---", 1, 1 },
		{ "bg", "--", 1, 0 },	  { "bgg", "--x", 1, 0 },   { "gbg", "-xx", 1, 0 }, { "gbgg", "---x", 2, 0 },
		{ "bbg", "---", 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const size_t n = strlen(cases[i].list);
		auto_free struct backup_meta *all = xcalloc(n + 1, sizeof(*all));
		const struct backup_list l = { .all = all, .n = n };
		bool drop[8] = { false };
		char got[8] = "";

		for (size_t k = 0; k < n; k++)
			all[k] = (struct backup_meta){ .time = NOW - (time_t)k * DAY - 3600,
						       .there = cases[i].list[k] == 'g' };
		keep_rule(&l, cases[i].count, cases[i].days, NOW, drop);
		for (size_t k = 0; k < n; k++)
			got[k] = drop[k] ? 'x' : '-';
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s, %u, %u days: %s instead of %s", cases[i].list, cases[i].count, cases[i].days, got,
				 cases[i].want);
	}
}

/* Puts a backup and its metadata into BACKUP_DIR; the caller frees the path. */
static char *put_backup(const char *name, uint64_t cluster, const char *member, time_t when)
{
	auto_free char *below = xasprintf("/var/backups/etcd-cluster/%s", name);
	struct backup_meta b = { .path = root_path(below),
				 .cluster_id = cluster,
				 .member_id = 2,
				 .member = xstrdup(member),
				 .version = "3.6.14",
				 .revision = 7,
				 .keys = -1,
				 .time = when,
				 .size = 4 };
	char *path = xstrdup(b.path);

	(void)memset(b.sha256, 'a', sizeof(b.sha256) - 1);
	put_file(below, "data");
	assert_ok(backup_meta_write(&b, e));
	backup_meta_free(&b);
	return path;
}

static void only_backups_of_this_cluster_are_removed(void **state)
{
	struct machine m cleanup(machine_free) = { 0 };
	auto_free char *newest = put_backup("etcd-1-9-c.db", 1, "n1", NOW - 10);
	auto_free char *old = put_backup("etcd-1-8-b.db", 1, "n2", NOW - 20);
	auto_free char *foreign = put_backup("etcd-2-8-b.db", 2, "n1", NOW - 30);
	auto_free char *named = put_backup("mine.db", 1, "n1", NOW - 40);
	auto_free char *left = put_backup("etcd-1-7-a.db", 1, "n1", NOW - 5), *left_meta = backup_meta_path(left);
	auto_free char *theirs = put_backup("etcd-1-7-z.db", 1, "n2", NOW - 5), *theirs_meta = backup_meta_path(theirs);
	auto_free char *old_meta = backup_meta_path(old);

	(void)state;
	open_machine(&m, "NAME=n1\nBACKUP_KEEP=1\n");
	put_file("/var/backups/etcd-cluster/etcd-1-1-copy.db", "without metadata");
	put_file("/var/backups/etcd-cluster/etcd-1-2.json", "{}");
	/* A killed run of this machine, and one of another machine that is about to name its file. */
	assert_int_equal(unlink(left), 0);
	assert_int_equal(unlink(theirs), 0);
	{
		struct err e = { 0 };

		assert_int_equal(keep_apply(&m, 1, &e), 1);
		assert_int_equal(keep_apply(&m, 1, &e), 0);
	}
	assert_true(file_exists(newest));
	assert_false(file_exists(old));
	assert_false(file_exists(old_meta));
	assert_true(file_exists(foreign));
	assert_true(file_exists(named));
	assert_false(file_exists(left_meta));
	assert_true(file_exists(theirs_meta));
	assert_file("/var/backups/etcd-cluster/etcd-1-1-copy.db", "without metadata");
	assert_file("/var/backups/etcd-cluster/etcd-1-2.json", "{}");
}

/* --- Who takes it. */

static void the_healthy_voter_with_the_lowest_id_comes_first(void **state)
{
	/* A letter for each voter: h healthy, l the leader, d down; a capital one is this machine's. */
	static const struct {
		const char *voters;
		int want;
	} cases[] = {
		{ "L", 0 },   { "H", 0 },   { "D", -1 },  { "", -1 },	{ "hhl", -1 }, { "Hlh", 0 },  { "lHh", 0 },
		{ "lhH", 1 }, { "Lhh", 2 }, { "dHl", 0 }, { "ddL", 0 }, { "dhL", 1 },  { "lDh", -1 }, { "hlH", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct choose_voter list[4] = { 0 };
		const size_t n = strlen(cases[i].voters);

		for (size_t k = 0; k < n; k++) {
			const char c = cases[i].voters[k];

			/* Their order in the list does not count. */
			list[n - 1 - k] = (struct choose_voter){ .id = 10 + k,
								 .healthy = c != 'd' && c != 'D',
								 .leader = c == 'l' || c == 'L',
								 .here = c < 'a' };
		}
		if (choose_rank(list, n) != cases[i].want)
			fail_msg("%s: %d instead of %d", cases[i].voters, choose_rank(list, n), cases[i].want);
	}
}

static void the_key_of_the_last_backup_is_read_strictly(void **state)
{
	static const char *const wrong[] = { "",
					     "2027-01-15T08:00:00Z 7 n1",
					     "2027-01-15T08:00:00Z 0 n1 f",
					     "2027-01-15 7 n1 f",
					     "2027-01-15T08:00:00Zx 7 n1 f",
					     "2027-01-15T08:00:00Z 7 n1 f more" };
	struct choose_last last;

	(void)state;
	assert_true(choose_last_parse("2027-01-15T08:00:00Z 7 n1 etcd-1-7.db", &last));
	assert_int_equal(last.time, NOW);
	assert_int_equal(last.revision, 7);
	assert_string_equal(last.member, "n1");
	assert_string_equal(last.file, "etcd-1-7.db");
	choose_last_free(&last);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_false(choose_last_parse(wrong[i], &last));
		choose_last_free(&last);
	}
}

/* --- What is written about it. */

static void metadata_is_read_as_it_was_written(void **state)
{
	struct backup_meta b = { .path = root_path("/etc/x.db"),
				 .cluster_id = 0xabc,
				 .member_id = UINT64_MAX,
				 .member = xstrdup("n1"),
				 .version = "3.6.14",
				 .revision = INT64_MAX,
				 .keys = 12,
				 .hashed = true,
				 .hash = UINT32_MAX,
				 .compacted = -1,
				 .time = NOW,
				 .size = 544,
				 .waits = true },
			   got;

	(void)state;
	(void)memset(b.sha256, 'f', sizeof(b.sha256) - 1);
	assert_ok(backup_meta_write(&b, e));
	assert_file("/etc/x.db.json",
		    "{\"file\":\"x.db\",\"cluster_id\":\"0000000000000abc\",\"member_id\":\"ffffffffffffffff\","
		    "\"member\":\"n1\",\"version\":\"3.6.14\",\"revision\":9223372036854775807,\"keys\":12,"
		    "\"hash_kv\":4294967295,\"compact_revision\":-1,\"time\":\"2027-01-15T08:00:00Z\","
		    "\"size_bytes\":544,\"sha256\":"
		    "\"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\",\"command_pending\":true}\n");
	{
		struct err e = { 0 };

		assert_int_equal(backup_meta_read(b.path, &got, &e), 1);
	}
	assert_int_equal(got.cluster_id, b.cluster_id);
	assert_int_equal(got.revision, b.revision);
	assert_int_equal(got.keys, 12);
	assert_true(got.hashed);
	assert_int_equal(got.compacted, -1);
	assert_int_equal(got.time, NOW);
	assert_string_equal(got.sha256, b.sha256);
	assert_true(got.waits);
	assert_false(got.there);
	backup_meta_free(&got);
	backup_meta_free(&b);
}

static void wrong_metadata_is_refused(void **state)
{
	static const char good[] =
		"{\"cluster_id\":\"0000000000000abc\",\"member_id\":\"0000000000000001\",\"member\":\"n1\","
		"\"version\":\"3.6.14\",\"revision\":1,\"time\":\"2027-01-15T08:00:00Z\",\"size_bytes\":544,\"sha256\":"
		"\"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\"}";
	struct backup_meta b;

	(void)state;
	assert_true(backup_meta_parse(good, &b));
	assert_int_equal(b.keys, -1);
	assert_false(b.hashed || b.waits);
	backup_meta_free(&b);
	/* Without one of its letters no field is what it was. */
	for (size_t i = 0; good[i]; i++) {
		auto_free char *bad = xstrdup(good);

		bad[i] = '\1';
		assert_false(backup_meta_parse(bad, &b) && b.member && strcmp(b.member, "?1") != 0 &&
			     strcmp(b.member, "n?") != 0 && !strchr(b.version, '?'));
		backup_meta_free(&b);
	}
	assert_false(backup_meta_parse("[]", &b));
	assert_false(backup_meta_parse("", &b));
}

static void the_state_is_kept_whatever_a_message_has(void **state)
{
	struct machine *m = *state;
	struct backup_state s, got;
	struct err e = { 0 };

	backup_state_read(m, &s);
	assert_int_equal(s.time, 0);
	assert_string_equal(s.why, "");
	s.time = NOW;
	s.failed = NOW + 1;
	backup_state_text(&s.why, "\"$x' \\ \033[1m of `it`");
	backup_state_text(&s.file, "/a b.db");
	assert_int_equal(backup_state_write(m, &s, &e), 1);
	assert_int_equal(backup_state_write(m, &s, &e), 0);
	backup_state_read(m, &got);
	assert_int_equal(got.time, NOW);
	assert_int_equal(got.failed, NOW + 1);
	assert_string_equal(got.why, "??x? ? ?[1m of ?it?");
	assert_string_equal(got.file, "/a b.db");
	backup_state_free(&s);
	backup_state_free(&got);
}

/* --- Files. */

static void a_file_is_compared_with_its_metadata_and_its_end(void **state)
{
	auto_buf struct buf snapshot = { 0 };
	auto_free char *file = root_path("/s.db"), *packed = root_path("/s.db.zst");
	struct backup_meta b = { .path = file,
				 .cluster_id = 1,
				 .member_id = 2,
				 .version = "3.6.14",
				 .revision = 7,
				 .time = NOW,
				 .size = 1024 + DIGEST_LEN };
	char name[] = "n1";
	struct verified v;
	uint8_t sha256[DIGEST_LEN];
	struct err e = { 0 };
	int fd, to;

	(void)state;
	b.member = name;
	make_snapshot(&snapshot, 1024);
	put_bytes("/s.db", snapshot.data, snapshot.len);
	assert_int_equal(verify_file(file, -1, &v, &e), 0);
	assert_false(v.has_meta);
	assert_int_equal(v.size, snapshot.len);
	/* Compressed, and cut short. */
	fd = open(file, O_RDONLY | O_CLOEXEC);
	to = file_create(packed, FILE_MODE(0600), &e);
	assert_int_equal(zstd_pack(fd, to, packed, &e), 0);
	assert_int_equal(verify_file(packed, -1, &v, &e), 0);
	assert_int_equal(v.size, snapshot.len);
	assert_int_equal(ftruncate(to, lseek(to, 0, SEEK_END) - 5), 0);
	assert_int_equal(verify_file(packed, -1, &v, &e), -1);
	assert_int_equal(e.class, ERR_VERIFY);
	assert_int_equal(digest_file(fd, file, sha256, &e), 0);
	(void)close(fd);
	(void)close(to);
	text_hex(sha256, DIGEST_LEN, b.sha256);
	assert_int_equal(backup_meta_write(&b, &e), 0);
	assert_int_equal(verify_file(file, -1, &v, &e), 0);
	assert_true(v.has_meta);
	backup_meta_free(&v.meta);
	/* The same size, its own hash at its end, but another one. */
	snapshot.data[5] ^= 1;
	snapshot.len = 1024;
	{
		auto_buf struct buf forged = { 0 };
		digest_ctx *d = digest_new();

		buf_add(&forged, snapshot.data, 1024);
		digest_add(d, forged.data, forged.len);
		digest_end(d, sha256);
		digest_free(&d);
		buf_add(&forged, sha256, sizeof(sha256));
		put_bytes("/s.db", forged.data, forged.len);
	}
	assert_int_equal(verify_file(file, -1, &v, &e), -1);
	assert_int_equal(e.class, ERR_VERIFY);
	assert_non_null(strstr(e.msg, "was changed"));
	backup_meta_free(&v.meta);
}

static void a_share_that_is_not_mounted_is_noticed(void **state)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct err e = { 0 };

	(void)state;
	put_file("/mnt/nas/etcd/x", "");
	open_machine(&m, "NAME=n1\nBACKUP_DIR=/mnt/nas/etcd\nBACKUP_MOUNT=/mnt/nas\n");
	assert_null(place_dir(&m, &e));
	assert_int_equal(e.class, ERR_CONFIG);
	assert_non_null(strstr(e.msg, "is not mounted"));
}

static void the_command_gets_the_name(void **state)
{
	static const char *const want[] = { "/usr/bin/rclone", "rcat", "far:etcd/x.db", NULL };
	struct machine m cleanup(machine_free) = { 0 };
	auto_strv char **got = NULL;

	(void)state;
	open_machine(&m, "NAME=n1\nBACKUP_COMMAND=\"/usr/bin/rclone rcat far:etcd/{name}\"\nBACKUP_USER=nobody\n");
	got = hand_over_command(&m, "/var/backups/x.db");
	assert_int_equal(strv_len(got), 3);
	for (size_t i = 0; want[i]; i++)
		assert_string_equal(got[i], want[i]);
}

static void times_of_systemd_are_read(void **state)
{
	time_t when = 0;

	(void)state;
	assert_true(schedule_parse("LastTriggerUSec=Fri 2027-01-15 08:00:00 UTC\n", &when));
	assert_int_equal(when, NOW);
	assert_true(schedule_parse("       Iter. #2: Fri 2027-01-15 08:00:00 UTC", &when));
	assert_false(schedule_parse("LastTriggerUSec=n/a", &when));
	assert_false(schedule_parse("Normalized form: 2027-01-15 08:00:00", &when));
	assert_false(schedule_parse("", &when));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_is_whole_in_pieces_of_any_length),
		cmocka_unit_test(a_damaged_snapshot_is_refused),
		cmocka_unit_test(the_newest_good_one_always_stays),
		WITH_ROOT(only_backups_of_this_cluster_are_removed),
		cmocka_unit_test(the_healthy_voter_with_the_lowest_id_comes_first),
		cmocka_unit_test(the_key_of_the_last_backup_is_read_strictly),
		WITH_ROOT(metadata_is_read_as_it_was_written),
		cmocka_unit_test(wrong_metadata_is_refused),
		WITH_MACHINE(the_state_is_kept_whatever_a_message_has),
		WITH_ROOT(a_file_is_compared_with_its_metadata_and_its_end),
		WITH_ROOT(a_share_that_is_not_mounted_is_noticed),
		WITH_ROOT(the_command_gets_the_name),
		cmocka_unit_test(times_of_systemd_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
