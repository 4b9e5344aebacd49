/* SPDX-License-Identifier: Apache-2.0
 *
 * member/host: one changed fact is recorded, two are refused.
 */
#include "machine_fixture.h"

#include "member/host.h"

#define UUID	"/sys/class/dmi/id/product_uuid"
#define MACHINE "/etc/machine-id"
#define TREE	"/sys/firmware/devicetree/base/serial-number"

static void put_facts(const char *uuid, const char *machine, const char *address)
{
	auto_free char *conf = xasprintf("NAME=n1\nADDRESS=%s\n", address);

	put_file(UUID, uuid);
	put_file(MACHINE, machine);
	put_file("/etc/etcd/cluster.conf", conf);
}

static int check(void)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct err why = { 0 };

	assert_ok(machine_open(&m, &(struct machine_options){ .root = root }, e));
	return host_check(&m, &why);
}

static int record(bool moved)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct err why = { 0 };

	assert_ok(machine_open(&m, &(struct machine_options){ .root = root }, e));
	return host_write(&m, moved, &why);
}

#define A "4C4C4544-0034-4E10-8057-B4C04F4D3233\n"
#define B "4c4c4544-0034-4e10-8057-b4c04f4d3234\n"
#define M "11111111111111111111111111111112\n"
#define N "11111111111111111111111111111113\n"

static void two_changed_facts_are_refused(void **state)
{
	(void)state;
	put_facts(A, M, "10.0.0.1");
	assert_int_equal(check(), 0); /* nothing is recorded */
	assert_int_equal(record(false), 1);
	assert_int_equal(record(true), 0);
	assert_int_equal(check(), 0);
	put_facts(B, M, "10.0.0.1");
	assert_int_equal(check(), 0);
	put_facts(B, N, "10.0.0.1");
	assert_int_equal(check(), -1);
	put_facts(B, M, "10.0.0.2");
	assert_int_equal(check(), -1);
	put_facts(A, N, "10.0.0.2");
	assert_int_equal(check(), -1);
	put_facts(A, M, "10.0.0.2");
	assert_int_equal(check(), 0);
}

/* The address is recorded when the cluster knows it; until then it counts as changed. */
static void hardware_is_recorded_at_once(void **state)
{
	(void)state;
	put_facts(A, M, "10.0.0.1");
	assert_int_equal(record(true), 1);
	put_facts(A, M, "10.0.0.2");
	assert_int_equal(record(false), 0);
	put_facts(B, M, "10.0.0.2");
	assert_int_equal(check(), -1);
	put_facts(B, M, "10.0.0.1");
	assert_int_equal(record(false), 1);
	put_facts(B, N, "10.0.0.1");
	assert_int_equal(check(), 0);
	put_facts(B, M, "10.0.0.2");
	assert_int_equal(record(true), 1);
	put_facts(B, N, "10.0.0.2");
	assert_int_equal(check(), 0);
}

/* Hardware that nobody gave a number is no other hardware; nor is one whose number only root can read. */
static void what_is_not_known_has_not_changed(void **state)
{
	static const char *const placeholders[] = { "00000000-0000-0000-0000-000000000000\n",
						    "ffffffff-FFFF-ffff-ffff-ffffffffffff\n",
						    "03000200-0400-0500-0006-000700080009\n",
						    "Not $pecified\n",
						    "a`b\\c\n",
						    "\n",
						    "" };

	(void)state;
	put_facts(A, M, "10.0.0.1");
	assert_int_equal(record(true), 1);
	for (size_t i = 0; i < ARRAY_LEN(placeholders); i++) {
		put_facts(placeholders[i], N, "10.0.0.1");
		assert_int_equal(check(), 0);
	}
	put_facts("Not $pecified\n", N, "10.0.0.1");
	assert_int_equal(record(true), 1);
	put_facts("", "uninitialized\n", "10.0.0.2");
	assert_int_equal(check(), 0);
	put_file(TREE, "00000000e7a3b1c9"); /* a board */
	assert_int_equal(check(), -1);
}

/* The record can only warn; what is left of it is replaced. */
static void a_damaged_record_stops_no_member(void **state)
{
	(void)state;
	put_facts(A, M, "10.0.0.1");
	for (size_t cut = 0; cut < 2; cut++) {
		put_file("/etc/etcd/host", cut ? "HARDWARE=4c4c4544\nMACH" : "");
		assert_int_equal(check(), 0);
		assert_int_equal(record(false), 1);
		put_facts(B, N, "10.0.0.1");
		assert_int_equal(check(), -1);
		put_facts(A, M, "10.0.0.1");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(two_changed_facts_are_refused),
		WITH_ROOT(hardware_is_recorded_at_once),
		WITH_ROOT(what_is_not_known_has_not_changed),
		WITH_ROOT(a_damaged_record_stops_no_member),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
