/* SPDX-License-Identifier: Apache-2.0
 *
 * base/text, base/buf, base/err, config/version: the helpers that all modules use.
 */
#include "unit.h"

#include <errno.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "config/version.h"

static void numbers_are_whole(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "0x1", "1.", "65536", "99999999999999999999999"
	};
	uint64_t n = 7;

	(void)state;
	assert_true(text_parse_u64("65535", 1, 65535, &n));
	assert_int_equal(n, 65535);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(text_parse_u64(bad[i], 1, 65535, &n));
	assert_int_equal(n, 65535);
}

static void suggestions_are_near(void **state)
{
	static const char *const keys[] = { "ROLE", "NAME", "ADDRESS", "CLIENT_PORT", "PEER_PORT", NULL };

	(void)state;
	assert_string_equal(text_suggest("ADRESS", keys), "ADDRESS");
	assert_string_equal(text_suggest("CLIENTPORT", keys), "CLIENT_PORT");
	assert_string_equal(text_suggest("NAMES", keys), "NAME");
	assert_null(text_suggest("BANANA", keys));
}

static void control_characters_are_not_printed(void **state)
{
	char s[] = "a\033[31mb\n\x80";

	(void)state;
	text_printable(s);
	assert_string_equal(s, "a?[31mb??");
}

static void hex_goes_both_ways(void **state)
{
	uint8_t data[3] = { 0, 0xab, 0xff }, back[3];
	char hex[7];
	uint64_t id = 0;

	(void)state;
	text_hex(data, 3, hex);
	assert_string_equal(hex, "00abff");
	assert_true(text_unhex("00ABff", back, 3));
	assert_memory_equal(data, back, 3);
	assert_false(text_unhex("00abf", back, 3));
	assert_false(text_unhex("00abfg", back, 3));
	assert_false(text_unhex("00abff0", back, 3));
	assert_true(text_parse_id("00000000000000ff", &id));
	assert_int_equal(id, 255);
	assert_false(text_parse_id("ff", &id));
	assert_false(text_parse_id(NULL, &id));
	assert_true(text_ends("a.pem", ".pem"));
	assert_false(text_ends("pem", ".pem"));
}

static void splits(void **state)
{
	auto_strv char **v = text_split(" a, b\tc,,d ", BLANKS ",");

	(void)state;
	assert_int_equal(strv_len(v), 4);
	assert_string_equal(v[3], "d");
	assert_null(text_split(" ,, ", BLANKS ","));
}

static void buffers_grow(void **state)
{
	auto_buf struct buf b = { 0 };

	(void)state;
	assert_string_equal(buf_str(&b), "");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%03d,", i);
	assert_int_equal(b.len, 4000);
	assert_string_equal(buf_str(&b) + 3996, "999,");
}

static void errors_are_wrapped_from_the_outside(void **state)
{
	struct err e = { 0 };

	(void)state;
	errno = ENOSPC;
	assert_int_equal(err_sys(&e, ERR_FAIL, "cannot write %s", "/x"), -1);
	(void)err_hint(&e, "make room");
	(void)err_hint(&e, "a later, less informed hint");
	(void)err_wrap(&e, "release %s", "v3");
	assert_string_equal(e.msg, "release v3: cannot write /x: No space left on device");
	assert_string_equal(e.hint, "make room");
	assert_int_equal(e.sys, ENOSPC);
}

static void versions_are_exact(void **state)
{
	static const char *const bad[] = { "3.6",     "3.6.", "3.06.1", "3.6.14-rc.0", "3.6.14 ",
					   "x3.6.14", "",     "v",	"3.6.1234567" };
	struct version v = { 0 };

	(void)state;
	assert_true(version_parse("v3.6.14", &v));
	assert_int_equal(v.patch, 14);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(version_parse(bad[i], &v));
	assert_true(version_cmp(v, (struct version){ 3, 10, 0 }) < 0);
	assert_true(version_cmp(v, (struct version){ 3, 6, 9 }) > 0);
	assert_int_equal(version_cmp(v, v), 0);
	assert_non_null(version_known_bad((struct version){ 3, 5, 2 }));
	assert_null(version_known_bad((struct version){ 3, 5, 3 }));
	assert_non_null(version_known_bad((struct version){ 3, 3, 27 }));
	assert_non_null(version_known_bad((struct version){ 4, 0, 0 }));
}

static void case_is_ascii(void **state)
{
	char text[] = "aZ[`{@-1\xc3\x84";

	(void)state;
	text_upper(text);
	assert_string_equal(text, "AZ[`{@-1\xc3\x84");
	text_lower(text);
	assert_string_equal(text, "az[`{@-1\xc3\x84");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_whole),
		cmocka_unit_test(suggestions_are_near),
		cmocka_unit_test(control_characters_are_not_printed),
		cmocka_unit_test(case_is_ascii),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(splits),
		cmocka_unit_test(buffers_grow),
		cmocka_unit_test(errors_are_wrapped_from_the_outside),
		cmocka_unit_test(versions_are_exact),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
