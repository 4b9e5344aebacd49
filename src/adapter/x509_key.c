/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/x509_key.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h> /* PKCS8_set0_pbe */
#include <openssl/x509.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

#define MAX_FILE 65536 /* an RSA 16384 key in PEM has 13 KiB */

/* What OWASP and RFC 7914 call interactive use, within the 32 MiB that OpenSSL allows. */
#define SCRYPT_N    16384
#define SCRYPT_R    8
#define SCRYPT_P    1
#define SCRYPT_SALT 16

static const struct {
	const char *name;
	const char *family; /* as EVP_PKEY_is_a(3) knows it */
	const char *group;  /* EC only */
	int bits;	    /* RSA only */
} types[] = {
	[X509_ECDSA_P256] = { "ecdsa-p256", "EC", SN_X9_62_prime256v1, 0 },
	[X509_ECDSA_P384] = { "ecdsa-p384", "EC", SN_secp384r1, 0 },
	[X509_RSA_2048] = { "rsa-2048", "RSA", NULL, 2048 },
	[X509_RSA_4096] = { "rsa-4096", "RSA", NULL, 4096 },
	[X509_ED25519] = { "ed25519", "ED25519", NULL, 0 },
};
static_assert(ARRAY_LEN(types) == X509_ED25519 + 1, "one line for each key type");

const char *x509_key_type_name(enum x509_key_type type)
{
	return types[type].name;
}

bool x509_key_type_parse(const char *name, enum x509_key_type *type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].name, name) == 0) {
			*type = (enum x509_key_type)i;
			return true;
		}
	}
	return false;
}

void x509_key_free_ptr(x509_key **key)
{
	EVP_PKEY_free(*key);
	*key = NULL;
}

x509_key *x509_key_new(enum x509_key_type type, struct err *e)
{
	const char *family = types[type].family;
	/* Ed25519 has no parameter: OpenSSL does not look at it. */
	x509_key *key = types[type].bits > 0 ? EVP_PKEY_Q_keygen(NULL, NULL, family, (size_t)types[type].bits)
					     : EVP_PKEY_Q_keygen(NULL, NULL, family, types[type].group);

	if (!key)
		(void)err_set(e, ERR_FAIL, "cannot make a key of type %s: %s", types[type].name,
			      x509_reason("OpenSSL refuses"));
	return key;
}

/* pem_password_cb: without a passphrase there must be no prompt on the terminal, which is OpenSSL's default. */
static int give_passphrase(char *into, int size, int rwflag, void *arg)
{
	const char *passphrase = *(const char *const *)arg;
	size_t len = passphrase ? strlen(passphrase) : 0;

	(void)rwflag;
	if (!passphrase || len > (size_t)size)
		return -1;
	memcpy(into, passphrase, len); /* NOLINT(bugprone-not-null-terminated-result): the length is returned */
	return (int)len;
}

x509_key *x509_key_parse(const struct buf *pem, const char *passphrase, const char *where, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	x509_key *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &passphrase) : NULL;
	const char *why;

	BIO_free(bio);
	if (key)
		return key;
	why = x509_reason("it is not PEM");
	if (!strstr(buf_str(pem), "ENCRYPTED"))
		return err_null(e, ERR_VERIFY, "%s has no private key in PEM (%s)", where, why);
	if (passphrase)
		return err_null(e, ERR_VERIFY, "%s cannot be decrypted: the passphrase is wrong (%s)", where, why);
	return err_null(e, ERR_VERIFY, "%s is encrypted, and etcd cannot ask for the passphrase", where);
}

x509_key *x509_key_read(const char *path, struct err *e)
{
	auto_buf struct buf pem = { 0 };

	if (file_read(path, MAX_FILE, &pem, e) < 0)
		return NULL;
	return x509_key_parse(&pem, NULL, path, e);
}

void x509_key_pem(x509_key *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	x509_take_bio(bio, out);
}

/* No digest named: the key's own default (EVP_DigestSignInit(3)). */
int x509_key_sign(x509_key *key, const char *text, size_t len, struct buf *hex, struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t raw[1024];
	char digits[2 * sizeof(raw) + 1];
	size_t n = sizeof(raw);
	const bool good = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
			  EVP_DigestSign(ctx, raw, &n, (const unsigned char *)text, len) == 1;

	EVP_MD_CTX_free(ctx);
	if (!good)
		return err_set(e, ERR_FAIL, "cannot sign with this key: %s", x509_reason("unknown reason"));
	text_hex(raw, n, digits);
	buf_puts(hex, digits);
	return 0;
}

bool x509_key_signed(x509_key *key, const char *text, size_t len, const char *hex)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const size_t n = strlen(hex) / 2;
	uint8_t raw[1024];
	const bool good = ctx && n <= sizeof(raw) && text_unhex(hex, raw, n) &&
			  EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
			  EVP_DigestVerify(ctx, raw, n, (const unsigned char *)text, len) == 1;

	EVP_MD_CTX_free(ctx);
	(void)x509_reason(""); /* empties the queue */
	return good;
}

int x509_key_pem_encrypted(x509_key *key, const char *passphrase, struct buf *out, struct err *e)
{
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
	BIO *bio = BIO_new(BIO_s_mem());
	X509_ALGOR *how =
		PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, SCRYPT_SALT, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
	X509_SIG *sealed = plain && how ? PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, how) : NULL;
	const bool good = bio && sealed && PEM_write_bio_PKCS8(bio, sealed) == 1;

	if (good)
		x509_take_bio(bio, out);
	else
		BIO_free(bio);
	if (!sealed)
		X509_ALGOR_free(how); /* else it belongs to `sealed` */
	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(plain);
	return good ? 0 : err_set(e, ERR_FAIL, "cannot encrypt the key: %s", x509_reason("OpenSSL refuses"));
}

bool x509_key_is(x509_key *key, enum x509_key_type type)
{
	char group[64];

	if (!EVP_PKEY_is_a(key, types[type].family))
		return false;
	if (types[type].bits > 0)
		return EVP_PKEY_get_bits(key) == types[type].bits;
	return !types[type].group ||
	       (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 && strcmp(group, types[type].group) == 0);
}

char *x509_key_describe(x509_key *key)
{
	const char *family = EVP_PKEY_get0_type_name(key);
	char group[64];

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (x509_key_is(key, (enum x509_key_type)i))
			return xstrdup(types[i].name);
	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1)
		return xasprintf("EC %s", group);
	return xasprintf("%s of %d bits", family ? family : "unknown", EVP_PKEY_get_bits(key));
}

bool x509_key_strong(x509_key *key)
{
	char group[64];

	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) >= 2048;
	return x509_key_is(key, X509_ED25519) || x509_key_is(key, X509_ECDSA_P256) ||
	       x509_key_is(key, X509_ECDSA_P384) ||
	       (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
		strcmp(group, SN_secp521r1) == 0);
}

bool x509_key_matches(x509_key *key, x509_cert *cert)
{
	x509_key *public = X509_get0_pubkey(cert);

	return public && EVP_PKEY_eq(public, key) == 1;
}
