/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/channel: which clients are accepted, which servers are trusted, and that no other party receives data. The
 * client is a child process.
 */
#include "machine_fixture.h"

#include <signal.h>
#include <sys/socket.h>

#include "adapter/channel.h"
#include "adapter/dial.h"
#include "base/clock.h"

#define SECONDS 10

static const unsigned char key_a[CHANNEL_KEY_LEN] = { 1, 2, 3 }, key_b[CHANNEL_KEY_LEN] = { 4, 5, 6 };

/* The server has one secret, "a". */
static bool find(void *arg, const char *id, unsigned char key[CHANNEL_KEY_LEN])
{
	unsigned int *asked = arg;

	(*asked)++;
	memcpy(key, key_a, CHANNEL_KEY_LEN);
	return strcmp(id, "a") == 0;
}

struct side {
	struct channel_side side;
};

static void side_free(struct side *s)
{
	x509_cert_free_ptr(&s->side.cert);
	x509_key_free_ptr(&s->side.cert_key);
}

/* name: of a certificate in the test's directory; NULL: none. */
static struct side make_side(const char *id, const unsigned char *key, const char *name)
{
	struct side s = { .side = { .id = id, .key = key } };
	struct err why = { 0 };
	auto_free char *cert = name ? cert_path(name, "crt") : NULL, *cert_key = name ? cert_path(name, "key") : NULL;

	if (!name)
		return s;
	s.side.cert = x509_cert_read(cert, &why);
	s.side.cert_key = x509_key_read(cert_key, &why);
	assert_non_null(s.side.cert);
	assert_non_null(s.side.cert_key);
	return s;
}

/* The client: 0 if the answer is its message, else the class of the error. */
static int client(const struct channel_side *side, int fd)
{
	const long long deadline = clock_ms() + 1000 * SECONDS;
	struct err e = { 0 };
	auto_channel struct channel *c = channel_connect(side, fd, deadline, &e);
	auto_buf struct buf question = { 0 }, answer = { 0 };

	buf_puts(&question, "what time is it");
	if (!c || channel_send(c, &question, deadline, &e) < 0 || channel_receive(c, deadline, &answer, &e) < 0)
		return (int)e.class;
	return strcmp(answer.data, question.data) == 0 ? 0 : 99;
}

/* The results of both sides. */
struct outcome {
	int client, server; /* 0, or the class of the error */
	struct err why;	    /* the server's */
	bool by_secret, current;
	size_t heard; /* bytes of the client's message that the server received */
	unsigned int asked;
};

static void serve(const struct channel_side *side, int fd, struct outcome *o)
{
	const long long deadline = clock_ms() + 1000 * SECONDS;
	struct err e = { 0 };
	auto_channel struct channel *c = channel_accept(side, fd, deadline, &e);
	auto_buf struct buf message = { 0 };

	if (c && channel_receive(c, deadline, &message, &e) == 0 && channel_send(c, &message, deadline, &e) == 0) {
		o->by_secret = channel_id(c) && strcmp(channel_id(c), "a") == 0;
		o->current = channel_is_current(c);
	}
	o->heard = message.len;
	o->server = (int)e.class;
	o->why = e;
}

static struct outcome meet(const char *id, const unsigned char *key, const char *server_cert)
{
	cleanup(side_free) struct side here = make_side(NULL, NULL, server_cert), there = make_side(id, key, NULL);
	struct outcome o = { 0 };
	int fd[2], status;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	here.side.find = find;
	here.side.arg = &o.asked;
	pid = fork();
	if (pid == 0) {
		(void)close(fd[0]);
		_exit(client(&there.side, fd[1]));
	}
	(void)close(fd[1]);
	serve(&here.side, fd[0], &o);
	(void)close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	o.client = WEXITSTATUS(status);
	return o;
}

static void a_shared_secret_is_enough_on_both_sides(void **state)
{
	(void)state;
	for (int with_cert = 0; with_cert < 2; with_cert++) {
		struct outcome o = meet("a", key_a, with_cert ? "server" : NULL);

		assert_int_equal(o.client, 0);
		assert_int_equal(o.server, 0);
		assert_true(o.by_secret && o.current);
	}
}

static void a_client_without_the_secret_gets_nothing(void **state)
{
	(void)state;
	/* The right name with the wrong secret; an unknown name; the server with and without a certificate. */
	for (int i = 0; i < 4; i++) {
		struct outcome o = meet(i & 1 ? "a" : "b", key_b, i & 2 ? "server" : NULL);

		assert_int_equal(o.client, ERR_VERIFY);
		assert_int_equal(o.server, ERR_VERIFY);
		assert_int_equal(o.heard, 0);
		assert_true(o.asked > 0);
		if (!(i & 1))
			assert_non_null(strstr(o.why.msg, "there is no token b here"));
	}
}

static void a_server_that_does_not_know_the_secret_hears_nothing(void **state)
{
	(void)state;
	/* A client with a token refuses a server without it, also one with a certificate of the right CA. */
	struct outcome o = meet("unknown-here", key_a, "server");

	assert_int_equal(o.client, ERR_VERIFY);
	assert_int_equal(o.heard, 0);
}

static void without_a_secret_nothing_is_known_about_the_other_side(void **state)
{
	struct outcome o = meet(NULL, NULL, "stranger");

	(void)state;
	assert_int_equal(o.client, 0);
	assert_int_equal(o.server, 0);
	assert_true(o.current && !o.by_secret);
	assert_int_equal(o.asked, 0);

	/* A server without a certificate accepts only secrets. */
	o = meet(NULL, NULL, NULL);
	assert_int_equal(o.client, ERR_VERIFY);
	assert_int_equal(o.heard, 0);
}

static void silence_ends_at_the_deadline(void **state)
{
	cleanup(side_free) struct side here = make_side(NULL, NULL, "server");
	unsigned int asked = 0;
	struct err e = { 0 };
	long long begin = clock_ms();
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	here.side.find = find;
	here.side.arg = &asked;
	assert_null(channel_accept(&here.side, fd[0], begin + 300, &e));
	assert_int_equal(e.class, ERR_FAIL);
	assert_non_null(strstr(e.msg, "too long"));
	assert_in_range(clock_ms() - begin, 300, 5000);

	err_clear(&e);
	(void)close(fd[1]);
	assert_null(channel_accept(&here.side, fd[0], clock_ms() + 5000, &e));
	assert_int_equal(e.class, ERR_FAIL);
	(void)close(fd[0]);
}

/* What the client does, of a_message_has_a_maximum_size. */
static bool ask_much(const struct channel_side *side, int fd, struct buf *big)
{
	const long long deadline = clock_ms() + 5000;
	struct err e = { 0 };
	auto_channel struct channel *c = channel_connect(side, fd, deadline, &e);
	auto_buf struct buf got = { 0 };

	big->len = CHANNEL_REQUEST_MAX;
	if (!c || channel_send(c, big, deadline, &e) < 0 || channel_receive(c, deadline, &got, &e) < 0 ||
	    got.len != CHANNEL_MESSAGE_MAX)
		return false;
	big->len = CHANNEL_MESSAGE_MAX + 1;
	if (channel_send(c, big, deadline, &e) == 0)
		return false;
	big->len = CHANNEL_REQUEST_MAX + 1;
	return channel_send(c, big, deadline, &e) == 0;
}

static void a_message_has_a_maximum_size(void **state)
{
	cleanup(side_free) struct side here = make_side(NULL, NULL, NULL), there = make_side("a", key_a, NULL);
	auto_buf struct buf big = { 0 }, got = { 0 };
	auto_free char *x = xcalloc(CHANNEL_MESSAGE_MAX + 1, 1);
	unsigned int asked = 0;
	int fd[2];
	pid_t pid;

	(void)state;
	memset(x, 'x', CHANNEL_MESSAGE_MAX + 1);
	buf_add(&big, x, CHANNEL_MESSAGE_MAX + 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	here.side.find = find;
	here.side.arg = &asked;
	pid = fork();
	if (pid == 0)
		_exit(!ask_much(&there.side, fd[1], &big));
	(void)close(fd[1]);
	{
		struct err why = { 0 };
		auto_channel struct channel *c = channel_accept(&here.side, fd[0], clock_ms() + 5000, &why);
		int status;

		assert_non_null(c);
		assert_ok(channel_receive(c, clock_ms() + 5000, &got, e));
		assert_int_equal(got.len, CHANNEL_REQUEST_MAX);
		big.len = CHANNEL_MESSAGE_MAX;
		assert_ok(channel_send(c, &big, clock_ms() + 5000, e));
		assert_err(channel_receive(c, clock_ms() + 5000, &got, e), ERR_VERIFY, "32769 bytes was announced");
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	(void)close(fd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shared_secret_is_enough_on_both_sides),
		cmocka_unit_test(a_client_without_the_secret_gets_nothing),
		cmocka_unit_test(a_server_that_does_not_know_the_secret_hears_nothing),
		cmocka_unit_test(without_a_secret_nothing_is_known_about_the_other_side),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(a_message_has_a_maximum_size),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as main.c does */
	return cmocka_run_group_tests_name("channel", tests, certs_setup, certs_teardown);
}
