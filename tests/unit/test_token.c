/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 *
 * core/token, core/token_store: which secrets will do, and that the last use of one is had once, whoever is killed.
 */
#include "unit.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "core/token_store.h"

#define NOW  1795000000
#define TEXT "2a4ebd3c65a4f42daa8e1d8834ebada2"
#define KEY  "1111111111111111111111111111111111111111111111111111111111111111"

static int setup(void **state)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	auto_free char *root = unit_dir();

	layout_init(&m->at, root, NULL);
	m->now = NOW;
	m->conf.enroll_token_file = xstrdup("/etc/etcd/enroll-token");
	assert_ok(file_mkdirs(m->at.etc, FILE_MODE(0755), e));
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;

	assert_ok(file_remove_tree(m->at.root, e));
	machine_free(m);
	free(m);
	return 0;
}

/* --- The text. */

static void judges_texts(void **state)
{
	static const struct {
		const char *text;
		const char *why; /* NULL: it will do */
	} table[] = {
		{ TEXT, NULL },					      /* openssl rand -hex 16 */
		{ "FBC3E9F1C07B08FA99AC58AB24029AF9", NULL },	      /* the same, as others write it */
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
		{ "qwertyuiopasdfghjklzxcvbnm1234567890", "repeats itself" },
		{ "Tr0ub4dor&3xTr0ub4dor&3xTr0ub4dor&3x", "repeats itself" },
		{ "12345678901234567890123456789012345678901234567890", "repeats itself" },
		{ "correct-horse-battery-staple-and-a-long-way-to-go", "reads like words" },
		{ "itwasthebestoftimesitwastheworstoftimesanditrained", "reads like words" },
		{ "thisismylongpasswordfortheetcdcluster2024", "reads like words" },
		{ "ThisIsMyVeryLongPasswordForTheEtcdCluster2024!", "reads like words" },
		{ "etcd-cluster-enrolment-token-2026-production", "reads like words" },
		{ "wodemimashihenchangdeyigejuzixiangdangchang8", "reads like words" },
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

static void judges_length(void **state)
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

/* Of texts that are random, hardly any may be refused: here, none of 2000 in each form. */
static void takes_what_is_random(void **state)
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

static void makes_good_ones(void **state)
{
	char a[TOKEN_TEXT], b[TOKEN_TEXT];

	(void)state;
	for (int i = 0; i < 200; i++) {
		token_new(a);
		token_new(b);
		assert_int_equal(strlen(a), 40);
		assert_string_not_equal(a, b);
		assert_ok(token_check(a, e));
	}
}

/* Both sides must come to the same, also when they are of different versions of this program. */
static void derives_what_the_contract_says(void **state)
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

/* --- The file that it is given in. */

static char *given(const struct machine *m, const char *text, mode_t mode)
{
	char *path = layout_path(&m->at, m->conf.enroll_token_file);

	assert_ok(file_replace(path, FILE_MODE(mode), text, strlen(text), e));
	return path;
}

static void reads_a_private_file(void **state)
{
	static const char *const good[] = { TEXT, TEXT "\n", "\n  " TEXT "\r\n\n" };
	static const char *const empty[] = { "", "\n", " \t\r\n" };
	const struct machine *m = *state;
	auto_token struct token want, t;
	struct err er = { 0 };

	token_derive(TEXT, &want);
	assert_int_equal(token_read_given(m, &t, &er), 0);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		auto_free char *path = given(m, good[i], 0600);

		assert_int_equal(token_read_given(m, &t, &er), 1);
		assert_memory_equal(&t, &want, sizeof(t));
	}
	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		auto_free char *path = given(m, empty[i], 0600);

		assert_int_equal(token_read_given(m, &t, &er), 0);
	}
}

static void refuses_a_file_that_others_see(void **state)
{
	const struct machine *m = *state;
	auto_free char *path = given(m, TEXT "\n", 0640);
	auto_free char *elsewhere = xasprintf("%s/elsewhere", m->at.etc);
	struct token t;

	assert_err(token_read_given(m, &t, e), ERR_VERIFY, "chmod 600");
	assert_ok(file_set_mode(path, FILE_MODE(0604), e));
	assert_err(token_read_given(m, &t, e), ERR_VERIFY, "can be read by others");
	assert_ok(file_set_mode(path, FILE_MODE(0620), e));
	assert_err(token_read_given(m, &t, e), ERR_VERIFY, "can be written by others");
	assert_ok(file_set_mode(path, FILE_MODE(0600), e));
	assert_ok(file_rename(path, elsewhere, e));
	assert_ok(file_replace_link(path, "elsewhere", e));
	assert_err(token_read_given(m, &t, e), ERR_VERIFY, "symlink");
	assert_err(token_wipe_given(m, e), ERR_FAIL, "cannot wipe");
	assert_true(file_exists(elsewhere));
	assert_int_equal(unlink(path), 0);
	assert_ok(file_mkdirs(path, FILE_MODE(0700), e));
	assert_err(token_read_given(m, &t, e), ERR_VERIFY, "not a regular file");
}

static void refuses_a_weak_one_without_showing_it(void **state)
{
	const struct machine *m = *state;
	auto_free char *path = given(m, "changeme123\n", 0600);
	struct err er = { 0 };
	struct token t;

	assert_int_equal(token_read_given(m, &t, &er), -1);
	assert_int_equal(er.class, ERR_CONFIG);
	assert_null(strstr(er.msg, "changeme"));
	assert_null(strstr(er.hint, "changeme"));
	assert_non_null(strstr(er.msg, path));
	/* No way around the rule by a NUL. */
	assert_ok(file_replace(path, FILE_MODE(0600), TEXT "\0more", sizeof(TEXT "\0more"), e));
	assert_err(token_read_given(m, &t, e), ERR_CONFIG, "NUL");
}

static void wipes_all_names_of_the_file(void **state)
{
	struct machine *m = *state;
	auto_free char *path = given(m, TEXT "\n", 0600);
	auto_free char *other = xasprintf("%s/other", m->at.etc);
	auto_buf struct buf left = { 0 };
	struct err er = { 0 };

	assert_int_equal(link(path, other), 0);
	m->dry_run = true;
	assert_int_equal(token_wipe_given(m, &er), 1);
	assert_true(file_exists(path));
	m->dry_run = false;
	assert_int_equal(token_wipe_given(m, &er), 1);
	assert_false(file_exists(path));
	assert_ok(file_read(other, 4096, &left, e));
	assert_int_equal(left.len, sizeof(TEXT));
	for (size_t i = 0; i < left.len; i++)
		assert_int_equal(left.data[i], '\0');
	assert_int_equal(token_wipe_given(m, &er), 0);
}

/* --- The store. */

static struct token_entry entry(unsigned int uses)
{
	struct token_entry t = { .made = NOW - 10, .expires = NOW + 3600, .uses = uses };

	token_derive(TEXT, &t.token);
	return t;
}

static int use(const struct machine *m, const char *name, struct err *e)
{
	auto_token_entry struct token_entry t = { 0 };
	auto_close int lock = token_store_lock(m, e);
	struct token want;

	token_derive(TEXT, &want);
	if (lock < 0 || token_store_find(m, want.id, &t, e) != 1)
		return -1;
	if (token_left(&t, m->now) == 0)
		return 0;
	return token_store_use(m, &t, name, KEY, e) < 0 ? -1 : 1;
}

static void comes_back_as_written(void **state)
{
	const struct machine *m = *state;
	auto_token_entry struct token_entry t = entry(2), got = { 0 };
	auto_free char *path = xasprintf("%s/tokens/%s", m->at.enroll, t.token.id);
	auto_buf struct buf text = { 0 };
	struct err er = { 0 };
	struct stat st;
	int lock;

	t.name = xstrdup("n4");
	t.address = xstrdup("fd00::4");
	t.members = true;
	strv_add(&t.sans, "etcd.example.org");
	strv_add(&t.sans, "192.0.2.7");
	assert_int_equal(token_store_find(m, t.token.id, &got, &er), 0);
	lock = token_store_lock(m, &er);
	assert_true(lock >= 0);
	assert_ok(token_store_put(m, &t, e));
	assert_ok(token_store_use(m, &t, "n4", KEY, e));
	close(lock);
	assert_int_equal(token_store_find(m, t.token.id, &got, &er), 1);
	assert_memory_equal(&got.token, &t.token, sizeof(t.token));
	assert_int_equal(got.made, t.made);
	assert_int_equal(got.expires, t.expires);
	assert_int_equal(got.uses, 2);
	assert_true(got.members);
	assert_string_equal(got.name, "n4");
	assert_string_equal(got.address, "fd00::4");
	assert_int_equal(strv_len(got.sans), 2);
	assert_string_equal(token_used_by(&got, "n4")->key, KEY);
	assert_int_equal(token_used_by(&got, "n4")->at, NOW);
	assert_null(token_used_by(&got, "n5"));
	assert_int_equal(token_left(&got, NOW), 1);
	assert_int_equal(token_left(&got, got.expires), 0);

	/* Root's alone, and the text is not in it. */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(m->at.enroll, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_ok(file_read(path, 65536, &text, e));
	assert_null(strstr(text.data, TEXT));
}

static void refuses_what_it_did_not_write(void **state)
{
	static const char psk[] = "PSK=" KEY "\n";
	static const char *const texts[] = {
		"",
		"PSK=00\nMADE=1\nEXPIRES=2\nUSES=1\n",
		"MADE=1\nEXPIRES=2\nUSES=1\n",
		"MADE=1\nEXPIRES=2\nUSES=-1\n",
		"MADE=x\nEXPIRES=2\nUSES=1\n",
		"MADE=1\nUSES=1\n",
		"MADE=1\nEXPIRES=2\nUSES=1\nUSED_1=\"n2 " KEY "\"\n",
	};
	const struct machine *m = *state;
	auto_token_entry struct token_entry t = entry(1);
	auto_free char *path = xasprintf("%s/tokens/%s", m->at.enroll, t.token.id);
	int lock;

	assert_ok((lock = token_store_lock(m, e)));
	close(lock);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		auto_token_entry struct token_entry got = { 0 };
		auto_free char *text = xasprintf("%s%s", i > 2 ? psk : "", texts[i]);

		assert_ok(file_replace(path, FILE_MODE(0600), text, strlen(text), e));
		assert_err(token_store_find(m, t.token.id, &got, e), ERR_CONFIG, "token revoke");
	}
	assert_int_equal(token_store_find(m, "../../../../etc/", &t, NULL), 0);
}

static void the_last_use_is_had_once(void **state)
{
	const struct machine *m = *state;
	auto_token_entry struct token_entry t = entry(1);
	int won = 0, lock;
	pid_t child[8];

	assert_ok((lock = token_store_lock(m, e)));
	assert_ok(token_store_put(m, &t, e));
	for (size_t i = 0; i < ARRAY_LEN(child); i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0) {
			auto_free char *name = xasprintf("n%zu", i);
			struct err er = { 0 };
			int rc;

			close(lock);
			rc = use(m, name, &er);
			_exit(rc < 0 ? 9 : rc);
		}
	}
	close(lock); /* and off they go */
	for (size_t i = 0; i < ARRAY_LEN(child); i++) {
		int status;

		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status));
		assert_true(WEXITSTATUS(status) <= 1);
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, 1);
}

/* Killed at any moment of it: afterwards the token is whole, used once or not at all, and the lock is free. */
static void a_kill_costs_nothing(void **state)
{
	const struct machine *m = *state;
	auto_token_entry struct token_entry t = entry(TOKEN_MAX_USES);
	struct err er = { 0 };
	int lock;

	assert_ok((lock = token_store_lock(m, e)));
	assert_ok(token_store_put(m, &t, e));
	close(lock);
	for (int round = 0; round < 40; round++) {
		auto_token_entry struct token_entry got = { 0 };
		auto_free char *name = xasprintf("n%d", round);
		size_t before;
		pid_t child;

		assert_int_equal(token_store_find(m, t.token.id, &got, &er), 1);
		before = got.n_used;
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			for (int i = 0; i < 1000; i++) {
				auto_free char *mine = xasprintf("%s-%d", name, i);

				if (use(m, mine, &er) < 0)
					_exit(9);
			}
			_exit(0);
		}
		usleep((useconds_t)(200 + 97 * round));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		token_entry_free(&got);
		assert_int_equal(token_store_find(m, t.token.id, &got, &er), 1);
		assert_true(got.n_used >= before);
		for (size_t i = before; i < got.n_used; i++)
			assert_true(text_starts(got.used[i].name, name));
	}
	assert_int_equal(use(m, "last", &er), 1);
}

static void lists_by_id_and_removes(void **state)
{
	const struct machine *m = *state;
	struct token_entry *list = NULL;
	char ids[3][TOKEN_ID_HEX];
	struct err er = { 0 };
	size_t n = 9;
	int lock;

	assert_ok(token_store_list(m, &list, &n, e));
	assert_int_equal(n, 0);
	token_list_free(list, n);
	assert_ok((lock = token_store_lock(m, e)));
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		auto_token_entry struct token_entry t = entry(1);
		char text[TOKEN_TEXT];

		token_new(text);
		token_derive(text, &t.token);
		memcpy(ids[i], t.token.id, sizeof(ids[i]));
		assert_ok(token_store_put(m, &t, e));
	}
	assert_ok(token_store_list(m, &list, &n, e));
	assert_int_equal(n, 3);
	assert_true(strcmp(list[0].token.id, list[1].token.id) < 0 && strcmp(list[1].token.id, list[2].token.id) < 0);
	token_list_free(list, n);
	assert_int_equal(token_store_remove(m, ids[1], &er), 1);
	assert_int_equal(token_store_remove(m, ids[1], &er), 0);
	assert_int_equal(token_store_remove(m, "../tokens/../../../x", &er), 0);
	assert_ok(token_store_list(m, &list, &n, e));
	assert_int_equal(n, 2);
	token_list_free(list, n);
	close(lock);
}

static void sweeps_what_is_spent(void **state)
{
	struct machine *m = *state;
	auto_token_entry struct token_entry t = entry(1), got = { 0 };
	struct err er = { 0 };
	int lock;

	assert_ok((lock = token_store_lock(m, e)));
	assert_ok(token_store_put(m, &t, e));
	assert_int_equal(token_store_sweep(m, &er), 0);
	/* Used up: the same machine may have lost the answer, so it is kept for an hour. */
	assert_ok(token_store_use(m, &t, "n2", KEY, e));
	m->now = NOW + 3599;
	t.expires = NOW + 90000;
	assert_ok(token_store_put(m, &t, e));
	assert_int_equal(token_store_sweep(m, &er), 0);
	m->now = NOW + 3601;
	assert_int_equal(token_store_sweep(m, &er), 1);
	assert_int_equal(token_store_find(m, t.token.id, &got, &er), 0);
	/* Expired. */
	t.uses = 5;
	t.expires = m->now;
	assert_ok(token_store_put(m, &t, e));
	assert_int_equal(token_store_sweep(m, &er), 1);
	close(lock);
}

static void forms_once(void **state)
{
	struct machine *m = *state;
	auto_free char *path = given(m, TEXT "\n", 0600);
	auto_token_entry struct token_entry got = { 0 };
	struct err er = { 0 };
	struct token t;

	for (int i = 0; i < 3; i++) {
		m->conf.members = xrealloc(m->conf.members, m->conf.n_members + 1, sizeof(*m->conf.members));
		m->conf.members[m->conf.n_members++] =
			(struct config_member){ xasprintf("n%d", i), xasprintf("10.0.0.%d", i + 1) };
	}
	token_derive(TEXT, &t);
	m->dry_run = true;
	assert_int_equal(token_store_form(m, &er), 1);
	assert_true(file_exists(path));
	assert_false(file_exists(m->at.enroll));
	m->dry_run = false;
	assert_int_equal(token_store_form(m, &er), 1);
	assert_false(file_exists(path));
	assert_int_equal(token_store_form(m, &er), 0);
	assert_int_equal(token_store_find(m, t.id, &got, &er), 1);
	assert_int_equal(got.uses, 2);
	assert_true(got.members);
	assert_int_equal(got.expires, NOW + 7 * 86400);
	/* Killed before the file was wiped, or written anew at the next boot: it is not good for more machines than before. */
	assert_int_equal(use(m, "n1", &er), 1);
	free(given(m, TEXT "\n", 0600));
	assert_int_equal(token_store_form(m, &er), 1);
	assert_false(file_exists(path));
	token_entry_free(&got);
	assert_int_equal(token_store_find(m, t.id, &got, &er), 1);
	assert_int_equal(token_left(&got, NOW), 1);
	/* Nor when it was removed since. Another one is. */
	assert_int_equal(token_store_remove(m, t.id, &er), 1);
	free(given(m, TEXT "\n", 0600));
	assert_int_equal(token_store_form(m, &er), 1);
	token_entry_free(&got);
	assert_int_equal(token_store_find(m, t.id, &got, &er), 0);
	free(given(m, TEXT "00", 0600));
	assert_int_equal(token_store_form(m, &er), 1);
	token_derive(TEXT "00", &t);
	assert_int_equal(token_store_find(m, t.id, &got, &er), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(judges_texts),
		TEST(judges_length),
		TEST(takes_what_is_random),
		TEST(makes_good_ones),
		TEST(derives_what_the_contract_says),
		TEST(reads_a_private_file),
		TEST(refuses_a_file_that_others_see),
		TEST(refuses_a_weak_one_without_showing_it),
		TEST(wipes_all_names_of_the_file),
		TEST(comes_back_as_written),
		TEST(refuses_what_it_did_not_write),
		TEST(the_last_use_is_had_once),
		TEST(a_kill_costs_nothing),
		TEST(lists_by_id_and_removes),
		TEST(sweeps_what_is_spent),
		TEST(forms_once),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
