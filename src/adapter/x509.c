/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/x509.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

#define MAX_FILE    262144 /* a trust bundle of a hundred CAs fits */
#define SERIAL_BITS 128	   /* RFC 5280, 4.1.2.2: positive, at most 20 octets */

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

	must(bio && PEM_write_bio_X509(bio, cert) == 1);
	x509_take_bio(bio, out);
}

static char *name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	auto_buf struct buf out = { 0 };
	char *text;

	must(bio != NULL);
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

char *x509_serial_text(const ASN1_INTEGER *serial)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(serial, NULL);
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
	char address[INET6_ADDRSTRLEN] = "?";

	if (name->type == GEN_DNS) {
		char *text = string_text(name->d.dNSName);

		text_lower(text);
		return text;
	}
	if (name->type != GEN_IPADD)
		return NULL;
	if (ASN1_STRING_length(name->d.iPAddress) == 4)
		(void)inet_ntop(AF_INET, ASN1_STRING_get0_data(name->d.iPAddress), address, sizeof(address));
	if (ASN1_STRING_length(name->d.iPAddress) == 16)
		(void)inet_ntop(AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), address, sizeof(address));
	return xstrdup(address);
}

/* The reverse. A final dot is not part of a name in a certificate. */
static GENERAL_NAME *san_of(const char *text)
{
	size_t len = strlen(text);
	auto_free char *name = xstrndup(text, len > 0 && text[len - 1] == '.' ? len - 1 : len);
	GENERAL_NAME *san = a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_IPADD, text, 0);

	text_lower(name);
	if (!san)
		san = a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_DNS, name, 0);
	must(san != NULL);
	ERR_clear_error(); /* a name is not an address */
	return san;
}

char *x509_san(const char *name_or_address)
{
	GENERAL_NAME *san = san_of(name_or_address);
	char *text = san_text(san);

	GENERAL_NAME_free(san);
	return text;
}

static char **sans_of(x509_cert *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	char **sans = NULL;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		auto_free char *text = san_text(sk_GENERAL_NAME_value(names, i));

		if (text)
			strv_add_once(&sans, text);
	}
	GENERAL_NAMES_free(names);
	strv_sort(sans);
	return sans;
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
		.serial = x509_serial_text(X509_get0_serialNumber(cert)),
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

	must(len >= 0 && EVP_Digest(*der, (size_t)len, digest, &size, EVP_sha256(), NULL) == 1);
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

char *x509_key_fingerprint(x509_key *key)
{
	unsigned char *der = NULL;

	return hex_digest(i2d_PUBKEY(key, &der), &der);
}

char *x509_spki_fingerprint(x509_cert *cert)
{
	return x509_key_fingerprint(X509_get0_pubkey(cert));
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

struct stack_st_X509 *x509_certs(const struct buf *pem)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	x509_cert *one;

	must(all && bio);
	while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		must(sk_X509_push(all, one) > 0);
	BIO_free(bio);
	ERR_clear_error(); /* the end of the text is an error to OpenSSL */
	return all;
}

static int verify_use(x509_cert *cert, STACK_OF(X509) * chain, X509_STORE *store, int purpose, time_t at, struct err *e)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int rc = 0;

	must(ctx && X509_STORE_CTX_init(ctx, store, cert, chain) == 1);
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

int x509_verify(x509_cert *cert, const struct buf *chain_pem, const struct buf *ca_pem, bool server, time_t at,
		struct err *e)
{
	STACK_OF(X509) *anchors = x509_certs(ca_pem), *chain = x509_certs(chain_pem);
	X509_STORE *store = X509_STORE_new();
	int rc;

	must(store != NULL);
	for (int i = 0; i < sk_X509_num(anchors); i++)
		(void)X509_STORE_add_cert(store, sk_X509_value(anchors, i));
	rc = server ? verify_use(cert, chain, store, X509_PURPOSE_SSL_SERVER, at, e) : 0;
	if (rc == 0)
		rc = verify_use(cert, chain, store, X509_PURPOSE_SSL_CLIENT, at, e);
	X509_STORE_free(store);
	sk_X509_pop_free(anchors, X509_free);
	sk_X509_pop_free(chain, X509_free);
	return rc;
}

/* --- Issuing: RFC 5280 certificates that pass `openssl verify -x509_strict` and Go. */

static int set_serial(x509_cert *cert)
{
	BIGNUM *n = BN_new();
	int ok = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 && !BN_is_zero(n) &&
		 BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;

	BN_free(n);
	return ok;
}

static int add_extension(x509_cert *cert, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	int ok = ext && X509_add_ext(cert, ext, -1) == 1;

	X509_EXTENSION_free(ext);
	return ok;
}

/* Without OpenSSL's configuration language, in which a comma would end a name. */
GENERAL_NAMES *x509_names(char *const *sans)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	must(names != NULL);
	for (; *sans; sans++)
		(void)sk_GENERAL_NAME_push(names, san_of(*sans));
	return names;
}

static int add_sans(x509_cert *cert, char *const *sans)
{
	GENERAL_NAMES *names = x509_names(sans);
	int ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;

	GENERAL_NAMES_free(names);
	return ok;
}

static const char *extended_usage(const struct x509_request *r)
{
	if (r->server && r->client)
		return "serverAuth,clientAuth";
	return r->server ? "serverAuth" : "clientAuth";
}

/* Another's CA need not have a subject key id: then its name and serial identify it. */
static int add_extensions(const struct x509_request *r, x509_cert *cert, x509_cert *ca)
{
	const char *usage = "critical,digitalSignature";
	X509V3_CTX ctx;

	if (r->ca)
		usage = "critical,keyCertSign,cRLSign";
	else if (EVP_PKEY_is_a(X509_get0_pubkey(cert), "RSA"))
		usage = "critical,digitalSignature,keyEncipherment"; /* the RSA key exchange of TLS 1.2 */
	X509V3_set_ctx(&ctx, ca ? ca : cert, cert, NULL, NULL, 0);
	return add_extension(cert, &ctx, NID_basic_constraints,
			     r->ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
	       add_extension(cert, &ctx, NID_key_usage, usage) &&
	       (r->ca || add_extension(cert, &ctx, NID_ext_key_usage, extended_usage(r))) &&
	       add_extension(cert, &ctx, NID_subject_key_identifier, "hash") &&
	       add_extension(cert, &ctx, NID_authority_key_identifier, "keyid,issuer") &&
	       (!r->sans || add_sans(cert, r->sans));
}

/* NULL is the key's own default (EVP_DigestSignInit(3)): SHA-256, or what is part of Ed25519. */
const EVP_MD *x509_digest_for(x509_key *key)
{
	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : NULL;
}

x509_cert *x509_issue(const struct x509_request *r, x509_key *key, x509_cert *ca, x509_key *ca_key, struct err *e)
{
	auto_cert x509_cert *cert = X509_new();
	x509_key *signer = ca_key ? ca_key : key;
	X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;

	if (!cert || X509_set_version(cert, X509_VERSION_3) != 1 || !set_serial(cert) ||
	    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)r->cn, -1, -1,
				       0) != 1 ||
	    X509_set_issuer_name(cert, ca ? X509_get_subject_name(ca) : subject) != 1 ||
	    !ASN1_TIME_set(X509_getm_notBefore(cert), r->not_before) ||
	    !ASN1_TIME_set(X509_getm_notAfter(cert), r->not_after) || X509_set_pubkey(cert, key) != 1 ||
	    !add_extensions(r, cert, ca) || X509_sign(cert, signer, x509_digest_for(signer)) == 0)
		return err_null(e, ERR_FAIL, "cannot issue a certificate for %s: %s", r->cn,
				x509_reason("OpenSSL refuses"));
	return steal(&cert);
}
