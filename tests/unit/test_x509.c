/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/x509, adapter/x509_key: a certificate has what was requested; certificates and keys are read and recognised.
 */
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "adapter/x509_key.h"
#include "base/clock.h"
#include "base/text.h"

#define NOW 1800000000

static const enum x509_key_type all_types[] = { X509_ECDSA_P256, X509_ECDSA_P384, X509_RSA_2048, X509_RSA_4096,
						X509_ED25519 };

static x509_cert *make_ca(x509_key *key)
{
	const struct x509_request r = { .cn = "ca", .ca = true, .not_before = NOW - DAY, .not_after = NOW + 100 * DAY };
	struct err why = { 0 };
	x509_cert *ca = x509_issue(&r, key, NULL, NULL, &why);

	if (!ca)
		fail_msg("%s", why.msg);
	return ca;
}

static x509_cert *make_leaf(x509_key *key, x509_cert *ca, x509_key *ca_key, bool server)
{
	auto_strv char **sans = text_split("N1.Example.ORG. 127.0.0.1 fd00:0:0::3 a,DNS:evil", BLANKS);
	const struct x509_request r = { .cn = "n1",
					.sans = server ? sans : NULL,
					.server = server,
					.client = true,
					.not_before = NOW,
					.not_after = NOW + DAY };
	struct err why = { 0 };
	x509_cert *leaf = x509_issue(&r, key, ca, ca_key, &why);

	if (!leaf)
		fail_msg("%s", why.msg);
	return leaf;
}

static const struct buf none; /* no chain */

static void every_key_type_signs_and_is_read_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all_types); i++) {
		struct err why = { 0 };
		auto_key x509_key *key = x509_key_new(all_types[i], &why);
		auto_buf struct buf pem = { 0 }, ca_pem = { 0 };
		auto_free char *described = NULL;
		enum x509_key_type parsed;

		assert_non_null(key);
		auto_cert x509_cert *ca = make_ca(key);
		auto_cert x509_cert *leaf = make_leaf(key, ca, key, true);

		assert_true(x509_signed_by(leaf, ca));
		x509_cert_pem(ca, &ca_pem);
		assert_ok(x509_verify(leaf, &none, &ca_pem, true, NOW + 1, e));
		x509_key_pem(key, &pem);
		assert_true(strstr(pem.data, "-----BEGIN PRIVATE KEY-----") == pem.data);
		auto_key x509_key *again = x509_key_parse(&pem, NULL, "k", &why);
		assert_true(x509_key_matches(again, leaf));
		assert_true(x509_key_is(again, all_types[i]));
		assert_false(x509_key_is(again, all_types[(i + 1) % ARRAY_LEN(all_types)]));
		assert_true(x509_key_strong(again));
		described = x509_key_describe(again);
		assert_true(x509_key_type_parse(described, &parsed));
		assert_int_equal(parsed, all_types[i]);
	}
}

static void names_are_normalised_and_stay_names(void **state)
{
	struct err why = { 0 };
	auto_key x509_key *key = x509_key_new(X509_ECDSA_P256, &why);
	auto_cert x509_cert *ca = make_ca(key);
	auto_cert x509_cert *leaf = make_leaf(key, ca, key, true);
	struct x509_info info;

	(void)state;
	x509_describe(leaf, &info);
	assert_int_equal(strv_len(info.sans), 4);
	assert_string_equal(info.sans[0], "127.0.0.1");
	assert_string_equal(info.sans[1], "a,dns:evil");
	assert_string_equal(info.sans[2], "fd00::3");
	assert_string_equal(info.sans[3], "n1.example.org");
	assert_string_equal(info.cn, "n1");
	assert_string_equal(info.subject, "CN=n1");
	assert_string_equal(info.issuer, "CN=ca");
	assert_true(info.server && info.client && !info.ca);
	assert_int_equal(info.not_before, NOW);
	assert_int_equal(info.not_after, NOW + DAY);
	assert_true(x509_covers(leaf, "fd00::3") && x509_covers(leaf, "n1.example.org") &&
		    x509_covers(leaf, "127.0.0.1"));
	assert_false(x509_covers(leaf, "evil") || x509_covers(leaf, "n1") || x509_covers(leaf, "127.0.0.2"));
	x509_info_free(&info);
}

static void serials_are_random_and_positive(void **state)
{
	char *seen[64] = { NULL };
	struct err why = { 0 };
	auto_key x509_key *key = x509_key_new(X509_ED25519, &why);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		auto_cert x509_cert *ca = make_ca(key);
		struct x509_info info;

		x509_describe(ca, &info);
		assert_true(info.ca);
		assert_true(strlen(info.serial) <= 32 && strlen(info.serial) > 16 && info.serial[0] != '-');
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(seen[j], info.serial);
		seen[i] = steal(&info.serial);
		x509_info_free(&info);
	}
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		free(seen[i]);
}

static void use_date_and_issuer_are_verified(void **state)
{
	struct err why = { 0 };
	auto_key x509_key *key = x509_key_new(X509_ECDSA_P256, &why);
	auto_key x509_key *other_key = x509_key_new(X509_ECDSA_P256, &why);
	auto_cert x509_cert *ca = make_ca(key);
	auto_cert x509_cert *impostor = make_ca(other_key); /* the same name */
	auto_cert x509_cert *client = make_leaf(key, ca, key, false);
	auto_buf struct buf ca_pem = { 0 }, impostor_pem = { 0 }, both = { 0 };

	(void)state;
	x509_cert_pem(ca, &ca_pem);
	x509_cert_pem(impostor, &impostor_pem);
	buf_add(&both, impostor_pem.data, impostor_pem.len);
	buf_add(&both, ca_pem.data, ca_pem.len);
	assert_ok(x509_verify(client, &none, &ca_pem, false, NOW + 1, e));
	assert_ok(x509_verify(client, &none, &both, false, NOW + 1, e));
	assert_err(x509_verify(client, &none, &ca_pem, true, NOW + 1, e), ERR_VERIFY, "purpose");
	assert_err(x509_verify(client, &none, &ca_pem, false, NOW + 2 * DAY, e), ERR_VERIFY, "expired");
	assert_err(x509_verify(client, &none, &ca_pem, false, NOW - 10, e), ERR_VERIFY, "not yet valid");
	assert_err(x509_verify(client, &none, &impostor_pem, false, NOW + 1, e), ERR_VERIFY, "issuer");
	assert_false(x509_signed_by(client, impostor));
	assert_false(x509_key_matches(other_key, client));
}

static void an_encrypted_key_needs_its_passphrase(void **state)
{
	struct err why = { 0 };
	auto_key x509_key *key = x509_key_new(X509_ECDSA_P256, &why);
	auto_buf struct buf pem = { 0 };

	(void)state;
	assert_ok(x509_key_pem_encrypted(key, "correct horse", &pem, e));
	auto_key x509_key *again = x509_key_parse(&pem, "correct horse", "k", &why);
	assert_non_null(again);
	assert_null(x509_key_parse(&pem, "wrong horse", "k", &why));
	assert_int_equal(why.class, ERR_VERIFY);
	assert_non_null(strstr(why.msg, "passphrase is wrong"));
	assert_null(x509_key_parse(&pem, NULL, "k", &why));
	assert_non_null(strstr(why.msg, "is encrypted"));
}

/* What openssl genrsa -traditional and ecparam -genkey write. */
static void older_key_formats_are_read(void **state)
{
	static const enum x509_key_type types[] = { X509_RSA_2048, X509_ECDSA_P384 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct err why = { 0 };
		auto_key x509_key *key = x509_key_new(types[i], &why);
		auto_buf struct buf pem = { 0 };
		BIO *bio = BIO_new(BIO_s_mem());
		char *data;
		long len;

		assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL), 1);
		len = BIO_get_mem_data(bio, &data);
		buf_add(&pem, data, (size_t)len);
		BIO_free(bio);
		assert_non_null(strstr(pem.data, i == 0 ? "BEGIN RSA PRIVATE KEY" : "BEGIN EC PRIVATE KEY"));
		auto_key x509_key *again = x509_key_parse(&pem, NULL, "k", &why);
		assert_non_null(again);
		assert_true(x509_key_is(again, types[i]));
	}
}

static void weak_keys_are_recognised(void **state)
{
	auto_key x509_key *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	auto_key x509_key *odd = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
	auto_free char *text = x509_key_describe(small);

	(void)state;
	assert_false(x509_key_strong(small));
	assert_false(x509_key_strong(odd));
	assert_string_equal(text, "RSA of 1024 bits");
}

static void garbage_is_an_error(void **state)
{
	static const char *const texts[] = { "", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
					     "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		auto_buf struct buf pem = { 0 };
		struct err why = { 0 };

		buf_puts(&pem, texts[i]);
		assert_null(x509_cert_parse(&pem, "here", &why));
		assert_int_equal(why.class, ERR_VERIFY);
		assert_non_null(strstr(why.msg, "here"));
		assert_null(x509_key_parse(&pem, NULL, "here", &why));
		assert_int_equal(why.class, ERR_VERIFY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_type_signs_and_is_read_again),
		cmocka_unit_test(names_are_normalised_and_stay_names),
		cmocka_unit_test(serials_are_random_and_positive),
		cmocka_unit_test(use_date_and_issuer_are_verified),
		cmocka_unit_test(an_encrypted_key_needs_its_passphrase),
		cmocka_unit_test(older_key_formats_are_read),
		cmocka_unit_test(weak_keys_are_recognised),
		cmocka_unit_test(garbage_is_an_error),
	};

	return cmocka_run_group_tests_name("x509", tests, NULL, NULL);
}
