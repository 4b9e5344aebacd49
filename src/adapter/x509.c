/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/x509.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define MAX_FILE 262144 /* a trust bundle of a hundred CAs fits */

const char *x509_reason(const char *fallback)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return reason ? reason : fallback;
}

void x509_take_bio(struct bio_st *bio, struct buf *out)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	buf_add(out, data, (size_t)len);
	BIO_free(bio);
}

void x509_cert_free_ptr(x509_cert **cert)
{
	X509_free(*cert);
	*cert = NULL;
}

x509_cert *x509_cert_parse(const struct buf *pem, const char *where, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	x509_cert *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	/* A damaged extension or key shows here, not in the middle of something else. */
	if (cert && (X509_check_purpose(cert, -1, 0) != 1 || !X509_get0_pubkey(cert)))
		x509_cert_free_ptr(&cert);
	if (!cert)
		(void)err_set(e, ERR_VERIFY, "%s has no certificate in PEM (%s)", where, x509_reason("it is damaged"));
	return cert;
}

x509_cert *x509_cert_read(const char *path, struct err *e)
{
	auto_buf struct buf pem = { 0 };

	if (file_read(path, MAX_FILE, &pem, e) < 0)
		return NULL;
	return x509_cert_parse(&pem, path, e);
}

void x509_cert_pem(x509_cert *cert, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || PEM_write_bio_X509(bio, cert) != 1)
		abort(); /* in memory only a lack of it can fail */
	x509_take_bio(bio, out);
}

static char *name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	auto_buf struct buf out = { 0 };
	char *text;

	if (!bio)
		abort();
	(void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
	x509_take_bio(bio, &out);
	text = xstrdup(buf_str(&out));
	text_printable(text);
	return text;
}

/* What cannot be printed is shown, and compared, as '?'; a NUL, too, which would hide what follows it. */
static char *string_text(const ASN1_STRING *s)
{
	size_t len = (size_t)ASN1_STRING_length(s);
	char *text = xcalloc(len + 1, 1);

	if (len > 0)
		memcpy(text, ASN1_STRING_get0_data(s), len);
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = '?';
	text_printable(text);
	return text;
}

static char *common_name(x509_cert *cert)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

	return at < 0 ? xstrdup("") : string_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

static char *serial_text(x509_cert *cert)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = n ? BN_bn2hex(n) : NULL;
	char *text = xstrdup(hex ? hex : "");

	OPENSSL_free(hex);
	BN_free(n);
	text_lower(text);
	return text;
}

static time_t seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

/* One SAN as text; NULL for the kinds that etcd does not look at. The caller frees. */
static char *san_text(const GENERAL_NAME *name)
{
	char address[INET6_ADDRSTRLEN];
	int len;

	if (name->type == GEN_DNS) {
		char *text = string_text(name->d.dNSName);

		text_lower(text);
		return text;
	}
	if (name->type != GEN_IPADD)
		return NULL;
	len = ASN1_STRING_length(name->d.iPAddress);
	if ((len != 4 && len != 16) || !inet_ntop(len == 4 ? AF_INET : AF_INET6,
						  ASN1_STRING_get0_data(name->d.iPAddress), address, sizeof(address)))
		return xstrdup("?");
	return xstrdup(address);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **sans_of(x509_cert *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	char **all = NULL, **once = NULL;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		auto_free char *text = san_text(sk_GENERAL_NAME_value(names, i));

		if (text)
			strv_add(&all, text);
	}
	GENERAL_NAMES_free(names);
	if (all)
		qsort(all, strv_len(all), sizeof(*all), by_text);
	for (size_t i = 0; all && all[i]; i++)
		if (i == 0 || strcmp(all[i], all[i - 1]) != 0)
			strv_add(&once, all[i]);
	strv_free(all);
	return once;
}

void x509_describe(x509_cert *cert, struct x509_info *info)
{
	/* X509_get_key_usage(3): UINT32_MAX, all uses, when the extension is not there. */
	bool may_sign = (X509_get_key_usage(cert) & KU_KEY_CERT_SIGN) != 0;
	uint32_t flags = X509_get_extension_flags(cert), uses = X509_get_extended_key_usage(cert);
	bool has_uses = (flags & EXFLAG_XKUSAGE) != 0;

	*info = (struct x509_info){
		.subject = name_text(X509_get_subject_name(cert)),
		.issuer = name_text(X509_get_issuer_name(cert)),
		.cn = common_name(cert),
		.serial = serial_text(cert),
		.not_before = seconds(X509_get0_notBefore(cert)),
		.not_after = seconds(X509_get0_notAfter(cert)),
		.sans = sans_of(cert),
		.ca = (flags & EXFLAG_CA) && may_sign,
		.server = has_uses && (uses & XKU_SSL_SERVER),
		.client = has_uses && (uses & XKU_SSL_CLIENT),
	};
}

void x509_info_free(struct x509_info *info)
{
	free(info->subject);
	free(info->issuer);
	free(info->cn);
	free(info->serial);
	strv_free(info->sans);
	*info = (struct x509_info){ 0 };
}

/* SHA-256, in hex, of what OpenSSL has encoded; frees it. */
static char *hex_digest(int len, unsigned char **der)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	char *hex;

	if (len < 0 || EVP_Digest(*der, (size_t)len, digest, &size, EVP_sha256(), NULL) != 1)
		abort();
	OPENSSL_free(*der);
	hex = xcalloc(2 * (size_t)size + 1, 1);
	text_hex(digest, size, hex);
	return hex;
}

char *x509_fingerprint(x509_cert *cert)
{
	unsigned char *der = NULL;

	return hex_digest(i2d_X509(cert, &der), &der);
}

char *x509_spki_fingerprint(x509_cert *cert)
{
	unsigned char *der = NULL;

	return hex_digest(i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der), &der);
}

char *x509_key_fingerprint(x509_key *key)
{
	unsigned char *der = NULL;

	return hex_digest(i2d_PUBKEY(key, &der), &der);
}

bool x509_covers(x509_cert *cert, const char *name_or_address)
{
	if (X509_check_ip_asc(cert, name_or_address, 0) == 1)
		return true;
	ERR_clear_error();
	/* Go, and so etcd and its clients, ignore the CN. */
	return X509_check_host(cert, name_or_address, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

bool x509_signed_by(x509_cert *cert, x509_cert *ca)
{
	bool so = X509_check_issued(ca, cert) == X509_V_OK && X509_verify(cert, X509_get0_pubkey(ca)) == 1;

	ERR_clear_error();
	return so;
}

/* All certificates of a PEM text, as trust anchors. */
static X509_STORE *store_of(const struct buf *pem)
{
	X509_STORE *store = X509_STORE_new();
	BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	x509_cert *ca;

	if (!store || !bio)
		abort();
	while ((ca = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		(void)X509_STORE_add_cert(store, ca);
		x509_cert_free_ptr(&ca);
	}
	BIO_free(bio);
	ERR_clear_error(); /* the end of the text is an error to OpenSSL */
	return store;
}

static int verify_use(x509_cert *cert, X509_STORE *store, int purpose, time_t at, struct err *e)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int rc = 0;

	if (!ctx || X509_STORE_CTX_init(ctx, store, cert, NULL) != 1)
		abort();
	X509_STORE_CTX_set_time(ctx, 0, at);
	/* As Go does: every certificate of the bundle is an anchor, self-signed or not. */
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
	(void)X509_STORE_CTX_set_purpose(ctx, purpose);
	if (X509_verify_cert(ctx) != 1)
		rc = err_set(e, ERR_VERIFY, "%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return rc;
}

int x509_verify(x509_cert *cert, const struct buf *ca_pem, bool server, bool client, time_t at, struct err *e)
{
	X509_STORE *store = store_of(ca_pem);
	int rc = 0;

	if (server)
		rc = verify_use(cert, store, X509_PURPOSE_SSL_SERVER, at, e);
	if (rc == 0 && client)
		rc = verify_use(cert, store, X509_PURPOSE_SSL_CLIENT, at, e);
	X509_STORE_free(store);
	return rc;
}
