/* SPDX-License-Identifier: Apache-2.0
 *
 * member/datadir, adapter/wal: the owner of the data, and every reason not to start.
 */
#include "machine_fixture.h"

#include <sys/stat.h>

#include "adapter/wal.h"
#include "base/text.h"
#include "member/datadir.h"
#include "member/forming.h"
#include "member/identity.h"
#include "member/joining.h"
#include "member/recovered.h"

#define DATA	"/var/lib/etcd-cluster"
#define SEGMENT DATA "/member/wal/0000000000000000-0000000000000000.wal"

/* First 76 bytes that etcd 3.4.23 wrote as `--name n1 --initial-cluster-token tok`, peer URL http://127.0.0.1:23891. */
#define REAL_WAL                                                                                                       \
	"0400000000000084080410000000000020000000000000000801"                                                         \
	"1095ef9e9f0c1a16088bd5d6e39bc3b1a7860110c2d3cf92b2bdcda1e001"                                                 \
	"0e000000000000820805"
#define REAL_MEMBER  UINT64_C(0x864ec619bc75aa8b)
#define REAL_CLUSTER UINT64_C(0xe04335eb2253e9c2)

static void varint(struct buf *b, uint64_t v)
{
	for (; v > 127; v >>= 7)
		buf_add(b, &(uint8_t){ (uint8_t)(v | 128) }, 1);
	buf_add(b, &(uint8_t){ (uint8_t)v }, 1);
}

static uint32_t crc32c(const struct buf *b)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < b->len; i++) {
		crc ^= (uint8_t)b->data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

/* The beginning of a log of this member. */
static void put_wal(uint64_t cluster, uint64_t member)
{
	auto_buf struct buf meta = { 0 }, record = { 0 }, wal = { 0 };
	size_t pad;

	buf_puts(&meta, "\x08");
	varint(&meta, member);
	buf_puts(&meta, "\x10");
	varint(&meta, cluster);
	buf_puts(&record, "\x08\x01\x10");
	varint(&record, crc32c(&meta));
	buf_puts(&record, "\x1a");
	varint(&record, meta.len);
	buf_add(&record, meta.data, meta.len);
	buf_add(&wal, "\x04\0\0\0\0\0\0\x84\x08\x04\x10\0\0\0\0\0", 16);
	pad = (8 - record.len % 8) % 8;
	buf_add(&wal, &(uint8_t){ (uint8_t)record.len }, 1);
	buf_add(&wal, "\0\0\0\0\0\0", 6);
	buf_add(&wal, &(uint8_t){ (uint8_t)(pad ? 0x80 | pad : 0) }, 1);
	buf_add(&wal, record.data, record.len);
	buf_add(&wal, "\0\0\0\0\0\0\0", pad);
	put_bytes(SEGMENT, wal.data, wal.len);
}

static void put_identity(const struct machine *m, uint64_t cluster, uint64_t member)
{
	struct identity id = { .cluster_id = cluster, .member_id = member, .name = xstrdup("n1") };

	assert_ok(identity_write(m, &id, e));
	identity_free(&id);
}

static void the_log_of_etcd_is_read(void **state)
{
	uint8_t bytes[sizeof(REAL_WAL) / 2];
	struct wal_ids ids;

	(void)state;
	assert_true(text_unhex(REAL_WAL, bytes, sizeof(bytes)));
	assert_ok(wal_parse_ids("w", bytes, sizeof(bytes), &ids, e));
	assert_int_equal(ids.member, REAL_MEMBER);
	assert_int_equal(ids.cluster, REAL_CLUSTER);
}

static void every_flipped_bit_is_noticed(void **state)
{
	uint8_t bytes[sizeof(REAL_WAL) / 2];
	struct wal_ids ids;

	(void)state;
	assert_true(text_unhex(REAL_WAL, bytes, sizeof(bytes)));
	for (size_t bit = 8 * 33; bit < 8 * 56; bit++) { /* the metadata itself */
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_err(wal_parse_ids("w", bytes, sizeof(bytes), &ids, e), ERR_FAIL, "w is damaged");
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < 56; len++) {
		auto_free uint8_t *cut = xcalloc(len, 1); /* of its own, so that a read behind it is caught */

		memcpy(cut, bytes, len);
		assert_err(wal_parse_ids("w", cut, len, &ids, e), ERR_FAIL, "w is damaged");
	}
}

/* The IDs of etcd 3.4.23 for these URLs and tokens. */
static void ids_are_computed_as_etcd_does(void **state)
{
	char *standard[] = { xstrdup("http://localhost:2380") }, *one[] = { xstrdup("http://127.0.0.1:23891") };
	char *three[] = { xstrdup("http://127.0.0.1:23893"), xstrdup("http://127.0.0.1:23894"),
			  xstrdup("http://[::1]:23895") };
	struct wal_ids ids;

	(void)state;
	ids = wal_static_ids(standard, 1, 0, "etcd-cluster");
	assert_int_equal(ids.member, UINT64_C(0x8e9e05c52164694d));
	assert_int_equal(ids.cluster, UINT64_C(0xcdf818194e3a8c32));
	ids = wal_static_ids(one, 1, 0, "tok");
	assert_int_equal(ids.member, REAL_MEMBER);
	assert_int_equal(ids.cluster, REAL_CLUSTER);
	ids = wal_static_ids(three, 3, 2, "tok3");
	assert_int_equal(ids.member, UINT64_C(0xe432d4c115c45e35));
	assert_int_equal(ids.cluster, UINT64_C(0x58b34ce53b40e379));
	free(standard[0]);
	free(one[0]);
	for (size_t i = 0; i < 3; i++)
		free(three[i]);
}

static void empty_is_fine_the_first_time(void **state)
{
	const struct machine *m = *state;
	struct err err = { 0 };
	uint64_t cluster, member;

	assert_ok(datadir_check(m, e)); /* not even a directory */
	assert_ok(datadir_prepare(m, e));
	assert_ok(datadir_check(m, e));
	put_file(DATA "/lost+found/x", "");
	put_file(DATA "/.touch", "");
	put_file(DATA "/member/snap/db", "half"); /* etcd was killed before it had a log */
	put_file(DATA "/member/wal/0.tmp", "");
	assert_ok(datadir_check(m, e));
	assert_int_equal(datadir_look(m, &cluster, &member, &err), 0);
}

static void own_data_is_fine(void **state)
{
	const struct machine *m = *state;
	char *url[] = { xstrdup("https://127.0.0.1:2380") };
	struct wal_ids own = wal_static_ids(url, 1, 0, "etcd-cluster");
	struct err err = { 0 };
	uint64_t cluster, member;

	free(url[0]);
	put_wal(own.cluster, own.member);
	assert_ok(datadir_check(m, e)); /* killed before member-id was written */
	assert_int_equal(datadir_look(m, &cluster, &member, &err), 1);
	assert_int_equal(cluster, own.cluster);
	assert_int_equal(member, own.member);
	put_identity(m, 7, 8);
	assert_err(datadir_check(m, e), ERR_CONFIG, "member 0000000000000008 of cluster 0000000000000007");
	put_wal(7, 8);
	assert_ok(datadir_check(m, e)); /* it matches member-id */
}

static void lost_data_is_refused(void **state)
{
	struct machine *m = *state;

	put_identity(m, 7, 8);
	assert_err(datadir_check(m, e), ERR_CONFIG, "is missing, but this machine is member 0000000000000008 (n1)");
	assert_ok(datadir_prepare(m, e));
	assert_err(datadir_check(m, e), ERR_CONFIG, "is empty, but this machine is member");
	assert_err(datadir_check(m, e), ERR_CONFIG, "/etc/etcd/member-id.lost; mv ");
	m->conf.role = ROLE_JOIN;
	assert_err(datadir_check(m, e), ERR_CONFIG, "etcd-cluster replace");
}

/* Until it has a log, the member of a committed record starts again, on the disk that the record names and no other. */
static void a_committed_member_starts_on_its_disk_only(void **state)
{
	static const char nonce[] = "00112233445566778899aabbccddeeff", other[] = "ffeeddccbbaa99887766554433221100";
	const struct machine *m = *state;
	char disk[DISK_ID_HEX];
	auto_free char *disks = NULL;
	struct err err = { 0 };
	struct wal_ids ids;

	assert_ok(datadir_prepare(m, e));
	assert_err(datadir_may_start(m, e), ERR_CONFIG, "has no data");
	assert_int_equal(disk_ensure(m, disk, &err), 1);
	assert_int_equal(disk_ensure(m, disk, &err), 0);
	assert_err(datadir_may_start(m, e), ERR_CONFIG, "has no data");
	for (enum forming_state state_now = FORMING_OFFERED; state_now <= FORMING_STARTED; state_now++) {
		auto_forming struct forming f = { .state = state_now,
						  .nonce = xstrdup(nonce),
						  .members = xstrdup("n1=127.0.0.1"),
						  .disks = xasprintf("n1=%s", disk),
						  .ports = xstrdup("2379,2380"),
						  .token = xstrdup("etcd-cluster"),
						  .ca = xstrdup("x") };

		assert_ok(forming_write(m, &f, e));
		assert_true(forming_ids(&f, "n1", &ids));
		if (state_now != FORMING_COMMITTED && state_now != FORMING_STARTING) {
			assert_err(datadir_may_start(m, e), ERR_CONFIG, "");
			continue;
		}
		assert_ok(datadir_may_start(m, e));
		put_identity(m, ids.cluster, ids.member);
		assert_ok(datadir_may_start(m, e));
		disks = xasprintf("%s\n", other);
		put_file(DATA "/member/disk-id", disks);
		assert_err(datadir_may_start(m, e), ERR_CONFIG, "starting empty under its old ID");
		assert_int_equal(disk_read(m, disk, &err), 1);
		free(steal(&disks));
		disks = forming_of(f.disks, "n1");
		put_file(DATA "/member/disk-id", disks);
		free(steal(&disks));
		assert_int_equal(disk_read(m, disk, &err), 1);
	}
	/* Its data, and no member-id: killed while member-id was lost. */
	remove_path("/etc/etcd/member-id");
	put_wal(ids.cluster, ids.member);
	assert_ok(datadir_may_start(m, e));
}

/* A copy of the data without the log's disk, or the reverse, is another disk. */
static void both_disks_count(void **state)
{
	struct machine *m = *state;
	char disk[DISK_ID_HEX], again[DISK_ID_HEX];
	struct err err = { 0 };

	m->conf.wal_dir = xstrdup("/srv/wal");
	assert_ok(datadir_prepare(m, e));
	assert_int_equal(disk_ensure(m, disk, &err), 1);
	put_file("/srv/wal/disk-id", "not an id, and longer than one could be");
	assert_int_equal(disk_read(m, again, &err), 0);
	assert_string_equal(again, "");
	assert_int_equal(disk_ensure(m, again, &err), 1);
	assert_string_not_equal(disk, again);
	assert_int_equal(disk_read(m, disk, &err), 1);
	assert_string_equal(disk, again);
}

static void distribution_default_is_refused(void **state)
{
	const struct machine *m = *state;

	put_wal(UINT64_C(0xcdf818194e3a8c32), UINT64_C(0x8e9e05c52164694d));
	assert_err(datadir_check(m, e), ERR_CONFIG, "ran without any configuration");
	assert_err(datadir_check(m, e), ERR_CONFIG, "/member.aside-20270115-080000");
}

static void foreign_data_is_refused(void **state)
{
	struct machine *m = *state;

	put_wal(1, 2);
	assert_err(datadir_check(m, e), ERR_CONFIG, "member 0000000000000002 of cluster 0000000000000001");
	assert_err(datadir_check(m, e), ERR_CONFIG, "to keep it and start empty: mv ");
	m->conf.role = ROLE_JOIN;
	assert_err(datadir_check(m, e), ERR_CONFIG, "which is not the member that cluster.conf describes");
}

static void an_added_member_owns_its_data(void **state)
{
	char peer[] = "https://127.0.0.1:2380", cluster[] = "n1=https://127.0.0.1:2380";
	struct joining j = { JOINING_ADDED, 7, 8, peer, cluster };
	struct machine *m = *state;

	m->conf.role = ROLE_JOIN;
	assert_ok(joining_write(m, &j, e));
	assert_ok(datadir_check(m, e)); /* added, not started */
	put_wal(7, 9);
	assert_err(datadir_check(m, e), ERR_CONFIG, "member 0000000000000009 of cluster 0000000000000007");
	put_wal(7, 8);
	assert_ok(datadir_check(m, e)); /* killed before member-id was written */
}

static void an_added_member_does_not_begin_twice(void **state)
{
	char peer[] = "https://127.0.0.1:2380", cluster[] = "n1=https://127.0.0.1:2380";
	struct joining j = { JOINING_STARTED, 7, 8, peer, cluster };
	struct machine *m = *state;

	m->conf.role = ROLE_JOIN;
	assert_ok(joining_write(m, &j, e));
	assert_err(datadir_check(m, e), ERR_CONFIG, "this machine is member 0000000000000008 (n1)");
}

/* Between the two, etcd would start on half of the data, or on another member's. */
static void an_interrupted_recovery_is_refused(void **state)
{
	char token[] = "etcd-cluster.0123456789abcdef0123456789abcdef", url[] = "https://10.0.0.2:2380";
	char *peers[] = { url, NULL }, *nonce = token + strlen("etcd-cluster."), file[] = "4711 1 /srv/my backups/x.db";
	const struct recovered r = { .cluster_id = 7,
				     .member_id = 8,
				     .former_cluster = 1,
				     .token = token,
				     .former_peers = peers,
				     .nonce = nonce,
				     .file = file };
	auto_recovered struct recovered read = { 0 };
	const struct machine *m = *state;

	put_identity(m, 1, 2);
	put_wal(1, 2);
	assert_ok(datadir_check(m, e));
	assert_ok(recovered_write(m, &r, e));
	assert_ok(recovered_read(m, &read, e));
	assert_string_equal(read.token, token);
	assert_string_equal(read.former_peers[0], url);
	assert_string_equal(read.nonce, nonce);
	assert_string_equal(read.file, file);
	assert_true(read.cluster_id == 7 && read.member_id == 8 && read.former_cluster == 1);
	assert_err(datadir_check(m, e), ERR_CONFIG, "the recovery from cluster 0000000000000001 was interrupted");
	put_wal(7, 8);
	put_identity(m, 7, 8);
	put_file(DATA "/member.aside-recovered/wal/0.wal", "");
	assert_err(datadir_check(m, e), ERR_CONFIG, "etcd-cluster setup finishes it");
	remove_path(DATA "/member.aside-recovered");
	assert_ok(datadir_check(m, e));
	remove_path("/etc/etcd/member-id");
	assert_err(datadir_check(m, e), ERR_CONFIG, "was interrupted");
	put_file("/etc/etcd/recovered", "TOKEN=t\n");
	assert_err(datadir_check(m, e), ERR_CONFIG, "must have CLUSTER_ID");
}

static void other_files_are_refused(void **state)
{
	const struct machine *m = *state;

	put_file(DATA "/holiday.jpg", "");
	assert_err(datadir_check(m, e), ERR_CONFIG, "not etcd's: holiday.jpg");
}

static void damaged_data_is_refused(void **state)
{
	const struct machine *m = *state;

	put_file(SEGMENT, "");
	assert_err(datadir_check(m, e), ERR_FAIL, "is damaged");
}

static void snapshots_without_their_log_are_refused(void **state)
{
	struct machine *m = *state;

	put_file(DATA "/member/snap/0000000000000002-00000000000186a1.snap", "x");
	m->conf.wal_dir = xstrdup("/srv/wal");
	assert_err(datadir_check(m, e), ERR_CONFIG, "its log is not in");
}

/* DATA_DIR or WAL_DIR was changed on a member: the data is where it was, and the fix moves it. */
static void a_log_that_was_left_behind_is_found(void **state)
{
	struct machine *m = *state;

	put_identity(m, 7, 8);
	put_wal(7, 8);
	put_file("/etc/etcd/etcd.env", "ETCD_DATA_DIR=" DATA "\n");
	assert_ok(datadir_check(m, e));
	m->conf.wal_dir = xstrdup("/srv/wal");
	assert_err(datadir_check(m, e), ERR_CONFIG,
		   "cluster.conf has another WAL_DIR: the log of this member is still in");
	assert_err(datadir_check(m, e), ERR_CONFIG, DATA "/member/wal/* ");
	free(steal(&m->conf.wal_dir));
	free(steal(&m->conf.data_dir));
	m->conf.data_dir = xstrdup("/srv/data");
	assert_err(datadir_check(m, e), ERR_CONFIG, "cluster.conf has another DATA_DIR");
	assert_err(datadir_check(m, e), ERR_CONFIG, DATA "/* ");
	put_file("/etc/etcd/etcd.env", "ETCD_DATA_DIR=/srv/data\n");
	assert_err(datadir_check(m, e), ERR_CONFIG, "starting empty under its old ID");
}

static void the_first_segment_counts(void **state)
{
	const struct machine *m = *state;
	struct err err = { 0 };
	uint64_t cluster, member;

	put_wal(7, 8);
	put_file(DATA "/member/wal/0000000000000001-00000000000003e8.wal", "later");
	put_file(DATA "/member/wal/0.wal", "no segment");
	assert_int_equal(datadir_look(m, &cluster, &member, &err), 1);
	assert_int_equal(member, 8);
}

static void the_directory_is_made_and_its_mode_repaired(void **state)
{
	struct machine *m = *state;
	auto_free char *data = layout_path(&m->at, "/srv/x/data"), *parent = layout_path(&m->at, "/srv/x");
	struct err err = { 0 };
	struct stat st;

	free(m->conf.data_dir);
	m->conf.data_dir = xstrdup("/srv/x/data");
	m->conf.wal_dir = xstrdup("/srv/x/wal");
	m->dry_run = true;
	assert_int_equal(datadir_prepare(m, &err), 1);
	assert_false(file_exists(data));
	m->dry_run = false;
	assert_int_equal(datadir_prepare(m, &err), 1);
	assert_int_equal(datadir_prepare(m, &err), 0);
	assert_int_equal(stat(data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(parent, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(chmod(data, 0755), 0);
	assert_int_equal(datadir_prepare(m, &err), 1);
	assert_int_equal(stat(data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(rmdir(data), 0);
	assert_int_equal(symlink("/var", data), 0);
	assert_err(datadir_prepare(m, e), ERR_CONFIG, "is not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_of_etcd_is_read),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(ids_are_computed_as_etcd_does),
		WITH_MACHINE(empty_is_fine_the_first_time),
		WITH_MACHINE(own_data_is_fine),
		WITH_MACHINE(a_committed_member_starts_on_its_disk_only),
		WITH_MACHINE(both_disks_count),
		WITH_MACHINE(lost_data_is_refused),
		WITH_MACHINE(distribution_default_is_refused),
		WITH_MACHINE(foreign_data_is_refused),
		WITH_MACHINE(an_added_member_owns_its_data),
		WITH_MACHINE(an_added_member_does_not_begin_twice),
		WITH_MACHINE(an_interrupted_recovery_is_refused),
		WITH_MACHINE(other_files_are_refused),
		WITH_MACHINE(damaged_data_is_refused),
		WITH_MACHINE(snapshots_without_their_log_are_refused),
		WITH_MACHINE(a_log_that_was_left_behind_is_found),
		WITH_MACHINE(the_first_segment_counts),
		WITH_MACHINE(the_directory_is_made_and_its_mode_repaired),
	};

	return cmocka_run_group_tests_name("datadir", tests, NULL, NULL);
}
