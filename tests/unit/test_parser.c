/* SPDX-License-Identifier: Apache-2.0
 *
 * cahost/serve: what a parser in a stranger's hand gets from the signer. The test is the parser: it speaks its side of
 * the socket pair.
 */
#include "token_fixture.h"

#include <signal.h>

#include "adapter/x509_csr.h"
#include "cahost/serve.h"
#include "cahost/token_store.h"
#include "enroll/message.h"
#include "flow/certify.h"

#define OTHER_TEXT "9c1d7a8be0f24356a1b2c3d4e5f60718"

static const uint8_t nonce[SEAL_NONCE] = { 1, 2, 3 }, old_nonce[SEAL_NONCE] = { 4, 5, 6 };
static struct token token, other;

static int store(const struct machine *m, const struct token *t, bool proves)
{
	struct token_entry entry = { .token = *t, .made = m->now - DAY, .expires = m->now + DAY, .uses = 5 };
	struct err e = { 0 };
	auto_close int lock = token_store_lock(m, &e);
	int rc;

	entry.token.proves = proves;
	entry.members = true;
	rc = lock < 0 ? -1 : token_store_put(m, &entry, &e);
	return rc;
}

/* A CA host with two tokens. */
static int parser_setup(void **state)
{
	struct machine *m = xcalloc(1, sizeof(*m));

	assert_int_equal(root_setup(state), 0);
	open_machine(m, "ROLE=cluster\nNAME=n1\nMEMBERS=n1=10.0.0.1,n2=10.0.0.2,n3=10.0.0.3\n");
	assert_ok(certify(m, false, true, e));
	put_file("/etc/etcd/member-id", "CLUSTER_ID=00000000000000c1\nMEMBER_ID=00000000000000a1\nNAME=n1\n");
	token_derive(TEXT, &token);
	token_derive(OTHER_TEXT, &other);
	assert_int_equal(store(m, &token, true), 0);
	assert_int_equal(store(m, &other, true), 0);
	*state = m;
	return 0;
}

/* What machine `name` asks for. */
static void ask_for(const struct machine *m, const char *name, const char *address, struct buf *body)
{
	struct enroll_question q = { .name = xstrdup(name), .address = xstrdup(address), .now = m->now };
	auto_buf struct buf csr = { 0 };
	auto_key x509_key *key = NULL;
	struct err none = { 0 };

	key = x509_key_new(X509_ECDSA_P256, &none);
	assert_ok(x509_csr_put(key, &csr, e));
	q.csr[PKI_PEER] = xstrdup(csr.data);
	assert_ok(enroll_question_put(&q, body, e));
	enroll_question_free(&q);
}

/* A message of a parser: the body with a proof by this secret over this nonce. */
static struct parser_message *message_of(const char *id, const struct buf *request, const uint8_t *secret,
					 const uint8_t over[SEAL_NONCE], const struct buf *body)
{
	const struct seal_with with = { .secret = secret };
	struct parser_message *d = xcalloc(1, sizeof(*d));
	auto_buf struct buf text = { 0 }, again = { 0 };

	assert_ok(seal_put(over, request, secret ? &with : NULL, body, &text, e));
	d->kind = PARSER_REQUEST;
	(void)snprintf(d->id, sizeof(d->id), "%s", id);
	assert_ok(seal_get(&text, &d->seal, &again, e));
	d->body_len = (uint32_t)body->len;
	memcpy(d->body, body->data, body->len);
	return d;
}

/* What the signer made of it, and what it answered. */
struct outcome {
	int rc;
	struct err why;
	struct buf answer;
};

static void outcome_free(struct outcome *o)
{
	buf_free(&o->answer);
}

/* Says so many bytes so many times, then leaves. */
static struct outcome say(const struct machine *m, const char *source, const void *data, size_t len, int times)
{
	struct outcome o = { 0 };
	auto_free char *answer = xcalloc(CHANNEL_MESSAGE_MAX, 1);
	int pair[2];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	for (int i = 0; i < times; i++)
		assert_int_equal(send(pair[1], data, len, MSG_DONTWAIT), (ssize_t)len);
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	o.rc = enroll_sign(m, pair[0], nonce, source, &o.why);
	n = recv(pair[1], answer, CHANNEL_MESSAGE_MAX, MSG_DONTWAIT);
	(void)close(pair[0]);
	buf_add(&o.answer, answer, n > 0 ? (size_t)n : 0);
	(void)close(pair[1]);
	return o;
}

#define auto_outcome cleanup(outcome_free)

/* Refused with that reason, without a certificate, and without a proof that others would believe. */
static void assert_refused(const struct machine *m, const char *source, const struct parser_message *d, const char *why)
{
	auto_outcome struct outcome o = say(m, source, d, sizeof(*d), 1);

	if (o.rc >= 0 || !strstr(o.why.msg, why))
		fail_msg("want \"%s\", got %d: %s", why, o.rc, o.why.msg);
	if (o.answer.len > 0) {
		assert_non_null(strstr(o.answer.data, "PROOF=\nCERT=\n"));
		assert_null(strstr(o.answer.data, "STATUS=ok"));
		assert_null(strstr(o.answer.data, "CERT_"));
	}
}

static void an_honest_request_is_answered_with_a_proof(void **state)
{
	const struct machine *m = *state;
	auto_buf struct buf body = { 0 }, text = { 0 };
	auto_free struct parser_message *d = NULL;
	struct seal s;

	ask_for(m, "n2", "10.0.0.2", &body);
	d = message_of(token.id, NULL, token.proof, nonce, &body);
	auto_outcome struct outcome o = say(m, "10.0.0.2", d, sizeof(*d), 2);

	if (o.rc != 1)
		fail_msg("%s", o.why.msg);
	assert_ok(seal_get(&o.answer, &s, &text, e));
	assert_non_null(strstr(text.data, "STATUS=ok"));
	assert_true(seal_holds(nonce, &body, token.proof, NULL, &s, &text));
	/* What a parser that has the key of TLS could make of it. */
	assert_false(seal_holds(nonce, &body, token.psk, NULL, &s, &text));
	assert_false(seal_holds(old_nonce, &body, token.proof, NULL, &s, &text));
	/* An answer to another request. */
	assert_false(seal_holds(nonce, &text, token.proof, NULL, &s, &text));
	assert_false(seal_holds(nonce, NULL, token.proof, NULL, &s, &text));
	text.data[text.len - 2] ^= 1;
	assert_false(seal_holds(nonce, &body, token.proof, NULL, &s, &text));
}

static void the_source_is_that_of_the_connection(void **state)
{
	const struct machine *m = *state;
	auto_buf struct buf body = { 0 };
	auto_free struct parser_message *d = NULL;

	ask_for(m, "n2", "10.0.0.2", &body);
	d = message_of(token.id, NULL, token.proof, nonce, &body);
	auto_outcome struct outcome o = say(m, "10.0.0.9", d, sizeof(*d), 1);

	assert_int_equal(o.rc, -1);
	assert_non_null(strstr(o.why.msg, "asks from 10.0.0.9"));
	assert_null(strstr(o.answer.data, "STATUS=ok"));
}

static void what_nobody_proved_is_refused(void **state)
{
	static const char why[] = "does not prove that it has token";
	const struct machine *m = *state;
	auto_buf struct buf body = { 0 };
	const uint8_t zeros[SEAL_KEY] = { 0 };
	const struct {
		const char *id;
		const struct buf *request;
		const uint8_t *secret, *over;
	} tries[] = {
		{ token.id, NULL, NULL, nonce },	    /* no proof */
		{ token.id, NULL, token.psk, nonce },	    /* the key that the parser has */
		{ token.id, NULL, zeros, nonce },	    /* of a token that has none */
		{ token.id, NULL, token.proof, old_nonce }, /* of another connection */
		{ token.id, &body, token.proof, nonce },    /* of an answer */
		{ other.id, NULL, token.proof, nonce },	    /* of another token */
	};

	ask_for(m, "n2", "10.0.0.2", &body);
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		auto_free struct parser_message *d =
			message_of(tries[i].id, tries[i].request, tries[i].secret, tries[i].over, &body);

		assert_refused(m, "10.0.0.2", d, why);
	}
	/* Another name in a request that was proved; and a text that no parser of ours has seen before its proof. */
	auto_free struct parser_message *d = message_of(token.id, NULL, token.proof, nonce, &body);
	char *name = memmem(d->body, d->body_len, "NAME=n2", 7);

	name[6] = '3';
	assert_refused(m, "10.0.0.3", d, why);
	d->body_len = 0;
	assert_refused(m, "10.0.0.2", d, why);
	(void)snprintf(d->id, sizeof(d->id), "%s", "0123456789abcdef");
	assert_refused(m, "10.0.0.2", d, "there is no token 0123456789abcdef");
}

static void a_token_of_an_older_version_is_to_be_made_anew(void **state)
{
	const struct machine *m = *state;
	auto_buf struct buf body = { 0 };
	auto_free struct parser_message *d = NULL;
	const uint8_t zeros[SEAL_KEY] = { 0 };

	assert_int_equal(store(m, &token, false), 0);
	ask_for(m, "n2", "10.0.0.2", &body);
	d = message_of(token.id, NULL, zeros, nonce, &body);
	assert_refused(m, "10.0.0.2", d, "of an older version of etcd-cluster; on the CA host: etcd-cluster token new");
}

static x509_cert *peer_of(x509_key **key)
{
	auto_free char *cert = root_path("/etc/etcd/pki/peer.crt"), *path = root_path("/etc/etcd/pki/peer.key");
	struct err none = { 0 };

	*key = x509_key_read(path, &none);
	return x509_cert_read(cert, &none);
}

static struct parser_message *by_pair(const struct seal_with *with, const uint8_t over[SEAL_NONCE],
				      const struct buf *body)
{
	auto_free struct parser_message *none = message_of("", NULL, NULL, over, body);
	auto_buf struct buf text = { 0 }, again = { 0 };

	assert_ok(seal_put(over, NULL, with, body, &text, e));
	assert_ok(seal_get(&text, &none->seal, &again, e));
	return steal(&none);
}

static void a_certificate_counts_with_its_ca_and_its_key(void **state)
{
	const struct machine *m = *state;
	auto_buf struct buf body = { 0 };
	auto_key x509_key *key = NULL, *foreign = NULL;
	auto_cert x509_cert *cert = peer_of(&key), *false_cert = NULL;
	const struct x509_request r = { .cn = PKI_PEER_CN, .client = true, .not_before = NOW, .not_after = NOW + DAY };
	struct err none = { 0 };

	foreign = x509_key_new(X509_ECDSA_P256, &none);
	false_cert = x509_issue(&r, foreign, NULL, NULL, &none);
	ask_for(m, "n2", "10.0.0.2", &body);
	{
		/* Proved, and answered by the server's own certificate; what is on record is another matter. */
		const struct seal_with with = { .key = key, .cert = cert };
		auto_free struct parser_message *d = by_pair(&with, nonce, &body);
		auto_outcome struct outcome o = say(m, "10.0.0.2", d, sizeof(*d), 1);
		auto_buf struct buf text = { 0 }, ca = { 0 };
		auto_free char *ca_path = root_path("/etc/etcd/pki/ca.crt");
		auto_cert x509_cert *server = NULL;
		struct seal s;

		assert_ok(seal_get(&o.answer, &s, &text, e));
		assert_ok(file_read(ca_path, 1 << 20, &ca, e));
		server = x509_raw_cert(s.cert, s.cert_len, &ca, &none);
		assert_non_null(server);
		assert_true(seal_holds(nonce, &body, NULL, server, &s, &text));
		assert_false(seal_holds(old_nonce, &body, NULL, server, &s, &text));
		assert_false(seal_holds(nonce, &body, NULL, cert, &s, &text));

		/* One bit of the certificate, of its signature, and less or more of it. */
		for (size_t i = 0; i < s.cert_len; i += 7) {
			s.cert[i] ^= 1;
			assert_null(x509_raw_cert(s.cert, s.cert_len, &ca, &none));
			s.cert[i] ^= 1;
			assert_null(x509_raw_cert(s.cert, i, &ca, &none));
		}
		assert_null(x509_raw_cert(s.cert, s.cert_len + 1, &ca, &none));
	}
	{
		const struct seal_with with[] = { { .key = foreign, .cert = false_cert },
						  { .key = foreign, .cert = cert } };
		auto_free struct parser_message *self = by_pair(&with[0], nonce, &body),
						*stolen = by_pair(&with[1], nonce, &body),
						*old = by_pair(&(struct seal_with){ .key = key, .cert = cert },
							       old_nonce, &body);

		assert_refused(m, "10.0.0.2", self, "not one of the CA that is known here");
		assert_refused(m, "10.0.0.2", stolen, "does not prove that it has the key of its certificate");
		assert_refused(m, "10.0.0.2", old, "does not prove that it has the key of its certificate");
	}
}

static void a_message_out_of_form_is_refused(void **state)
{
	static const char why[] = "passed on something else";
	const struct machine *m = *state;
	auto_buf struct buf body = { 0 };
	auto_free struct parser_message *good = NULL;

	ask_for(m, "n2", "10.0.0.2", &body);
	good = message_of(token.id, NULL, token.proof, nonce, &body);
	for (int i = 0; i < 8; i++) {
		auto_free struct parser_message *d = xcalloc(1, sizeof(*d));

		memcpy(d, good, sizeof(*d));
		switch (i) {
		case 0:
			d->body_len = sizeof(d->body) + 1;
			break;
		case 1:
			d->body_len = UINT32_MAX;
			break;
		case 2:
			d->seal.cert_len = sizeof(d->seal.cert) + 1;
			break;
		case 3:
			d->kind = 99;
			break;
		case 4:
			memset(d->id, 'a', sizeof(d->id));
			break;
		case 5:
			memset(d->seal.proof, 'a', sizeof(d->seal.proof));
			break;
		case 6:
			memcpy(d->id, "../../../../etc/", TOKEN_ID_HEX);
			break;
		default:
			d->kind = PARSER_WANTS_KEY;
			d->id[0] = '\0';
			break;
		}
		assert_refused(m, "10.0.0.2", d, why);
	}
	auto_free char *long_one = xcalloc(sizeof(*good) + 1, 1);

	memcpy(long_one, good, sizeof(*good));
	for (int i = 0; i < 3; i++) {
		auto_outcome struct outcome o = say(m, "10.0.0.2", long_one,
						    i == 0   ? sizeof(*good) + 1
						    : i == 1 ? sizeof(*good) - 1
							     : 1,
						    1);

		assert_int_equal(o.rc, -1);
		assert_non_null(strstr(o.why.msg, why));
	}
}

static void the_parser_gets_keys_of_tls_and_not_many(void **state)
{
	const struct machine *m = *state;
	auto_free struct parser_message *d = xcalloc(1, sizeof(*d));
	struct parser_key key;

	d->kind = PARSER_WANTS_KEY;
	memcpy(d->id, token.id, sizeof(d->id));
	auto_outcome struct outcome one = say(m, "10.0.0.2", d, sizeof(*d), 1);

	assert_int_equal(one.rc, 0);
	assert_int_equal(one.answer.len, sizeof(key));
	memcpy(&key, one.answer.data, sizeof(key));
	assert_true(key.found);
	assert_memory_equal(key.key, token.psk, sizeof(key.key));

	auto_outcome struct outcome many = say(m, "10.0.0.2", d, sizeof(*d), 4);

	assert_int_equal(many.rc, 0);
	(void)snprintf(d->id, sizeof(d->id), "%s", "0123456789abcdef");
	auto_outcome struct outcome none = say(m, "10.0.0.2", d, sizeof(*d), 1);

	memcpy(&key, none.answer.data, sizeof(key));
	assert_false(key.found);
}

#define WITH_PARSER(f) cmocka_unit_test_setup_teardown(f, parser_setup, machine_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PARSER(an_honest_request_is_answered_with_a_proof),
		WITH_PARSER(the_source_is_that_of_the_connection),
		WITH_PARSER(what_nobody_proved_is_refused),
		WITH_PARSER(a_token_of_an_older_version_is_to_be_made_anew),
		WITH_PARSER(a_certificate_counts_with_its_ca_and_its_key),
		WITH_PARSER(a_message_out_of_form_is_refused),
		WITH_PARSER(the_parser_gets_keys_of_tls_and_not_many),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as main.c does */
	return cmocka_run_group_tests_name("parser", tests, NULL, NULL);
}
