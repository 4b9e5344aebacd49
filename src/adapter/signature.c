/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/signature.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

#define RSA_BITS_MIN 2048
#define SIG_MAX	     8192 /* bytes; RSA-16384 in base64 has 2731 */

static void key_free(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void md_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void bio_free(BIO **bio)
{
	(void)BIO_free(*bio);
}

/* The hash that goes with the key's type: Ed25519 takes the message itself (RFC 8032). False for a type that is not supported. */
static bool hash_of(const EVP_PKEY *key, const EVP_MD **md)
{
	*md = EVP_sha256();
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_ED25519:
		*md = NULL;
		return true;
	case EVP_PKEY_EC:
		return true;
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	default:
		return false;
	}
}

static bool check_raw(EVP_PKEY *key, const EVP_MD *md, const void *data, size_t len, const void *sig, size_t sig_len)
{
	cleanup(md_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;

	ERR_clear_error();
	return good;
}

/* Decodes base64 with any line breaks. Returns the number of bytes in out, which holds sig_len; 0 when it is none. */
static size_t decode(const unsigned char *sig, size_t sig_len, unsigned char *out)
{
	EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
	int n = 0, tail = 0;
	bool good;

	if (!ctx)
		abort();
	EVP_DecodeInit(ctx);
	good = EVP_DecodeUpdate(ctx, out, &n, sig, (int)sig_len) >= 0 && EVP_DecodeFinal(ctx, out + n, &tail) == 1;
	EVP_ENCODE_CTX_free(ctx);
	ERR_clear_error();
	return good ? (size_t)(n + tail) : 0;
}

int signature_check(const char *pem, size_t pem_len, const void *data, size_t len, const void *sig, size_t sig_len,
		    struct err *e)
{
	cleanup(bio_free) BIO *bio = pem_len > INT_MAX ? NULL : BIO_new_mem_buf(pem, (int)pem_len);
	cleanup(key_free) EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
	unsigned char *raw;
	const EVP_MD *md;
	size_t n;
	int good;

	ERR_clear_error();
	if (!key)
		return err_set(e, ERR_CONFIG, "not a public key in PEM form");
	if (!hash_of(key, &md))
		return err_set(e, ERR_CONFIG, "not an Ed25519, ECDSA or RSA (from %d bits) key", RSA_BITS_MIN);
	if (sig_len == 0 || sig_len > SIG_MAX)
		return 0;
	if (check_raw(key, md, data, len, sig, sig_len))
		return 1;
	raw = xcalloc(1, sig_len + 64); /* EVP_DecodeUpdate writes whole lines of 48 bytes */
	n = decode(sig, sig_len, raw);
	good = n > 0 && check_raw(key, md, data, len, raw, n);
	free(raw);
	return good;
}
