/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/token_store: a use of a token is counted once, also after a kill of any process.
 */
#include "token_fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "cahost/token_store.h"

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

static void a_token_is_read_as_written(void **state)
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
	t.from = xstrdup("192.0.2.1");
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
	assert_string_equal(got.from, "192.0.2.1");
	assert_int_equal(strv_len(got.sans), 2);
	assert_string_equal(token_used_by(&got, "n4")->key, KEY);
	assert_int_equal(token_used_by(&got, "n4")->at, NOW);
	assert_null(token_used_by(&got, "n5"));
	assert_int_equal(token_left(&got, NOW), 1);
	assert_int_equal(token_left(&got, got.expires), 0);

	/* Only root can read the file, and it does not contain the text. */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(m->at.enroll, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_ok(file_read(path, 65536, &text, e));
	assert_null(strstr(text.data, TEXT));
}

static void a_damaged_token_is_refused(void **state)
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

static void the_last_use_is_counted_once(void **state)
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
	close(lock); /* the children start */
	for (size_t i = 0; i < ARRAY_LEN(child); i++) {
		int status;

		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status));
		assert_true(WEXITSTATUS(status) <= 1);
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, 1);
}

/* After a kill at any moment the token is complete, used once or not at all, and the lock is free. */
static void a_kill_damages_nothing(void **state)
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

static void tokens_are_listed_by_id_and_removed(void **state)
{
	const struct machine *m = *state;
	struct token_list list;
	char ids[3][TOKEN_ID_HEX];
	struct err er = { 0 };
	int lock;

	assert_ok(token_store_list(m, &list, e));
	assert_int_equal(list.n, 0);
	token_list_free(&list);
	assert_ok((lock = token_store_lock(m, e)));
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		auto_token_entry struct token_entry t = entry(1);
		char text[TOKEN_TEXT];

		token_new(TEXT, text);
		token_derive(text, &t.token);
		memcpy(ids[i], t.token.id, sizeof(ids[i]));
		assert_ok(token_store_put(m, &t, e));
	}
	assert_ok(token_store_list(m, &list, e));
	assert_int_equal(list.n, 3);
	for (size_t i = 1; i < list.n; i++)
		assert_true(strcmp(list.entries[i - 1].token.id, list.entries[i].token.id) < 0);
	token_list_free(&list);
	assert_int_equal(token_store_remove(m, ids[1], &er), 1);
	assert_int_equal(token_store_remove(m, ids[1], &er), 0);
	assert_int_equal(token_store_remove(m, "../tokens/../../../x", &er), 0);
	assert_ok(token_store_list(m, &list, e));
	assert_int_equal(list.n, 2);
	token_list_free(&list);
	close(lock);
}

static void spent_tokens_are_swept(void **state)
{
	struct machine *m = *state;
	auto_token_entry struct token_entry t = entry(1), got = { 0 };
	struct err er = { 0 };
	int lock;

	assert_ok((lock = token_store_lock(m, e)));
	assert_ok(token_store_put(m, &t, e));
	assert_int_equal(token_store_sweep(m, &er), 0);
	/* A used-up token stays for an hour, because the machine can have lost the answer. */
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

static void the_forming_token_is_made_once(void **state)
{
	struct machine *m = *state;
	auto_free char *path = put_secret(m, TEXT "\n", 0600);
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
	assert_int_equal(token_store_form(m, false, &er), 1);
	assert_true(file_exists(path));
	assert_false(file_exists(m->at.enroll));
	m->dry_run = false;
	assert_int_equal(token_store_form(m, false, &er), 1);
	assert_false(file_exists(path));
	assert_int_equal(token_store_form(m, false, &er), 0);
	assert_int_equal(token_store_find(m, t.id, &got, &er), 1);
	assert_int_equal(got.uses, 2);
	assert_true(got.members);
	assert_int_equal(got.expires, NOW + 7 * 86400);
	/* The file was not wiped because of a kill, or was written again at the next boot: no further uses. */
	assert_int_equal(use(m, "n1", &er), 1);
	free(put_secret(m, TEXT "\n", 0600));
	assert_int_equal(token_store_form(m, false, &er), 1);
	assert_false(file_exists(path));
	token_entry_free(&got);
	assert_int_equal(token_store_find(m, t.id, &got, &er), 1);
	assert_int_equal(token_left(&got, NOW), 1);
	/* The same after its removal. Another token is accepted. */
	assert_int_equal(token_store_remove(m, t.id, &er), 1);
	free(put_secret(m, TEXT "\n", 0600));
	assert_int_equal(token_store_form(m, false, &er), 1);
	token_entry_free(&got);
	assert_int_equal(token_store_find(m, t.id, &got, &er), 0);
	free(put_secret(m, TEXT "00", 0600));
	assert_int_equal(token_store_form(m, false, &er), 1);
	token_derive(TEXT "00", &t);
	assert_int_equal(token_store_find(m, t.id, &got, &er), 1);
}

/* The file stays, and a token that was swept is good again: a machine may lose its disk until all have started. */
static void a_token_is_good_for_as_long_as_the_cluster_is_formed(void **state)
{
	struct machine *m = *state;
	auto_free char *path = put_secret(m, TEXT "\n", 0600);
	auto_token_entry struct token_entry got = { 0 };
	struct err er = { 0 };
	struct token t;

	m->conf.members = xcalloc(2, sizeof(*m->conf.members));
	for (int i = 0; i < 2; i++)
		m->conf.members[m->conf.n_members++] =
			(struct config_member){ xasprintf("n%d", i), xasprintf("10.0.0.%d", i + 1) };
	token_derive(TEXT, &t);
	assert_int_equal(token_store_form(m, true, &er), 1);
	assert_int_equal(token_store_form(m, true, &er), 0);
	assert_true(file_exists(path));
	assert_int_equal(token_store_remove(m, t.id, &er), 1);
	assert_int_equal(token_store_form(m, true, &er), 1);
	m->now += 6 * DAY;
	assert_int_equal(token_store_form(m, true, &er), 1);
	assert_int_equal(token_store_find(m, t.id, &got, &er), 1);
	assert_int_equal(got.expires, m->now + 7 * DAY);
	assert_int_equal(token_store_form(m, false, &er), 1);
	assert_false(file_exists(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MACHINE(a_token_is_good_for_as_long_as_the_cluster_is_formed),
		WITH_MACHINE(a_token_is_read_as_written),
		WITH_MACHINE(a_damaged_token_is_refused),
		WITH_MACHINE(the_last_use_is_counted_once),
		WITH_MACHINE(a_kill_damages_nothing),
		WITH_MACHINE(tokens_are_listed_by_id_and_removed),
		WITH_MACHINE(spent_tokens_are_swept),
		WITH_MACHINE(the_forming_token_is_made_once),
	};

	return cmocka_run_group_tests_name("token_store", tests, NULL, NULL);
}
