/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/parser.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/dial.h"
#include "base/clock.h"
#include "base/text.h"
#include "enroll/message.h"
#include "pki/pair.h"
#include "pki/profile.h"

/* Measured: a handshake and a message of 32 KiB take 1 MiB and a few milliseconds. */
#define MEMORY	    (32ULL << 20)
#define CPU_SECONDS 2

/*
 * Older versions that renew listen only to a server whose certificate is of their CA, whatever its dates. One that was
 * over before there was a CA is good for that, and for nothing else: who steals it gets no client of etcd, whatever the
 * clock of that client says.
 */
#define EXPIRED 1

void parser_tls_free(struct parser_tls *t)
{
	x509_cert_free_ptr(&t->cert);
	x509_key_free_ptr(&t->key);
}

/* In a process of its own, so that no other ever has the key of the CA in its memory: the certificate as PEM. */
static int sign_tls(const struct machine *m, x509_key *key, int out)
{
	const struct config *c = &m->conf;
	auto_want struct pki_want want =
		pki_want(c->name, c->address, c->addresses, c->extra_sans, pki_profile(PKI_SERVER));
	const struct x509_request r = {
		.cn = SEAL_TLS_CN, .sans = want.sans, .server = true, .not_before = 0, .not_after = EXPIRED
	};
	auto_pair struct pki_pair ca = { 0 };
	auto_cert x509_cert *cert = NULL;
	auto_buf struct buf pem = { 0 };
	struct err e = { 0 };

	if (pki_pair_load(m, "ca", false, &ca, &e) == 0 && ca.cert && ca.key)
		cert = x509_issue(&r, key, ca.cert, ca.key, &e);
	if (!cert)
		return 1;
	x509_cert_pem(cert, &pem);
	return file_write_all(out, pem.data, pem.len) < 0;
}

/* NULL: this machine has no CA. */
static x509_cert *signed_tls(const struct machine *m, x509_key *key)
{
	auto_buf struct buf pem = { 0 };
	struct err unsigned_one = { 0 };
	int pipes[2], status = 0;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return NULL;
	pid = fork();
	if (pid == 0)
		_exit(sign_tls(m, key, pipes[1]));
	(void)close(pipes[1]);
	if (pid < 0 || file_read_fd(pipes[0], "the certificate", PKI_FILE_MAX, &pem, &unsigned_one) < 0)
		buf_free(&pem);
	(void)close(pipes[0]);
	if (pid > 0)
		(void)TEMP_FAILURE_RETRY(waitpid(pid, &status, 0));
	return pem.len > 0 && status == 0 ? x509_cert_parse(&pem, "the certificate", &unsigned_one) : NULL;
}

int parser_tls_make(const struct machine *m, struct parser_tls *t, struct err *e)
{
	const struct x509_request r = { .cn = SEAL_TLS_CN, .server = true, .not_before = m->now, .not_after = m->now };

	*t = (struct parser_tls){ .key = x509_key_new(X509_ECDSA_P256, e) };
	if (!t->key)
		return -1;
	t->cert = signed_tls(m, t->key);
	if (!t->cert)
		t->cert = x509_issue(&r, t->key, NULL, NULL, e);
	return t->cert ? 0 : -1;
}

/* --- The parser. */

struct parser {
	int connection, signer;
	const struct parser_tls *tls;
	const uint8_t *nonce;
	struct parser_message message; /* what it passes over */
};

static bool tell(struct parser *p, enum parser_kind kind)
{
	struct parser_message *m = &p->message;

	m->kind = kind;
	return TEMP_FAILURE_RETRY(write(p->signer, m, sizeof(*m))) == (ssize_t)sizeof(*m);
}

static bool find_key(void *arg, const char *id, unsigned char key[CHANNEL_KEY_LEN])
{
	struct parser *p = arg;
	struct parser_key answer = { .found = false };

	if (!token_is_id(id))
		return false;
	memcpy(p->message.id, id, TOKEN_ID_HEX);
	if (!tell(p, PARSER_WANTS_KEY) ||
	    TEMP_FAILURE_RETRY(read(p->signer, &answer, sizeof(answer))) != (ssize_t)sizeof(answer))
		return false;
	memcpy(key, answer.key, sizeof(answer.key));
	return answer.found;
}

static int greet(struct parser *p, struct channel *c, long long deadline, struct err *e)
{
	auto_buf struct buf hello = { 0 };
	char nonce[2 * SEAL_NONCE + 1];

	text_hex(p->nonce, SEAL_NONCE, nonce);
	if (enroll_hello_put(nonce, &hello, e) < 0 || channel_send(c, &hello, deadline, e) < 0)
		return -1;
	if (channel_is_current(c))
		return 0;
	return err_set(e, ERR_VERIFY, "its etcd-cluster is older than the one of this machine; it was told to upgrade");
}

/* The request goes to the signer, and its answer to the client. Until there is one, nothing is proved. */
static int pass(struct parser *p, struct channel *c, long long begin, struct err *e)
{
	const long long asked = begin + 1000LL * ENROLL_SHAKE_SECONDS, answered = begin + 1000LL * ENROLL_WHOLE_SECONDS;
	auto_buf struct buf message = { 0 }, body = { 0 };
	auto_free char *answer = xcalloc(CHANNEL_MESSAGE_MAX, 1);
	ssize_t n;

	if (channel_receive(c, asked, &message, e) < 0 || seal_get(&message, &p->message.seal, &body, e) < 0)
		return -1;
	(void)snprintf(p->message.id, sizeof(p->message.id), "%s", channel_id(c) ? channel_id(c) : "");
	p->message.body_len = (uint32_t)body.len;
	memcpy(p->message.body, buf_str(&body), body.len);
	if (!tell(p, PARSER_REQUEST))
		return err_sys(e, ERR_FAIL, "cannot pass a request on");
	n = TEMP_FAILURE_RETRY(read(p->signer, answer, CHANNEL_MESSAGE_MAX));
	if (n <= 0)
		return 0; /* the signer knows why */
	buf_free(&message);
	buf_add(&message, answer, (size_t)n);
	return channel_send(c, &message, answered, e);
}

static int parse(void *arg, void *result, struct err *e)
{
	const long long begin = clock_ms();
	struct parser *p = arg;
	const struct channel_side side = { .find = find_key, .arg = p, .cert = p->tls->cert, .cert_key = p->tls->key };
	auto_channel struct channel *c = NULL;

	(void)result;
	c = channel_accept(&side, p->connection, begin + 1000LL * ENROLL_SHAKE_SECONDS, e);
	if (!c || greet(p, c, begin + 1000LL * ENROLL_SHAKE_SECONDS, e) < 0)
		return -1;
	return pass(p, c, begin, e);
}

/* --- The signer's side. */

int parser_start(int connection, const struct parser_tls *tls, const uint8_t nonce[SEAL_NONCE], int *fd,
		 struct jail_child *child, struct err *e)
{
	auto_free struct parser *p = xcalloc(1, sizeof(*p));
	struct jail jail = { .memory_bytes = MEMORY, .cpu_seconds = CPU_SECONDS };
	const int answer = CHANNEL_MESSAGE_MAX; /* goes over as one, whatever the default of this machine is */
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, ERR_FAIL, "cannot make a socket pair");
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &answer, sizeof(answer));
	*p = (struct parser){ .connection = connection, .signer = pair[1], .tls = tls, .nonce = nonce };
	jail.keep = (const int[]){ connection, pair[1], -1 };
	rc = jail_start(&jail, parse, p, 0, child, e);
	(void)close(pair[1]);
	if (rc < 0)
		(void)close(pair[0]);
	else
		*fd = pair[0];
	return rc;
}

static bool is_sound(const struct parser_message *m)
{
	if (m->kind > PARSER_REQUEST || m->body_len > sizeof(m->body) || m->seal.cert_len > sizeof(m->seal.cert) ||
	    !memchr(m->id, '\0', sizeof(m->id)) || !memchr(m->seal.proof, '\0', sizeof(m->seal.proof)))
		return false;
	return token_is_id(m->id) || (m->kind == PARSER_REQUEST && m->id[0] == '\0');
}

int parser_hear(int fd, long long deadline, struct parser_message *message, struct err *e)
{
	ssize_t n;

	if (!dial_ready(fd, POLLIN, deadline))
		return err_set(e, ERR_VERIFY, "the process that parses its messages took too long");
	n = TEMP_FAILURE_RETRY(recv(fd, message, sizeof(*message), MSG_TRUNC));
	if (n == 0)
		return 0;
	if (n == (ssize_t)sizeof(*message) && is_sound(message))
		return 1;
	return err_set(e, ERR_VERIFY, "the process that parses its messages passed on something else");
}

int parser_end(struct jail_child *child, struct err *e)
{
	return jail_finish(child, NULL, e);
}
