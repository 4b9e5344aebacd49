/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/token: the strength of a token, and its file.
 */
#include "token_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "enroll/token.h"

/* --- The text. */

static void weak_texts_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *why; /* NULL: accepted */
	} table[] = {
		{ TEXT, NULL },					      /* openssl rand -hex 16 */
		{ "FBC3E9F1C07B08FA99AC58AB24029AF9", NULL },	      /* the same in upper case */
		{ "b7e1f0c95a3d48266fd0a91c7e5b3824d9f60713", NULL }, /* openssl rand -hex 20, token new */
		{ "93a1c4d0b7e25f6889de4071c6ab3f52e870d41b9f26c35a", NULL },
		{ "XIDQZAswsDejuElI7C4H1w==", NULL },			  /* openssl rand -base64 16 */
		{ "XIDQZAswsDejuElI7C4H1w", NULL },			  /* and without its padding */
		{ "s0iL5JcfDbjDBs1k1DO22gTPq0vXz41e", NULL },		  /* -base64 24 */
		{ "oJ19c6xdnlDpnKC96l7qIw6Yr0Ebq2+TzFh/8vXkPdM=", NULL }, /* -base64 32 */
		{ "kRaug_VkILFlQz-iawNecHw8Zt", NULL },			  /* base64url */
		{ "GV5DKQZ7RWM2XJTL4NHS6FPBYC", NULL },			  /* base32 */
		{ "q4zt9wm2kx7rb5hv8nc3fj6dp", NULL },			  /* pwgen -s, without capitals */
		{ "Zq4t9WmKx7rb5Hv8nC3fJ6", NULL },			  /* pwgen -s 22 */
		{ "qzkvxwmtrjhbpfgdcnyqlzxkvwmt", NULL },		  /* 28 letters by chance */
		{ "583920174665209381740295637104829563920", NULL },	  /* 39 digits by chance */
		{ "2a:4e:bd:3c:65:a4:f4:2d:aa:8e:1d:88:34:eb:ad:a2", NULL },
		{ "f47ac10b58cc4372a5670e02b2c3d479", NULL }, /* a UUID without hyphens: stated in the manual */
		{ "x8#Kq2!vR9$mW4&pT7*zL1", NULL },
		/* Words and rows of the keyboard are not detected; the documents recommend openssl. */
		{ "qwertyuiopasdfghjklzxcvbnm1234567890", NULL },
		{ "correct-horse-battery-staple-and-a-long-way-to-go", NULL },
		{ "itwasthebestoftimesitwastheworstoftimesanditrained", NULL },
		{ "thisismylongpasswordfortheetcdcluster2024", NULL },
		{ "ThisIsMyVeryLongPasswordForTheEtcdCluster2024!", NULL },
		{ "etcd-cluster-enrolment-token-2026-production", NULL },
		{ "wodemimashihenchangdeyigejuzixiangdangchang8", NULL },
		{ "f47ac10b-58cc-4372-a567-0e02b2c3d479", "is a UUID" },
		{ "", "too short" },
		{ "====", "too short" },
		{ "password", "too short" },
		{ "changeme123", "too short" },
		{ "abcdef.0123456789abcdef", "too short" }, /* kubeadm's bootstrap tokens have 80 bits */
		{ "2a4ebd3c65a4f42daa8e1d8834ebada", "32, and it has 31" },
		{ "XIDQZAswsDejuElI7C4H1", "22, and it has 21" },
		{ "58392017466520938174029563710482956392", "39, and it has 38" },
		{ "00000000000000000000000000000000", "too short" },
		{ "ffffffffffffffffffffffffffffffff", "different characters" },
		{ "deadbeefdeadbeefdeadbeefdeadbeef", "different characters" },
		{ "0123456789abcdef0123456789abcdef", "repeats itself" },
		{ "0123456789abcdeffedcba9876543210", "repeats itself" },
		{ "aabbccddeeff00112233445566778899aabb", "repeats itself" },
		{ "2a4ebd3c65a4f42d2a4ebd3c65a4f42d", "repeats itself" },
		{ "aaaabbbbccccdddd0000111122223333eeee", "repeats itself" },
		{ "Abcdefghijklmnopqrstuvwxyz0123456789", "repeats itself" },
		{ "Tr0ub4dor&3xTr0ub4dor&3xTr0ub4dor&3x", "repeats itself" },
		{ "12345678901234567890123456789012345678901234567890", "repeats itself" },
		{ "2a4ebd3c65a4f42d aa8e1d8834ebada2", "without blanks" },
		{ "2a4ebd3c65a4f42daa8e1d8834\nebada2", "one line" },
		{ "2a4ebd3c65a4f42daa8e1d8834eb\xc3\xa9"
		  "ada2",
		  "ASCII" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct err er = { 0 };
		int rc = token_check(table[i].text, &er);

		if (rc == 0 ? table[i].why != NULL : !table[i].why || !strstr(er.msg, table[i].why))
			fail_msg("\"%s\": want %s, got %s", table[i].text, table[i].why ? table[i].why : "fine",
				 er.msg);
		if (rc < 0 && *table[i].text)
			assert_null(strstr(er.msg, table[i].text)); /* never in a message */
	}
}

static void too_long_texts_are_refused(void **state)
{
	auto_free char *text = xcalloc(TOKEN_MAX + 2, 1);
	struct err er = { 0 };
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i <= TOKEN_MAX; i++) {
		x = x * 1664525 + 1013904223;
		text[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/"[x >> 26];
	}
	assert_int_equal(token_check(text, &er), -1);
	assert_non_null(strstr(er.msg, "longer than 256"));
	text[TOKEN_MAX] = '\0';
	assert_ok(token_check(text, e));
}

/* Random texts are almost never refused: none of 2000 in each form. */
static void random_texts_are_accepted(void **state)
{
	static const struct {
		const char *alphabet;
		size_t n;
	} forms[] = {
		{ "0123456789abcdef", 32 },
		{ "0123456789abcdef", 40 },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 22 },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 32 },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 43 },
		{ "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32 },
		{ "abcdefghijklmnopqrstuvwxyz0123456789", 30 },
		{ "abcdefghijklmnopqrstuvwxyz", 32 },
	};
	uint64_t x = 88172645463325252U;

	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
		for (int round = 0; round < 2000; round++) {
			char text[64] = "";
			struct err er = { 0 };

			for (size_t i = 0; i < forms[f].n; i++) {
				x ^= x << 13;
				x ^= x >> 7;
				x ^= x << 17;
				text[i] = forms[f].alphabet[(x >> 20) % strlen(forms[f].alphabet)];
			}
			if (token_check(text, &er) < 0)
				fail_msg("%s: %s", text, er.msg);
		}
	}
}

static void new_tokens_are_strong(void **state)
{
	static const char spki[] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
	/* Of another length, upper case, or in an administrator's own form. */
	static const char *const without[] = {
		TEXT,
		"5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f.9f86d081884c7d659a2feaa0c55ad01",
		"5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f.9F86D081884C7D659A2FEAA0C55AD015",
		"5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f-9f86d081884c7d659a2feaa0c55ad015",
		"9f86d081884c7d659a2feaa0c55ad015.5d41c7e2b80a4f96e3127bd5908c6fa1d2e4b37f",
	};
	char a[TOKEN_TEXT], b[TOKEN_TEXT];
	auto_token struct token t;

	(void)state;
	for (int i = 0; i < 200; i++) {
		token_new(spki, a);
		token_new(spki, b);
		assert_int_equal(strlen(a), 40 + 1 + 32);
		assert_string_not_equal(a, b);
		assert_ok(token_check(a, e));
	}
	token_derive(a, &t);
	assert_true(strlen(t.ca) == 32 && strncmp(t.ca, spki, 32) == 0);
	for (size_t i = 0; i < ARRAY_LEN(without); i++) {
		token_derive(without[i], &t);
		assert_string_equal(t.ca, "");
	}
}

/* Both sides must derive the same values, also with different versions of this program. */
static void id_and_key_are_derived_as_documented(void **state)
{
	auto_token struct token t;
	char psk[2 * TOKEN_PSK + 1];

	(void)state;
	token_derive(TEXT, &t);
	assert_string_equal(t.id, "498c8c781cce29d9");
	text_hex(t.psk, sizeof(t.psk), psk);
	assert_string_equal(psk, "2d668a3a035683bf00fbe2c4f3776aaf96675503e95298174569c7b198976b96");
	assert_true(token_is_id(t.id));
	assert_false(token_is_id("../../../shadow0"));
	assert_false(token_is_id("0123456789ABCDEF"));
	assert_false(token_is_id("0123456789abcde"));
}

/* --- The file. */

static void a_private_file_is_read(void **state)
{
	static const char *const good[] = { TEXT, TEXT "\n", "\n  " TEXT "\r\n\n" };
	static const char *const empty[] = { "", "\n", " \t\r\n" };
	const struct machine *m = *state;
	auto_token struct token want, t;
	struct err er = { 0 };

	token_derive(TEXT, &want);
	assert_int_equal(token_read_file(m, &t, &er), 0);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		free(put_secret(m, good[i], 0600));
		assert_int_equal(token_read_file(m, &t, &er), 1);
		assert_memory_equal(&t, &want, sizeof(t));
	}
	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		free(put_secret(m, empty[i], 0600));
		assert_int_equal(token_read_file(m, &t, &er), 0);
	}
}

static void a_file_that_others_can_read_is_refused(void **state)
{
	const struct machine *m = *state;
	auto_free char *path = put_secret(m, TEXT "\n", 0640);
	auto_free char *elsewhere = xasprintf("%s/elsewhere", m->at.etc);
	struct token t;

	assert_err(token_read_file(m, &t, e), ERR_VERIFY, "chmod 600");
	assert_ok(file_set_mode(path, FILE_MODE(0604), e));
	assert_err(token_read_file(m, &t, e), ERR_VERIFY, "can be read by others");
	assert_ok(file_set_mode(path, FILE_MODE(0620), e));
	assert_err(token_read_file(m, &t, e), ERR_VERIFY, "can be written by others");
	assert_ok(file_set_mode(path, FILE_MODE(0600), e));
	assert_ok(file_rename(path, elsewhere, e));
	assert_ok(file_replace_link(path, "elsewhere", e));
	assert_err(token_read_file(m, &t, e), ERR_VERIFY, "symlink");
	assert_err(token_wipe_file(m, e), ERR_FAIL, "cannot wipe");
	assert_true(file_exists(elsewhere));
	assert_int_equal(unlink(path), 0);
	assert_ok(file_mkdirs(path, FILE_MODE(0700), e));
	assert_err(token_read_file(m, &t, e), ERR_VERIFY, "not a regular file");
}

static void a_weak_secret_is_refused_and_not_shown(void **state)
{
	const struct machine *m = *state;
	auto_free char *path = put_secret(m, "changeme123\n", 0600);
	struct err er = { 0 };
	struct token t;

	assert_int_equal(token_read_file(m, &t, &er), -1);
	assert_int_equal(er.class, ERR_CONFIG);
	assert_null(strstr(er.msg, "changeme"));
	assert_null(strstr(er.hint, "changeme"));
	assert_non_null(strstr(er.msg, path));
	/* A NUL does not bypass the rule. */
	assert_ok(file_replace(path, FILE_MODE(0600), TEXT "\0more", sizeof(TEXT "\0more"), e));
	assert_err(token_read_file(m, &t, e), ERR_CONFIG, "NUL");
}

static void all_names_of_the_file_are_wiped(void **state)
{
	struct machine *m = *state;
	auto_free char *path = put_secret(m, TEXT "\n", 0600);
	auto_free char *other = xasprintf("%s/other", m->at.etc);
	auto_buf struct buf left = { 0 };
	struct err er = { 0 };

	assert_int_equal(link(path, other), 0);
	m->dry_run = true;
	assert_int_equal(token_wipe_file(m, &er), 1);
	assert_true(file_exists(path));
	m->dry_run = false;
	assert_int_equal(token_wipe_file(m, &er), 1);
	assert_false(file_exists(path));
	assert_ok(file_read(other, 4096, &left, e));
	assert_int_equal(left.len, sizeof(TEXT));
	for (size_t i = 0; i < left.len; i++)
		assert_int_equal(left.data[i], '\0');
	assert_int_equal(token_wipe_file(m, &er), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(weak_texts_are_refused),
		WITH_MACHINE(too_long_texts_are_refused),
		WITH_MACHINE(random_texts_are_accepted),
		WITH_MACHINE(new_tokens_are_strong),
		WITH_MACHINE(id_and_key_are_derived_as_documented),
		WITH_MACHINE(a_private_file_is_read),
		WITH_MACHINE(a_file_that_others_can_read_is_refused),
		WITH_MACHINE(a_weak_secret_is_refused_and_not_shown),
		WITH_MACHINE(all_names_of_the_file_are_wiped),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
