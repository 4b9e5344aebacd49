/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/grpc: every kind of wrong answer has its own message and is an error.
 */
#include "machine_fixture.h"

/* --- The body. */

static void a_body_is_read_in_any_pieces(void **state)
{
	static const char frame[] = "\0\0\0\0\3abc";
	const size_t len = sizeof(frame) - 1;

	(void)state;
	for (size_t step = 1; step <= len; step++) {
		auto_buf struct buf body = { 0 }, message = { 0 };

		for (size_t at = 0; at < len; at += step)
			assert_ok(grpc_body_add(&body, frame + at, at + step > len ? len - at : step, e));
		assert_ok(grpc_body_end(&body, &message, e));
		assert_string_equal(buf_str(&message), "abc");
	}
}

static void wrong_bodies_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *want;
	} cases[] = {
		{ "", 0, "without an answer" },
		{ "\0\0\200\0\1", 5, "too large (8388609 bytes" },
		{ "\1\0\0\0\0", 5, "frame flags 1" },
		{ "\0\0\0", 3, "in the middle of a message (3 bytes" },
		{ "\0\0\0\0\3ab", 7, "in the middle of a message (7 bytes" },
		{ "\0\0\0\0\1a\0\0\0\0\0", 11, "two answers" },
		{ "\0\0\0\0\0\0", 6, "two answers" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf struct buf body = { 0 }, message = { 0 };
		struct err e = { 0 };

		assert_true(grpc_body_add(&body, cases[i].bytes, cases[i].len, &e) < 0 ||
			    grpc_body_end(&body, &message, &e) < 0);
		if (e.class != ERR_HEALTH || !strstr(e.msg, cases[i].want))
			fail_msg("%s: class %d: %s", cases[i].want, e.class, e.msg);
		assert_string_equal(buf_str(&message), "");
	}
}

/* --- The body of a stream. */

/* Appends the message and a full stop; refuses "no". */
static int collect(void *arg, const struct buf *message, struct err *e)
{
	struct buf *all = arg;

	if (message->len == 2 && memcmp(message->data, "no", 2) == 0)
		return err_set(e, ERR_FAIL, "the disk is full");
	buf_add(all, message->data, message->len);
	buf_puts(all, ".");
	return 0;
}

static void a_stream_is_handed_over_message_by_message(void **state)
{
	static const char frames[] = "\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\1d";
	const size_t len = sizeof(frames) - 1;

	(void)state;
	for (size_t step = 1; step <= len; step++) {
		auto_buf struct buf part = { 0 }, all = { 0 };

		for (size_t at = 0; at < len; at += step)
			assert_ok(grpc_stream_add(&part, frames + at, at + step > len ? len - at : step, collect, &all,
						  e));
		assert_ok(grpc_stream_end(&part, e));
		assert_string_equal(buf_str(&all), "abc..d.");
	}
}

static void wrong_streams_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *want;
	} cases[] = {
		{ "\0\0\0\0\1a\0\0\200\0\1", 11, "too large (8388609 bytes" },
		{ "\0\0\0\0\1a\1\0\0\0\0", 11, "frame flags 1" },
		{ "\0\0\0\0\1a\0\0", 8, "in the middle of a message (2 bytes" },
		{ "\0\0\0\0\2no\0\0\0\0\0", 12, "the disk is full" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf struct buf part = { 0 }, all = { 0 };
		struct err e = { 0 };

		assert_true(grpc_stream_add(&part, cases[i].bytes, cases[i].len, collect, &all, &e) < 0 ||
			    grpc_stream_end(&part, &e) < 0);
		if (!strstr(e.msg, cases[i].want))
			fail_msg("%s: %s", cases[i].want, e.msg);
	}
}

/* --- Headers and trailers. */

static struct grpc_head head_of(const char *const *lines)
{
	struct grpc_head h = { .code = -1 };

	for (; *lines; lines++)
		grpc_head_line(&h, *lines, strlen(*lines));
	return h;
}

static void trailers_follow_the_specification(void **state)
{
	static const char *const lines[] = { "HTTP/2 103 \r\n",
					     "grpc-status: 3\r\n",
					     "\r\n",
					     "HTTP/2 200 \r\n",
					     "Content-Type: application/grpc+proto\r\n",
					     "\r\n",
					     "grpc-status:5\r\n",
					     "grpc-message: member%20not%20found%1b[31m %zz %4\r\n",
					     NULL };
	struct grpc_head h = head_of(lines);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(grpc_head_verdict(&h, &e), -1);
	assert_int_equal(e.rpc, GRPC_NOT_FOUND);
	assert_string_equal(e.msg, "member not found?[31m %zz %4 (NOT_FOUND)");
}

static void every_defect_has_its_verdict(void **state)
{
	static const struct {
		const char *lines[5];
		const char *want;
	} cases[] = {
		{ { NULL }, "no answer" },
		{ { "HTTP/1.1 200 OK", "content-type: application/grpc", "grpc-status: 0", NULL }, "HTTP/1" },
		{ { "HTTP/2 404", "content-type: application/grpc", "grpc-status: 0", NULL }, "HTTP status 404" },
		{ { "HTTP/2 xyz", "content-type: application/grpc", "grpc-status: 0", NULL }, "no answer" },
		{ { "HTTP/2 200", "content-type: text/html", "grpc-status: 0", NULL }, "text/html" },
		{ { "HTTP/2 200", "content-type: application/grpcx", "grpc-status: 0", NULL }, "application/grpcx" },
		{ { "HTTP/2 200", "grpc-status: 0", NULL }, "without a content-type" },
		{ { "HTTP/2 200", "content-type: application/grpc", NULL }, "no grpc-status" },
		{ { "HTTP/2 200", "content-type: application/grpc", "grpc-status: -1", NULL }, "unreadable" },
		{ { "HTTP/2 200", "content-type: application/grpc", "grpc-status: ", NULL }, "unreadable" },
		{ { "HTTP/2 200", "content-type: application/grpc", "grpc-status: 0 0", NULL }, "unreadable" },
		{ { "HTTP/2 200", "content-type: application/grpc", "grpc-status: 99", NULL }, "does not have" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct grpc_head h = head_of(cases[i].lines);

		assert_err(grpc_head_verdict(&h, e), ERR_HEALTH, cases[i].want);
	}
}

/* --- Over the wire. */

/* One unary call on its own connection. */
static int call(const struct fake_etcd *p, const char *ca, const char *client, struct buf *reply, struct err *e)
{
	auto_grpc struct grpc *g = fake_open(p, ca, client, 2000);
	const struct buf nothing = { 0 };

	return grpc_unary(g, "/etcdserverpb.Maintenance/Status", &nothing, reply, e);
}

static void an_answer_arrives(void **state)
{
	struct fake_etcd p = fake_start("server", "ok:68656c6c6f");
	auto_buf struct buf reply = { 0 };

	(void)state;
	assert_ok(call(&p, "ca", "client", &reply, e));
	assert_string_equal(buf_str(&reply), "hello");
	fake_stop(&p);
}

static void wrong_answers_are_distinguished(void **state)
{
	static const struct {
		const char *script;
		int code;
		const char *want;
	} cases[] = {
		{ "error:7:etcdserver%3A%20permission%20denied", GRPC_PERMISSION_DENIED,
		  "etcdserver: permission denied (PERMISSION_DENIED)" },
		{ "late:14:6869", GRPC_UNAVAILABLE, "too late (UNAVAILABLE)" },
		{ "twice:6869", GRPC_INTERNAL, "two answers" },
		{ "empty", GRPC_INTERNAL, "without an answer" },
		{ "nostatus:6869", GRPC_INTERNAL, "no grpc-status" },
		{ "badstatus", GRPC_INTERNAL, "unreadable grpc-status" },
		{ "half:6869", GRPC_INTERNAL, "in the middle" },
		{ "extra:6869", GRPC_INTERNAL, "two answers" },
		{ "flag", GRPC_INTERNAL, "frame flags 1" },
		{ "giant", GRPC_RESOURCE_EXHAUSTED, "too large (4294967295 bytes" },
		{ "http:404", GRPC_INTERNAL, "HTTP status 404" },
		{ "html", GRPC_INTERNAL, "text/html" },
		{ "slow", GRPC_DEADLINE_EXCEEDED, "no answer within 2000 ms" },
		{ "reset", GRPC_UNAVAILABLE, "https://127.0.0.1:" },
		{ "close", GRPC_UNAVAILABLE, "https://127.0.0.1:" },
	};
	auto_buf struct buf script = { 0 };
	struct fake_etcd p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		buf_printf(&script, " %s", cases[i].script);
	p = fake_start("server", buf_str(&script));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf struct buf reply = { 0 };
		struct err e = { 0 };

		assert_int_equal(call(&p, "ca", "client", &reply, &e), -1);
		if (e.class != ERR_HEALTH || e.rpc != cases[i].code || !strstr(e.msg, cases[i].want))
			fail_msg("%s: class %d, code %d: %s", cases[i].script, e.class, e.rpc, e.msg);
	}
	fake_stop(&p);
}

/* A certificate of the server, the CA that the client trusts, and the certificate of the client. */
static void assert_distrust(const char *server, const char *ca, const char *client, const char *want)
{
	struct fake_etcd p = fake_start(server, "ok:00");
	auto_buf struct buf reply = { 0 };
	struct err e = { 0 };

	assert_int_equal(call(&p, ca, client, &reply, &e), -1);
	/* The server's alert can be overtaken by a reset of the connection; the message then names the same file. */
	if (e.rpc == GRPC_UNAVAILABLE && strcmp(client, "stranger") == 0)
		want = "it does not accept";
	else
		assert_int_equal(e.rpc, GRPC_UNAUTHENTICATED);
	if (e.class != ERR_HEALTH || !strstr(e.msg, want))
		fail_msg("%s: class %d, code %d: %s", want, e.class, e.rpc, e.msg);
	fake_stop(&p);
}

static void a_failed_handshake_names_its_reason(void **state)
{
	(void)state;
	assert_distrust("expired", "ca", "client", "has expired");
	assert_distrust("elsewhere", "ca", "client", "another name or address");
	assert_distrust("stranger", "ca", "client", "not from the CA in");
	assert_distrust("server", "ca", "stranger", "refuses our certificate");
}

static void a_web_server_is_not_an_etcd(void **state)
{
	struct fake_etcd p = fake_start("server", "http1");
	auto_buf struct buf reply = { 0 };

	(void)state;
	assert_err(call(&p, "ca", "client", &reply, e), ERR_HEALTH, "HTTP/1 answers here");
	fake_stop(&p);
}

/* libcurl before 8.1 appends it to the last header of the call before, which is freed. */
static void a_folded_first_header_is_not_taken(void **state)
{
	struct fake_etcd p = fake_start("server", "http1 plain folded");
	auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 2000);
	auto_buf struct buf reply = { 0 };
	const struct buf nothing = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_err(grpc_unary(g, "/a/b", &nothing, &reply, e), ERR_HEALTH, "HTTP/1 answers here");
	fake_stop(&p);
}

static void one_connection_serves_many_calls(void **state)
{
	/* The server takes one connection after the other: a second one, beside the first, would find nobody. */
	struct fake_etcd p = fake_start("server", "ok:31 error:5:no ok:32");
	auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 2000);
	auto_buf struct buf reply = { 0 };
	const struct buf nothing = { 0 };

	(void)state;
	assert_ok(grpc_unary(g, "/a/b", &nothing, &reply, e));
	assert_err(grpc_unary(g, "/a/b", &nothing, &reply, e), ERR_HEALTH, "NOT_FOUND");
	assert_ok(grpc_unary(g, "/a/b", &nothing, &reply, e));
	assert_string_equal(buf_str(&reply), "12");
	fake_stop(&p);
}

static void a_closed_port_is_reported(void **state)
{
	struct fake_etcd p = fake_start("server", "ok:00");
	auto_buf struct buf reply = { 0 };
	const struct buf nothing = { 0 };
	struct err e = { 0 };

	(void)state;
	fake_stop(&p);
	{
		auto_grpc struct grpc *g = fake_open(&p, "ca", "client", 500);

		assert_int_equal(grpc_unary(g, "/a/b", &nothing, &reply, &e), -1);
	}
	assert_int_equal(e.rpc, GRPC_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "Connection refused"));
}

static int open_with(const char *url, const char *cert, struct err *e)
{
	auto_free char *ca = cert_path("ca", "crt");
	auto_free char *key = cert_path("client", "key");
	const struct grpc_endpoint to = {
		.url = url, .ca_file = ca, .cert_file = cert, .key_file = key, .timeout_ms = 500
	};
	auto_grpc struct grpc *g = grpc_open(&to, e);
	auto_buf struct buf reply = { 0 };
	const struct buf nothing = { 0 };

	return g ? grpc_unary(g, "/a/b", &nothing, &reply, e) : -1;
}

static void our_own_files_are_checked_first(void **state)
{
	struct fake_etcd p = fake_start("server", "ok:00");
	auto_free char *url = xasprintf("https://127.0.0.1:%d", p.port);
	auto_free char *no_match = cert_path("server", "crt");
	auto_free char *no_cert = cert_path("openssl", "log");

	(void)state;
	assert_err(open_with("http://127.0.0.1:1", no_match, e), ERR_CONFIG, "not an https:// address");
	assert_err(open_with(url, "/nonexistent/x.crt", e), ERR_CONFIG, "/nonexistent/x.crt: No such file");
	assert_err(open_with(url, NULL, e), ERR_CONFIG, "no certificate");
	assert_err(open_with(url, no_match, e), ERR_HEALTH, "not a usable pair");
	assert_err(open_with(url, no_cert, e), ERR_HEALTH, "not a usable pair");
	fake_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_read_in_any_pieces),
		cmocka_unit_test(wrong_bodies_are_refused),
		cmocka_unit_test(a_stream_is_handed_over_message_by_message),
		cmocka_unit_test(wrong_streams_are_refused),
		cmocka_unit_test(trailers_follow_the_specification),
		cmocka_unit_test(every_defect_has_its_verdict),
		cmocka_unit_test(an_answer_arrives),
		cmocka_unit_test(wrong_answers_are_distinguished),
		cmocka_unit_test(a_failed_handshake_names_its_reason),
		cmocka_unit_test(a_web_server_is_not_an_etcd),
		cmocka_unit_test(a_folded_first_header_is_not_taken),
		cmocka_unit_test(one_connection_serves_many_calls),
		cmocka_unit_test(a_closed_port_is_reported),
		cmocka_unit_test(our_own_files_are_checked_first),
	};

	return cmocka_run_group_tests_name("grpc", tests, certs_setup, certs_teardown);
}
