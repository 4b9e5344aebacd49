/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/signature: every accepted kind of key in both forms, and refused keys.
 */
#include "unit.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "adapter/signature.h"
#include "base/buf.h"

static const char message[] = "what was signed\n";

static void public_pem(EVP_PKEY *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	n = BIO_get_mem_data(bio, &text);
	buf_add(out, text, (size_t)n);
	(void)BIO_free(bio);
}

static size_t sign(EVP_PKEY *key, unsigned char *sig, size_t room)
{
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, md, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &room, (const unsigned char *)message, sizeof(message)), 1);
	EVP_MD_CTX_free(ctx);
	return room;
}

static int check(const struct buf *pem, const char *text, const unsigned char *sig, size_t len, struct err *e)
{
	auto_buf struct buf data = { 0 }, signature = { 0 };

	buf_add(&data, text, sizeof(message));
	buf_add(&signature, sig, len);
	return signature_check(pem, &data, &signature, e);
}

static void try_key(EVP_PKEY *key, const struct buf *other)
{
	auto_buf struct buf pem = { 0 };
	unsigned char sig[1024], base64[2048];
	char changed[sizeof(message)];
	struct err none = { 0 };
	size_t n, n64;

	public_pem(key, &pem);
	n = sign(key, sig, sizeof(sig));
	n64 = (size_t)EVP_EncodeBlock(base64, sig, (int)n);
	base64[n64++] = '\n';
	memcpy(changed, message, sizeof(message));
	changed[3] ^= 1;
	assert_int_equal(check(&pem, message, sig, n, &none), 1);
	assert_int_equal(check(&pem, message, base64, n64, &none), 1);
	assert_int_equal(check(&pem, changed, sig, n, &none), 0);
	assert_int_equal(check(&pem, message, sig, n - 1, &none), 0);
	assert_int_equal(check(&pem, message, sig, 0, &none), 0);
	assert_int_equal(check(other, message, sig, n, &none), 0);
	sig[n / 2] ^= 1;
	assert_int_equal(check(&pem, message, sig, n, &none), 0);
	EVP_PKEY_free(key);
}

static void every_kind_of_key(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	auto_buf struct buf other = { 0 };

	(void)state;
	public_pem(key, &other);
	EVP_PKEY_free(key);
	try_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), &other);
	try_key(EVP_EC_gen("P-256"), &other);
	try_key(EVP_EC_gen("P-384"), &other);
	try_key(EVP_RSA_gen(2048), &other);
}

static void weak_and_foreign_keys_are_refused(void **state)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024), *foreign = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	auto_buf struct buf a = { 0 }, b = { 0 }, nonsense = { 0 };

	(void)state;
	public_pem(weak, &a);
	public_pem(foreign, &b);
	assert_err(check(&a, message, (const unsigned char *)"x", 1, e), ERR_CONFIG, "not an Ed25519");
	assert_err(check(&b, message, (const unsigned char *)"x", 1, e), ERR_CONFIG, "not an Ed25519");
	buf_puts(&nonsense, "nonsense");
	assert_err(check(&nonsense, message, (const unsigned char *)"x", 1, e), ERR_CONFIG, "not a public key");
	EVP_PKEY_free(weak);
	EVP_PKEY_free(foreign);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_key),
		cmocka_unit_test(weak_and_foreign_keys_are_refused),
	};

	return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
