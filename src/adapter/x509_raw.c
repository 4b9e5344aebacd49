/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/x509_raw.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

size_t x509_raw_line(const char *line, uint8_t *out, size_t max)
{
	const size_t n = strlen(line), pad = n > 1 ? (size_t)(line[n - 1] == '=') + (line[n - 2] == '=') : 0;
	const size_t len = n / 4 * 3 - pad;
	auto_free unsigned char *bytes = xcalloc(n / 4 * 3 + 1, 1);

	if (n == 0 || n % 4 != 0 || len > max ||
	    strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != n - pad ||
	    EVP_DecodeBlock(bytes, (const unsigned char *)line, (int)n) < 0)
		return 0;
	memcpy(out, bytes, len);
	return len;
}

/* Part of a DER text (X.690): an element, and what is in it. */
struct part {
	const uint8_t *whole, *content, *end;
};

/* Takes the element with this tag that begins at *at. False: there is no such element before `end`. */
static bool take_part(const uint8_t **at, const uint8_t *end, uint8_t tag, struct part *p)
{
	const uint8_t *q = *at;
	size_t len;

	if (end - q < 2 || *q++ != tag)
		return false;
	len = *q++;
	if (len > 0x80) { /* so many bytes with the length follow; certificates are not longer than two can say */
		size_t digits = len & 0x7f;

		len = 0;
		if (digits > 2 || (size_t)(end - q) < digits)
			return false;
		for (; digits > 0; digits--)
			len = len << 8 | *q++;
	} else if (len == 0x80) {
		return false;
	}
	if ((size_t)(end - q) < len)
		return false;
	*p = (struct part){ *at, q, q + len };
	*at = p->end;
	return true;
}

#define SEQUENCE   0x30
#define BIT_STRING 0x03

/*
 * Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING } (RFC 5280, 4.1). The
 * second is not signed; the first has the same bytes, else they are a stranger's.
 */
static bool split(const uint8_t *der, size_t len, struct part *body, struct part *signature)
{
	const uint8_t *at = der, *end = der + len;
	struct part cert, algorithm;

	if (!take_part(&at, end, SEQUENCE, &cert) || at != end)
		return false;
	at = cert.content;
	return take_part(&at, cert.end, SEQUENCE, body) && take_part(&at, cert.end, SEQUENCE, &algorithm) &&
	       memmem(body->content, (size_t)(body->end - body->content), algorithm.whole,
		      (size_t)(algorithm.end - algorithm.whole)) &&
	       take_part(&at, cert.end, BIT_STRING, signature) && at == cert.end &&
	       signature->end > signature->content && *signature->content == 0;
}

/* The algorithm that the certificate names is not believed: a signature that one of these verifies is one. */
static bool verifies(EVP_PKEY *key, const struct part *body, const struct part *signature)
{
	const EVP_MD *const digests[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
	const bool own = EVP_PKEY_is_a(key, "ED25519");
	bool good = false;

	for (size_t i = 0; i < (own ? 1 : ARRAY_LEN(digests)) && !good; i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();

		good = ctx && EVP_DigestVerifyInit(ctx, NULL, own ? NULL : digests[i], NULL, key) == 1 &&
		       EVP_DigestVerify(ctx, signature->content + 1, (size_t)(signature->end - signature->content - 1),
					body->whole, (size_t)(body->end - body->whole)) == 1;
		EVP_MD_CTX_free(ctx);
	}
	ERR_clear_error();
	return good;
}

x509_cert *x509_raw_cert(const uint8_t *der, size_t len, const struct buf *ca_pem, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(buf_str(ca_pem), (int)ca_pem->len);
	struct part body, signature;
	const bool whole = split(der, len, &body, &signature);
	x509_cert *ca, *cert = NULL;
	bool known = false;

	must(bio != NULL);
	while (whole && !known && (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		known = X509_get0_pubkey(ca) && verifies(X509_get0_pubkey(ca), &body, &signature);
		x509_cert_free_ptr(&ca);
	}
	BIO_free(bio);
	ERR_clear_error(); /* the end of the text is an error to OpenSSL */
	if (known)
		cert = d2i_X509(NULL, &der, (long)len);
	if (cert && X509_check_purpose(cert, -1, 0) == 1 && X509_get0_pubkey(cert))
		return cert;
	x509_cert_free_ptr(&cert);
	return err_null(e, ERR_VERIFY, "its certificate is not one of the CA that is known here");
}

bool x509_raw_signed(x509_cert *cert, const char *text, size_t len, const char *hex)
{
	return x509_key_signed(X509_get0_pubkey(cert), text, len, hex);
}
