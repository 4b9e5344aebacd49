/* SPDX-License-Identifier: Apache-2.0
 *
 * release/digests, adapter/digest, release/tarball: hashing, the format of a table, the order of tables, names of
 * archives.
 */
#include "machine_fixture.h"

#include <sys/mman.h>

#include "base/text.h"
#include "release/digests.h"
#include "release/tarball.h"

#define A	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B	 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ADMIN	 "/etc/etcd/releases.sha256.d"
#define FILENAME "etcd-v3.6.14-linux-amd64.tar.gz"

static void sha256_is_the_standard_one(void **state)
{
	/* FIPS 180-2, appendix B.1 */
	const char *want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	auto_close int fd = memfd_create("abc", 0);
	auto_digest digest_ctx *d = digest_new();
	uint8_t out[DIGEST_LEN];
	char hex[DIGEST_HEX];

	(void)state;
	assert_int_equal(write(fd, "abc", 3), 3);
	assert_ok(digest_file(fd, "abc", out, e));
	text_hex(out, DIGEST_LEN, hex);
	assert_string_equal(hex, want);
	digest_add(d, "a", 1);
	assert_ok(digest_add_file(d, fd, 1, 2, "abc", e));
	digest_end(d, out);
	text_hex(out, DIGEST_LEN, hex);
	assert_string_equal(hex, want);
	assert_err(digest_add_file(d, fd, 1, 3, "abc", e), ERR_FAIL, "became shorter");
}

static int find(const char *text, struct digests_entry *d, struct err *e)
{
	auto_buf struct buf table = { 0 };

	buf_puts(&table, text);
	*d = (struct digests_entry){ 0 };
	return digests_find(&table, "table", FILENAME, d, e);
}

static void a_table_is_read_as_sha256sum_writes_it(void **state)
{
	static const char *const good[] = { A "  " FILENAME "\n", A " *" FILENAME,
					    "# c\n\n" B "  other\n" A "  " FILENAME "\n",
					    A "  " FILENAME "\n" A "  " FILENAME "\n" };
	static const char *const absent[] = { "",
					      "\n",
					      "#" A "  " FILENAME "\n",
					      A "  " FILENAME ".asc\n",
					      A "  ./" FILENAME "\n",
					      A "  x" FILENAME "\n" };
	static const char *const bad[] = { "nonsense\n",   A " " FILENAME "\n",	   A "  \n",
					   "\\" A "  x\n", A "  " FILENAME "\r\n", A "a  x\n",
					   "g" A "  x\n",  " " A "  x\n",	   A "\n" };
	auto_buf struct buf nul = { 0 };
	struct digests_entry d;
	struct err none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(find(good[i], &d, &none), 1);
		assert_int_equal(d.sha256[0], 0xaa);
		digests_entry_free(&d);
	}
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		assert_int_equal(find(absent[i], &d, &none), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(find(bad[i], &d, e), ERR_VERIFY, "table:1: this is not a line");
	assert_err(find(A "  " FILENAME "\n" B "  " FILENAME "\n", &d, e), ERR_VERIFY, "table:2: the digest of");
	buf_add(&nul, A "  a\0b\n", sizeof(A "  a\0b\n") - 1);
	assert_err(digests_find(&nul, "table", FILENAME, &d, e), ERR_VERIFY, "table:1");
}

static void the_first_table_that_has_it_decides(void **state)
{
	const struct machine *m = *state;
	struct digests_entry d;

	assert_ok(digests_lookup(&m->at, FILENAME, &d, e));
	assert_null(d.source);
	put_file(ADMIN "/b", B "  " FILENAME "\n");
	put_file(ADMIN "/.hidden", A "  " FILENAME "\n");
	assert_ok(digests_lookup(&m->at, FILENAME, &d, e));
	assert_int_equal(d.sha256[0], 0xbb);
	digests_entry_free(&d);
	put_file(ADMIN "/c", A "  " FILENAME "\n");
	assert_err(digests_lookup(&m->at, FILENAME, &d, e), ERR_VERIFY, "/c:1: the digest of");
	put_file("/usr/share/etcd-cluster/releases.sha256", A "  " FILENAME "\n");
	assert_ok(digests_lookup(&m->at, FILENAME, &d, e));
	assert_int_equal(d.sha256[0], 0xaa);
	digests_entry_free(&d);
}

static void names_of_tarballs_are_exact(void **state)
{
	static const char *const bad[] = { "etcd-v3.6.14-linux-sparc.tar.gz",
					   "etcd-3.6.14-linux-amd64.tar.gz",
					   "etcd-v.tar.gz",
					   "etcd-vv3.6.14-linux-amd64.tar.gz",
					   "etcd-v3.6-linux-amd64.tar.gz",
					   "etcd-v3.6.14-rc.0-linux-amd64.tar.gz",
					   "etcd-v-linux-amd64.tar.gz" };
	struct version v = { 3, 6, 14 }, back;
	struct err none = { 0 };
	auto_free char *name = tarball_name(v, &none), *more = NULL;

	(void)state;
	if (!version_arch())
		skip();
	assert_non_null(name);
	assert_true(version_of_tarball(name, &back));
	assert_int_equal(version_cmp(v, back), 0);
	more = xasprintf("%s.part", name);
	assert_false(version_of_tarball(more, &back));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(version_of_tarball(bad[i], &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_is_the_standard_one),
		cmocka_unit_test(a_table_is_read_as_sha256sum_writes_it),
		WITH_MACHINE(the_first_table_that_has_it_decides),
		cmocka_unit_test(names_of_tarballs_are_exact),
	};

	return cmocka_run_group_tests_name("digests", tests, NULL, NULL);
}
