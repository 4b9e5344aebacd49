/* SPDX-License-Identifier: Apache-2.0
 *
 * member/identity: written values are read again, and wrong files are refused.
 */
#include "machine_fixture.h"

#include "member/identity.h"

static void an_identity_is_read_as_written(void **state)
{
	struct identity id = { .cluster_id = UINT64_C(0xfedcba9876543210), .member_id = 1, .name = xstrdup("n1") };
	cleanup(identity_free) struct identity got = { 0 };
	struct machine *m = *state;
	struct err e = { 0 };

	assert_int_equal(identity_read(m, &got, &e), 0);
	m->dry_run = true;
	assert_int_equal(identity_write(m, &id, &e), 1);
	assert_false(file_exists(m->at.member_id));
	m->dry_run = false;
	assert_int_equal(identity_write(m, &id, &e), 1);
	assert_int_equal(identity_write(m, &id, &e), 0);
	assert_int_equal(identity_read(m, &got, &e), 1);
	assert_int_equal(got.cluster_id, id.cluster_id);
	assert_int_equal(got.member_id, id.member_id);
	assert_string_equal(got.name, "n1");
	identity_free(&id);
}

static void a_damaged_identity_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"CLUSTER_ID=0000000000000007\nMEMBER_ID=0000000000000008\n",
		"CLUSTER_ID=7\nMEMBER_ID=0000000000000008\nNAME=x\n",
		"CLUSTER_ID=0000000000000007\nMEMBER_ID=0000000000000000\nNAME=x\n",
		"CLUSTER_ID=0000000000000007\nMEMBER_ID=000000000000000g\nNAME=x\n",
		"CLUSTER_ID=0000000000000007\nMEMBER_ID=0000000000000008\nNAME=x\nMORE=1\n",
	};
	const struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cleanup(identity_free) struct identity got = { 0 };

		put_file("/etc/etcd/member-id", texts[i]);
		assert_err(identity_read(m, &got, e), ERR_CONFIG, "member-id must have");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(an_identity_is_read_as_written),
		WITH_MACHINE(a_damaged_identity_is_refused),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
