/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/exchange: which answers a machine believes. The server of the test is in a stranger's hand.
 */
#include "machine_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/text.h"
#include "cahost/parser.h"
#include "enroll/exchange.h"
#include "enroll/message.h"
#include "flow/certify.h"

static const uint8_t nonce[SEAL_NONCE] = { 1, 2, 3 };

/* A CA host, which asks itself. */
static int exchange_setup(void **state)
{
	struct machine *m = xcalloc(1, sizeof(*m));

	assert_int_equal(root_setup(state), 0);
	open_machine(m, "ROLE=cluster\nNAME=n1\nMEMBERS=n1=10.0.0.1,n2=10.0.0.2,n3=10.0.0.3\n");
	assert_ok(certify(m, false, true, e));
	*state = m;
	return 0;
}

static bool no_key(void *arg, const char *id, unsigned char key[CHANNEL_KEY_LEN])
{
	(void)arg;
	(void)id;
	(void)key;
	return false;
}

/* Serves one client, whom it greets with the same nonce as everybody. `answer` is made if it is not there yet. */
static int serve_one(int listening, const struct parser_tls *tls, const struct seal_with *with, struct buf *answer)
{
	const struct channel_side side = { .find = no_key, .cert = tls->cert, .cert_key = tls->key };
	const long long deadline = clock_ms() + 10000;
	auto_close int fd = accept(listening, NULL, NULL);
	auto_channel struct channel *c = NULL;
	auto_buf struct buf hello = { 0 }, request = { 0 }, body = { 0 }, said = { 0 };
	char hex[2 * SEAL_NONCE + 1];
	struct err e = { 0 };
	struct seal s;

	text_hex(nonce, SEAL_NONCE, hex);
	buf_puts(&said, "STATUS=ok\n");
	c = channel_accept(&side, fd, deadline, &e);
	if (!c || enroll_hello_put(hex, &hello, &e) < 0 || channel_send(c, &hello, deadline, &e) < 0 ||
	    channel_receive(c, deadline, &request, &e) < 0 || seal_get(&request, &s, &body, &e) < 0 ||
	    (answer->len == 0 && seal_put(nonce, &body, with, &said, answer, &e) < 0))
		return -1;
	return channel_send(c, answer, deadline, &e);
}

/* In a child: serves `clients`, one after the other, with one answer. *at: where. */
static pid_t serve(int clients, const struct parser_tls *tls, const struct seal_with *with, char **at)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(here);
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_buf struct buf answer = { 0 };
	pid_t pid;
	int rc = 0;

	assert_int_equal(bind(fd, (struct sockaddr *)&here, len) | listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &len), 0);
	*at = xasprintf("127.0.0.1:%u", (unsigned int)ntohs(here.sin_port));
	pid = fork();
	if (pid != 0)
		return pid;
	(void)alarm(60);
	while (rc == 0 && clients-- > 0)
		rc = serve_one(fd, tls, with, &answer);
	_exit(rc < 0);
}

/* What the machine makes of it: 1, or -1 with why. */
static int ask(const struct machine *m, const char *server, struct err *why)
{
	auto_proof struct proof proof = { .has_pair = false };
	auto_buf struct buf question = { 0 }, answer = { 0 };

	assert_ok(proof_load(m, &proof, e));
	buf_puts(&question, "VERSION=1\n");
	return exchange(m, &proof, PROOF_PAIR, server, &question, 0, &answer, why);
}

static void assert_served(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Whatever a client of etcd takes for the time: then the CA or this certificate is not valid. */
static void the_certificate_of_tls_is_never_valid(void **state)
{
	auto_free char *path = root_path("/etc/etcd/pki/ca.crt");
	cleanup(x509_info_free) struct x509_info tls_info = { 0 }, ca_info = { 0 };
	struct parser_tls tls = { .cert = NULL };
	struct err why = { 0 };
	auto_cert x509_cert *ca = x509_cert_read(path, &why);
	struct machine later = *(struct machine *)*state;

	later.now += 100L * DAY;
	assert_ok(parser_tls_make(&later, &tls, e));
	x509_describe(tls.cert, &tls_info);
	x509_describe(ca, &ca_info);
	assert_string_equal(tls_info.issuer, ca_info.subject);
	assert_true(tls_info.not_after < ca_info.not_before);
	parser_tls_free(&tls);
}

/* All that a parser has in its memory. */
static void the_key_of_tls_proves_no_answer(void **state)
{
	struct parser_tls tls = { .cert = NULL };
	auto_free char *server = NULL;
	struct err why = { 0 };
	pid_t pid;

	assert_ok(parser_tls_make(*state, &tls, e));
	pid = serve(1, &tls, &(struct seal_with){ .key = tls.key, .cert = tls.cert }, &server);
	assert_int_equal(ask(*state, server, &why), -1);
	assert_int_equal(why.class, ERR_VERIFY);
	assert_string_equal(why.msg, "its certificate is not that of a server for 127.0.0.1");
	assert_served(pid);
	parser_tls_free(&tls);
}

/* The first answer is that of the CA host; the machine asks the same again, and gets it from somebody else. */
static void an_answer_counts_once(void **state)
{
	auto_free char *server = NULL, *key_path = root_path("/etc/etcd/pki/server.key"),
		       *cert_path = root_path("/etc/etcd/pki/server.crt");
	struct parser_tls tls = { .cert = NULL };
	struct err why = { 0 };
	auto_key x509_key *key = x509_key_read(key_path, &why);
	auto_cert x509_cert *cert = x509_cert_read(cert_path, &why);
	pid_t pid;

	assert_ok(parser_tls_make(*state, &tls, e));
	pid = serve(2, &tls, &(struct seal_with){ .key = key, .cert = cert }, &server);
	if (ask(*state, server, &why) != 1)
		fail_msg("%s", why.msg);
	assert_int_equal(ask(*state, server, &why), -1);
	assert_int_equal(why.class, ERR_VERIFY);
	assert_string_equal(why.msg, "its answer is not from the CA host");
	assert_served(pid);
	parser_tls_free(&tls);
}

#define WITH_CA(f) cmocka_unit_test_setup_teardown(f, exchange_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CA(the_certificate_of_tls_is_never_valid),
		WITH_CA(the_key_of_tls_proves_no_answer),
		WITH_CA(an_answer_counts_once),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
