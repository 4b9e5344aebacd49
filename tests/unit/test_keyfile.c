/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/keyfile: accepted files and every refusal.
 */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/keyfile.h"
#include "base/file.h"

/* Parses a text and returns it in one line: "KEY[value]KEY[value]". */
static void assert_reads(const char *text, const char *want)
{
	auto_keyfile struct keyfile k = { 0 };
	auto_buf struct buf got = { 0 };

	assert_ok(keyfile_parse("f", text, strlen(text), &k, e));
	for (size_t i = 0; i < k.n; i++)
		buf_printf(&got, "%s[%s]", k.entries[i].key, k.entries[i].value);
	assert_string_equal(buf_str(&got), want);
}

static void lines_are_read_as_sh_and_systemd_read_them(void **state)
{
	(void)state;
	assert_reads("", "");
	assert_reads("\n# a comment = $x `y`\n\n   # another\n", "");
	assert_reads("A=1\nB=two", "A[1]B[two]");
	assert_reads("A=\nB=\"\"\nC=''\n", "A[]B[]C[]");
	assert_reads("A=\"x y\"\nB='it is \"so\"'\n", "A[x y]B[it is \"so\"]");
	assert_reads("  A=1 \t\nb_2=x#y=z\n", "A[1]b_2[x#y=z]");
	assert_reads("M=n1=10.0.0.1,n2=[fd00::3]\n", "M[n1=10.0.0.1,n2=[fd00::3]]");
	assert_reads("# \xe4\xb8\xad\xe6\x96\x87\nA=1\n", "A[1]");
}

static void other_lines_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "A=1\nA=2\n", "f:2: A is set twice; the first is in line 1" },
		{ "A =1\n", "f:1: there must be no blank between A and =" },
		{ "A= 1\n", "no blank between A= and its value" },
		{ "\n\nexport A=1\n", "f:3: write KEY=VALUE without export" },
		{ "A\n", "f:1: there is no = after A" },
		{ "=1\n", "f:1: this line is neither" },
		{ ";A=1\n", "f:1: this line is neither" },
		{ "A-B=1\n", "there is no = after A" },
		{ "A=b c\n", "must be in quotes" },
		{ "A=b;c\n", "must be in quotes" },
		{ "A=~root\n", "must be in quotes" },
		{ "A=b\"c\n", "must be in quotes" },
		{ "A=\"b\n", "does not end with the same one" },
		{ "A=\"\n", "does not end with the same one" },
		{ "A=\"b'\n", "does not end with the same one" },
		{ "A=\"b\"c\"\n", "a quote in the middle" },
		{ "A=$HOME\n", "a dollar sign" },
		{ "A='$HOME'\n", "a dollar sign" },
		{ "A=`id`\n", "a backtick" },
		{ "A=b\\\n", "a backslash" },
		{ "A=b\x01\n", "a control character" },
		{ "A=\xc3\xa4\n", "outside ASCII" },
		{ "A=1\r\n", "written on Windows" },
		{ "# dos\r\n", "written on Windows" },
		{ "# joined \\\nA=1\n", "must not end in a backslash" },
		{ "\xef\xbb\xbf"
		  "A=1\n",
		  "byte order mark" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_keyfile struct keyfile k = { 0 };

		assert_err(keyfile_parse("f", cases[i].text, strlen(cases[i].text), &k, e), ERR_CONFIG,
			   cases[i].message);
	}
}

static void bytes_that_are_not_text_are_refused(void **state)
{
	auto_keyfile struct keyfile nul = { 0 }, line = { 0 }, file = { 0 };
	auto_buf struct buf big = { 0 };

	(void)state;
	assert_err(keyfile_parse("f", "A=1\0B=2\n", 8, &nul, e), ERR_CONFIG, "f:1: the line has a NUL byte");
	buf_puts(&big, "A=");
	while (big.len <= KEYFILE_MAX_LINE)
		buf_puts(&big, "x");
	assert_err(keyfile_parse("f", big.data, big.len, &line, e), ERR_CONFIG, "longer than 4096");
	while (big.len <= KEYFILE_MAX_BYTES)
		buf_puts(&big, "\n#");
	assert_err(keyfile_parse("f", big.data, big.len, &file, e), ERR_CONFIG, "larger than 262144");
}

static void files_are_read(void **state)
{
	auto_free char *dir = unit_dir();
	auto_free char *path = xasprintf("%s/f", dir);
	auto_keyfile struct keyfile k = { 0 }, none = { 0 }, odd = { 0 }, open = { 0 };
	struct err missing = { 0 };

	(void)state;
	assert_int_equal(keyfile_read(path, &none, &missing), -1);
	assert_int_equal(missing.sys, ENOENT);
	assert_ok(file_replace(path, FILE_MODE(0644), "A=1\n", 4, e));
	assert_ok(keyfile_read(path, &k, e));
	assert_string_equal(keyfile_get(&k, "A"), "1");
	assert_null(keyfile_get(&k, "B"));
	assert_err(keyfile_read(dir, &odd, e), ERR_CONFIG, "not a regular file");
	if (geteuid() == 0) {
		assert_int_equal(chmod(path, 0666), 0);
		assert_err(keyfile_read(path, &open, e), ERR_VERIFY, "can be written by others");
	}
	assert_ok(file_remove_tree(dir, e));
}

static void what_is_written_can_be_read(void **state)
{
	static const char *const values[] = { "",	    "plain", "two words", "it's",
					      "say \"so\"", "a;b|c", "~",	  "a=b,c=[::1]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		auto_buf struct buf text = { 0 };
		auto_keyfile struct keyfile k = { 0 };

		assert_ok(keyfile_put(&text, "KEY", values[i], e));
		assert_ok(keyfile_parse("f", text.data, text.len, &k, e));
		assert_string_equal(keyfile_get(&k, "KEY"), values[i]);
	}
}

static void what_cannot_be_read_is_not_written(void **state)
{
	auto_buf struct buf text = { 0 };

	(void)state;
	assert_err(keyfile_put(&text, "K", "a\nB=1", e), ERR_CONFIG, "a control character");
	assert_err(keyfile_put(&text, "K", "$x", e), ERR_CONFIG, "a dollar sign");
	assert_err(keyfile_put(&text, "K", "it's \"so\"", e), ERR_CONFIG, "both kinds of quotes");
	assert_err(keyfile_put(&text, "A B", "x", e), ERR_CONFIG, "letters, digits and _");
	assert_err(keyfile_put(&text, "", "x", e), ERR_CONFIG, "letters, digits and _");
	assert_int_equal(text.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_as_sh_and_systemd_read_them),
		cmocka_unit_test(other_lines_are_refused),
		cmocka_unit_test(bytes_that_are_not_text_are_refused),
		cmocka_unit_test(files_are_read),
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(what_cannot_be_read_is_not_written),
	};

	return cmocka_run_group_tests_name("keyfile", tests, NULL, NULL);
}
