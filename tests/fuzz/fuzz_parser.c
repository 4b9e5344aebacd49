/* SPDX-License-Identifier: Apache-2.0
 *
 * cahost/parser, cahost/ask: what jailed processes tell the signer. A byte says what the rest is: 'p' the beginning of
 * a message of the parser, 's' a message of an enrolment with its proof, 'c' a certificate, else what the child that
 * asks DNS and etcd tells. No certificate is taken for one of a CA that is not there; what was told can be told again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cahost/ask.h"
#include "cahost/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void message(const uint8_t *data, size_t size)
{
	auto_free struct parser_message *m = xcalloc(1, sizeof(*m)), *got = xcalloc(1, sizeof(*got));
	struct err e = { 0 };
	int pair[2];

	/* One that is too long or too short stays so. */
	memcpy(m, data, size < sizeof(*m) ? size : sizeof(*m));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    send(pair[0], m, sizeof(*m) - (size % 64 == 63), MSG_DONTWAIT) < 0)
		abort();
	if (parser_hear(pair[1], clock_ms() + 1000, got, &e) > 0 &&
	    (size % 64 == 63 || got->body_len > sizeof(got->body) || got->seal.cert_len > sizeof(got->seal.cert) ||
	     strlen(got->seal.proof) >= sizeof(got->seal.proof) || (got->id[0] && !token_is_id(got->id))))
		abort();
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void seal(const uint8_t *data, size_t size)
{
	static const uint8_t nonce[SEAL_NONCE], secret[SEAL_KEY] = { 7 };
	auto_buf struct buf message = { 0 }, body = { 0 };
	struct err e = { 0 };
	struct seal s;

	buf_add(&message, data, size);
	if (seal_get(&message, &s, &body, &e) == 0 && seal_holds(nonce, NULL, secret, NULL, &s, &body))
		abort(); /* nobody guesses a proof */
}

/* A CA that has signed nothing but itself. */
static const struct buf *ca_pem(void)
{
	static struct buf pem;
	const struct x509_request r = { .cn = "CA", .ca = true, .not_after = 1 };
	struct err e = { 0 };
	auto_key x509_key *key = pem.len > 0 ? NULL : x509_key_new(X509_ECDSA_P256, &e);
	auto_cert x509_cert *ca = key ? x509_issue(&r, key, NULL, NULL, &e) : NULL;

	if (ca)
		x509_cert_pem(ca, &pem);
	return &pem;
}

static void cert(const uint8_t *data, size_t size)
{
	struct err e = { 0 };

	if (x509_raw_cert(data, size, ca_pem(), &e))
		abort();
}

static void told(const uint8_t *data, size_t size)
{
	struct enroll_known first = { .answers = false }, second = { .answers = false };
	auto_buf struct buf one = { 0 }, two = { 0 };

	if (enroll_told_get((const char *)data, size, &first)) {
		enroll_told_put(&first, &one);
		if (!enroll_told_get(buf_str(&one), one.len, &second))
			abort();
		enroll_told_put(&second, &two);
		if (strcmp(buf_str(&one), buf_str(&two)) != 0)
			abort();
	}
	enroll_known_free(&first);
	enroll_known_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'p':
		message(data + 1, size - 1);
		break;
	case 's':
		seal(data + 1, size - 1);
		break;
	case 'c':
		cert(data + 1, size - 1);
		break;
	default:
		told(data + 1, size - 1);
	}
	return 0;
}
