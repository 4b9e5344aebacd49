/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll/message, adapter/x509_csr: requests for certificates, and the messages to and from the enrolment server.
 */
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "adapter/x509_csr.h"
#include "enroll/message.h"

static x509_key *new_key(enum x509_key_type type)
{
	struct err why = { 0 };
	x509_key *key = x509_key_new(type, &why);

	assert_non_null(key);
	return key;
}

/* A request for `key` that `signer` signed, as a line. The caller frees. */
static char *forge(EVP_PKEY *key, EVP_PKEY *signer)
{
	X509_REQ *csr = X509_REQ_new();
	unsigned char *der = NULL;
	char *line;
	int len;

	assert_int_equal(X509_REQ_set_pubkey(csr, key), 1);
	assert_true(X509_REQ_sign(csr, signer, EVP_sha256()) > 0);
	len = i2d_X509_REQ(csr, &der);
	line = xcalloc((size_t)len * 2, 1);
	(void)EVP_EncodeBlock((unsigned char *)line, der, len);
	OPENSSL_free(der);
	X509_REQ_free(csr);
	return line;
}

static void every_key_type_can_be_requested(void **state)
{
	(void)state;
	for (int t = X509_ECDSA_P256; t <= X509_ED25519; t++) {
		auto_key x509_key *key = new_key((enum x509_key_type)t);
		auto_buf struct buf line = { 0 };
		struct err why = { 0 };

		assert_ok(x509_csr_put(key, &line, e));
		assert_true(line.len < 2048); /* fits into a line of a message */
		auto_key x509_key *asked = x509_csr_get(line.data, &why);
		auto_free char *a = x509_key_fingerprint(key), *b = asked ? x509_key_fingerprint(asked) : NULL;

		assert_non_null(asked);
		assert_string_equal(a, b);
	}
}

static void weak_keys_and_foreign_signatures_are_refused(void **state)
{
	auto_key x509_key *good = new_key(X509_ECDSA_P256), *other = new_key(X509_ECDSA_P256);
	auto_key x509_key *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	auto_key x509_key *curve = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp224r1");
	auto_free char *foreign = forge(good, other), *weak = forge(rsa, rsa), *small = forge(curve, curve);

	(void)state;
	assert_err(x509_csr_get(foreign, e) ? 0 : -1, ERR_VERIFY, "not signed by its own key");
	assert_err(x509_csr_get(weak, e) ? 0 : -1, ERR_VERIFY, "too weak");
	assert_err(x509_csr_get(small, e) ? 0 : -1, ERR_VERIFY, "too weak");
}

static void damaged_requests_are_refused(void **state)
{
	auto_key x509_key *key = new_key(X509_ECDSA_P256);
	auto_buf struct buf line = { 0 };
	struct err made = { 0 };

	(void)state;
	assert_int_equal(x509_csr_put(key, &line, &made), 0);
	for (size_t cut = 0; cut < line.len; cut += 4) {
		auto_free char *part = xstrndup(line.data, cut);

		assert_err(x509_csr_get(part, e) ? 0 : -1, ERR_VERIFY, "");
	}
	for (size_t i = 0; i < line.len; i++) {
		auto_free char *bent = xstrdup(line.data);
		struct err why = { 0 };

		bent[i] = bent[i] == 'A' ? 'B' : 'A';
		auto_key x509_key *got = x509_csr_get(bent, &why);

		/* Only bits that base64 does not use may change. */
		if (got)
			assert_true(i >= line.len - 4);
	}
	{
		auto_free char *more = xasprintf("%sAAAA", line.data), *blank = xasprintf(" %s", line.data);

		assert_err(x509_csr_get(more, e) ? 0 : -1, ERR_VERIFY, "follows");
		assert_err(x509_csr_get(blank, e) ? 0 : -1, ERR_VERIFY, "base64");
		assert_err(x509_csr_get("====", e) ? 0 : -1, ERR_VERIFY, "");
	}
}

static struct config conf_of(enum role role)
{
	struct config c = { .role = role, .client_port = 2379, .peer_port = 2380 };

	c.name = xstrdup("n2");
	c.address = xstrdup("fd00::2");
	c.cluster_token = xstrdup("etcd-cluster");
	strv_add(&c.extra_sans, "etcd.example.org");
	strv_add(&c.extra_sans, "192.0.2.7");
	strv_add(&c.addresses, "192.0.2.8");
	strv_add(&c.addresses, "fd00::8");
	return c;
}

static void a_question_arrives_unchanged(void **state)
{
	cleanup(config_free) struct config c = conf_of(ROLE_CLUSTER);
	auto_question struct enroll_question q, got;
	auto_buf struct buf text = { 0 };

	(void)state;
	c.members = xcalloc(2, sizeof(*c.members));
	c.n_members = 2;
	c.members[0] = (struct config_member){ xstrdup("n1"), xstrdup("10.0.0.1") };
	c.members[1] = (struct config_member){ xstrdup("n2"), xstrdup("fd00::2") };
	enroll_question_fill(&c, 1800000000, &q);
	q.csr[PKI_SERVER] = xstrdup("AAAA");
	q.csr[PKI_PEER] = xstrdup("BB==");
	assert_ok(enroll_question_put(&q, &text, e));
	assert_ok(enroll_question_get(&text, &got, e));
	assert_string_equal(got.name, "n2");
	assert_string_equal(got.address, "fd00::2");
	assert_int_equal(strv_len(got.sans), 2);
	assert_string_equal(got.sans[1], "192.0.2.7");
	assert_int_equal(strv_len(got.addresses), 2);
	assert_string_equal(got.addresses[1], "fd00::8");
	assert_int_equal(got.now, 1800000000);
	assert_string_equal(got.members, q.members);
	assert_string_equal(got.ports, q.ports);
	assert_string_equal(got.cluster_token, "etcd-cluster");
	assert_string_equal(got.csr[PKI_SERVER], "AAAA");
	assert_string_equal(got.csr[PKI_PEER], "BB==");
	assert_null(got.csr[PKI_ETCDCTL]);
}

static void a_question_for_a_client_has_a_cn_and_nothing_that_an_older_server_grants(void **state)
{
	auto_question struct enroll_question q = { .client = true, .now = 1800000000, .list = -1 }, got;
	auto_buf struct buf text = { 0 };

	(void)state;
	q.name = xstrdup("backup@host:1");
	q.address = xstrdup("");
	q.csr[PKI_ETCDCTL] = xstrdup("AAAA");
	assert_ok(enroll_question_put(&q, &text, e));
	/* Without NAME and ADDRESS it refuses, whatever it makes of KIND. */
	assert_null(strstr(text.data, "NAME="));
	assert_null(strstr(text.data, "ADDRESS="));
	assert_ok(enroll_question_get(&text, &got, e));
	assert_true(got.client && !got.list_only && got.list == -1);
	assert_string_equal(got.name, "backup@host:1");
	assert_string_equal(got.address, "");
	assert_string_equal(got.csr[PKI_ETCDCTL], "AAAA");
}

static void a_joining_machine_sends_no_members(void **state)
{
	cleanup(config_free) struct config c = conf_of(ROLE_JOIN);
	auto_question struct enroll_question q;

	(void)state;
	enroll_question_fill(&c, 1, &q);
	assert_null(q.members);
	assert_null(q.ports);
	assert_null(q.cluster_token);
}

#define CLIENT "VERSION=1\nKIND=client\nTIME=1800000000\n"
#define GOOD   "VERSION=1\nNAME=n2\nADDRESS=10.0.0.2\nTIME=1800000000\n"

static void invalid_questions_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "version none" },
		{ "VERSION=2\nNEW=1\n", "speaks 1" },
		{ "VERSION=1\nNAME=n2\nTIME=1\n", "lacks" },
		{ GOOD, "asks for no certificate" },
		{ GOOD "CSR_ROOT=AAAA\n", "asks for no certificate" },
		{ CLIENT "NAME=n2\nADDRESS=10.0.0.2\nCSR_CLIENT=A\n", "lacks CN" },
		{ CLIENT "CN=../n2\nCSR_CLIENT=A\n", "CN=../n2 has not" },
		{ CLIENT "CN=a\n", "not for one client certificate" },
		{ CLIENT "CN=a\nCSR_PEER=A\n", "not for one client certificate" },
		{ CLIENT "CN=a\nCSR_CLIENT=A\nCSR_PEER=A\n", "not for one client certificate" },
		{ CLIENT "CN=a\nCSR_CLIENT=A\nSANS=n2\n", "not for one client certificate" },
		{ GOOD "NAME=n3\n", "set twice" },
		{ "garbage\n", "no =" },
		{ "VERSION=1\nNAME=N2!\nADDRESS=10.0.0.2\nTIME=1\nCSR_PEER=A\n", "NAME=N2!" },
		{ "VERSION=1\nNAME=../x\nADDRESS=10.0.0.2\nTIME=1\nCSR_PEER=A\n", "NAME=../x" },
		{ "VERSION=1\nNAME=\nADDRESS=10.0.0.2\nTIME=1\nCSR_PEER=A\n", "is empty" },
		{ "VERSION=1\nNAME=10.0.0.1\nADDRESS=10.0.0.2\nTIME=1\nCSR_PEER=A\n", "NAME=10.0.0.1" },
		{ "VERSION=1\nNAME=N1\nADDRESS=10.0.0.2\nTIME=1\nCSR_PEER=A\n", "upper-case" },
		{ "VERSION=1\nNAME=n2\nADDRESS=10.0.0.4,10.0.0.1\nTIME=1\nCSR_PEER=A\n", "ADDRESS=10.0.0.4,10.0.0.1" },
		{ "VERSION=1\nNAME=n2\nADDRESS=0.0.0.0\nTIME=1\nCSR_PEER=A\n", "nobody can dial" },
		{ "VERSION=1\nNAME=n2\nADDRESS=10.0.0.2\nTIME=-1\nCSR_PEER=A\n", "TIME" },
		{ GOOD "SANS=\"a b|c\"\nCSR_PEER=A\n", "SANS" },
		{ GOOD "SANS=*.*\nCSR_PEER=A\n", "SANS" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_question struct enroll_question q;
		auto_buf struct buf text = { 0 };

		buf_puts(&text, bad[i].text);
		assert_err(enroll_question_get(&text, &q, e), ERR_VERIFY, bad[i].why);
	}
}

static void an_answer_arrives_unchanged(void **state)
{
	const struct x509_request ca = { .cn = "ca", .ca = true, .not_after = 2000000000 },
				  leaf = { .cn = "n2", .client = true, .not_after = 2000000000 };
	auto_key x509_key *key = new_key(X509_ECDSA_P256);
	struct err why = { 0 };
	auto_cert x509_cert *one = x509_issue(&ca, key, NULL, NULL, &why),
			    *two = x509_issue(&ca, key, NULL, NULL, &why),
			    *cert = x509_issue(&leaf, key, one, key, &why);
	auto_reply struct enroll_reply r = { .status = ENROLL_OK }, got;
	auto_buf struct buf text = { 0 };

	(void)state;
	x509_cert_pem(one, &r.made.ca_pem);
	x509_cert_pem(two, &r.made.ca_pem);
	x509_cert_pem(cert, &r.made.cert[PKI_PEER]);
	assert_ok(enroll_reply_put(&r, &text, e));
	assert_ok(enroll_reply_get(&text, &got, e));
	assert_int_equal(got.status, ENROLL_OK);
	assert_string_equal(got.made.ca_pem.data, r.made.ca_pem.data);
	assert_string_equal(got.made.cert[PKI_PEER].data, r.made.cert[PKI_PEER].data);
	assert_int_equal(got.made.cert[PKI_SERVER].len, 0);
}

static void a_refusal_arrives_without_special_characters(void **state)
{
	char message[] = "it is `that` $one\nand \"this\"", hint[] = "type: 'x'";
	const struct enroll_reply r = { .status = ENROLL_REFUSED, .message = message, .hint = hint };
	auto_reply struct enroll_reply got;
	auto_buf struct buf text = { 0 };

	(void)state;
	assert_ok(enroll_reply_put(&r, &text, e));
	assert_ok(enroll_reply_get(&text, &got, e));
	assert_int_equal(got.status, ENROLL_REFUSED);
	assert_string_equal(got.message, "it is 'that' 'one?and 'this'");
	assert_string_equal(got.hint, hint);
	assert_false(got.standby);
	assert_null(got.ca_host);
}

static void a_standby_names_the_ca_host(void **state)
{
	char server[] = "[fd00::2]:2382";
	const struct enroll_reply r = { .status = ENROLL_BUSY, .standby = true, .ca_host = server };
	auto_reply struct enroll_reply got;
	auto_buf struct buf text = { 0 };

	(void)state;
	assert_ok(enroll_reply_put(&r, &text, e));
	assert_ok(enroll_reply_get(&text, &got, e));
	assert_int_equal(got.status, ENROLL_BUSY);
	assert_true(got.standby);
	assert_string_equal(got.ca_host, server);
}

static void invalid_answers_are_refused(void **state)
{
	static const char *const bad[] = { "", "STATUS=maybe\n", "STATUS=ok\nCA_1=AAAA\n", "STATUS=ok\nCERT_PEER=x\n",
					   "STATUS\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_reply struct enroll_reply r;
		auto_buf struct buf text = { 0 };

		buf_puts(&text, bad[i]);
		assert_err(enroll_reply_get(&text, &r, e), ERR_VERIFY, "");
	}
}

/* A list of more bytes than one line can have; and who can take one is a matter of the question. */
static void a_revocation_list_arrives_unchanged(void **state)
{
	cleanup(config_free) struct config c = conf_of(ROLE_JOIN);
	auto_question struct enroll_question q, got = { 0 };
	auto_reply struct enroll_reply came = { 0 }, bent = { 0 };
	struct enroll_reply r = { .status = ENROLL_OK, .member = 0xa2 };
	auto_buf struct buf text = { 0 }, reply = { 0 }, damaged = { 0 };
	auto_keyfile struct keyfile k = { 0 };

	(void)state;
	enroll_question_fill(&c, 1800000000, &q);
	assert_ok(enroll_question_put(&q, &text, e));
	assert_err(enroll_question_get(&text, &got, e), ERR_VERIFY, "asks for no certificate");
	assert_int_equal(got.list, -1);
	enroll_question_free(&got);
	buf_free(&text);
	q.list = 1800000007;
	q.list_only = true;
	assert_ok(enroll_question_put(&q, &text, e));
	assert_ok(enroll_question_get(&text, &got, e));
	assert_true(got.list_only && got.list == 1800000007);

	for (int i = 0; i < 10000; i++)
		buf_add(&r.made.crl, &(char){ (char)(i * i) }, 1);
	assert_ok(enroll_reply_put(&r, &reply, e));
	assert_ok(keyfile_parse("reply", reply.data, reply.len, &k, e));
	assert_non_null(keyfile_get(&k, "LIST_4"));
	assert_ok(enroll_reply_get(&reply, &came, e));
	assert_true(came.lists && came.member == 0xa2);
	assert_int_equal(came.made.crl.len, r.made.crl.len);
	assert_memory_equal(came.made.crl.data, r.made.crl.data, r.made.crl.len);
	buf_puts(&damaged, "STATUS=ok\nLIST_1=AAA\n");
	assert_err(enroll_reply_get(&damaged, &bent, e), ERR_VERIFY, "LIST_1");
	assert_false(bent.lists);
	pki_made_free(&r.made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_type_can_be_requested),
		cmocka_unit_test(weak_keys_and_foreign_signatures_are_refused),
		cmocka_unit_test(damaged_requests_are_refused),
		cmocka_unit_test(a_question_arrives_unchanged),
		cmocka_unit_test(a_question_for_a_client_has_a_cn_and_nothing_that_an_older_server_grants),
		cmocka_unit_test(a_joining_machine_sends_no_members),
		cmocka_unit_test(invalid_questions_are_refused),
		cmocka_unit_test(an_answer_arrives_unchanged),
		cmocka_unit_test(a_refusal_arrives_without_special_characters),
		cmocka_unit_test(a_standby_names_the_ca_host),
		cmocka_unit_test(invalid_answers_are_refused),
		cmocka_unit_test(a_revocation_list_arrives_unchanged),
	};

	return cmocka_run_group_tests_name("enroll_message", tests, NULL, NULL);
}
