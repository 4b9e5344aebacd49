/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/signature.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "adapter/x509_key.h"

#define RSA_BITS_MIN 2048
#define SIG_MAX	     8192 /* bytes; RSA-16384 in base64 has 2731 */

static bool is_supported(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "EC") ||
	       (EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN);
}

/* Without a digest that is named, OpenSSL takes SHA-256 for ECDSA and RSA, and Ed25519 has its own (RFC 8032). */
static bool check_raw(EVP_PKEY *key, const struct buf *data, const void *sig, size_t sig_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, sig, sig_len, (const unsigned char *)buf_str(data), data->len) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

/* The same for base64 with any line breaks. */
static bool check_base64(EVP_PKEY *key, const struct buf *data, const struct buf *sig)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	/* EVP_DecodeUpdate writes whole lines of 48 bytes. */
	auto_free unsigned char *raw = xcalloc(1, sig->len + 64);
	int n = 0, tail = 0;
	bool good;

	must(ctx);
	EVP_DecodeInit(ctx);
	good = EVP_DecodeUpdate(ctx, raw, &n, (const unsigned char *)sig->data, (int)sig->len) >= 0 &&
	       EVP_DecodeFinal(ctx, raw + n, &tail) == 1 && check_raw(key, data, raw, (size_t)n + (size_t)tail);
	EVP_ENCODE_CTX_free(ctx);
	return good;
}

int signature_check(const struct buf *pem, const struct buf *data, const struct buf *sig, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	auto_key x509_key *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	bool good;

	BIO_free(bio);
	ERR_clear_error();
	if (!key)
		return err_set(e, ERR_CONFIG, "this is not a public key in PEM form");
	if (!is_supported(key))
		return err_set(e, ERR_CONFIG, "this is not an Ed25519, ECDSA or RSA (from %d bits) key", RSA_BITS_MIN);
	if (sig->len == 0 || sig->len > SIG_MAX)
		return 0;
	good = check_raw(key, data, sig->data, sig->len) || check_base64(key, data, sig);
	ERR_clear_error();
	return good;
}
