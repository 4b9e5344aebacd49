/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/x509_csr.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

void x509_bytes_put(const char *data, size_t len, struct buf *line)
{
	auto_free char *text = xcalloc(4 * ((len + 2) / 3) + 1, 1);

	(void)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)data, (int)len);
	buf_puts(line, text);
}

/* Appends what OpenSSL has encoded, and frees it. */
static void put_base64(int len, unsigned char **der, struct buf *out)
{
	must(len >= 0);
	x509_bytes_put((const char *)*der, (size_t)len, out);
	OPENSSL_free(*der);
}

/* The bytes, or NULL. EVP_DecodeBlock counts the padding as zeros, and would accept blanks. */
static unsigned char *get_base64(const char *line, long *len)
{
	size_t n = strlen(line), end = n;
	unsigned char *der;

	while (end > 0 && n - end < 2 && line[end - 1] == '=')
		end--;
	if (n == 0 || n % 4 != 0 ||
	    strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != end)
		return NULL;
	der = xcalloc(n / 4 * 3 + 1, 1);
	(void)EVP_DecodeBlock(der, (const unsigned char *)line, (int)n);
	*len = (long)(n / 4 * 3 - (n - end));
	return der;
}

int x509_bytes_get(const char *line, struct buf *out, struct err *e)
{
	long len = 0;
	auto_free unsigned char *bytes = get_base64(line, &len);

	if (!bytes)
		return err_set(e, ERR_VERIFY, "it is not base64");
	buf_add(out, (const char *)bytes, (size_t)len);
	return 0;
}

int x509_csr_put(x509_key *key, struct buf *out, struct err *e)
{
	X509_REQ *csr = X509_REQ_new();
	unsigned char *der = NULL;
	int rc = 0;

	/* No digest named: the key's own default (EVP_DigestSignInit(3)), SHA-256 but for Ed25519. */
	if (!csr || X509_REQ_set_version(csr, X509_REQ_VERSION_1) != 1 || X509_REQ_set_pubkey(csr, key) != 1 ||
	    X509_REQ_sign(csr, key, NULL) == 0)
		rc = err_set(e, ERR_FAIL, "cannot make a certificate request: %s", x509_reason("OpenSSL refuses"));
	else
		put_base64(i2d_X509_REQ(csr, &der), &der, out);
	X509_REQ_free(csr);
	return rc;
}

/* Takes a reference to the request's key. */
static x509_key *check_request(X509_REQ *csr, struct err *e)
{
	auto_key x509_key *key = X509_REQ_get_pubkey(csr);

	if (!key)
		return err_null(e, ERR_VERIFY, "its key cannot be read: %s", x509_reason("it is damaged"));
	/* First the kind of key: a signature by a very large one takes long to verify. */
	if (!x509_key_strong(key)) {
		auto_free char *kind = x509_key_describe(key);

		return err_null(e, ERR_VERIFY, "its key (%s) is too weak", kind);
	}
	if (X509_REQ_verify(csr, key) != 1)
		return err_null(e, ERR_VERIFY, "it is not signed by its own key: %s",
				x509_reason("the signature is wrong"));
	return steal(&key);
}

x509_key *x509_csr_get(const char *line, struct err *e)
{
	long len = 0;
	auto_free unsigned char *der = get_base64(line, &len);
	const unsigned char *at = der;
	X509_REQ *csr = der ? d2i_X509_REQ(NULL, &at, len) : NULL;
	x509_key *key = NULL;

	if (csr && at == der + len)
		key = check_request(csr, e);
	else
		(void)err_set(e, ERR_VERIFY, "it is not a certificate request: %s",
			      x509_reason("it is not base64, or something follows it"));
	X509_REQ_free(csr);
	return key;
}

void x509_cert_put(x509_cert *cert, struct buf *out)
{
	unsigned char *der = NULL;

	put_base64(i2d_X509(cert, &der), &der, out);
}

x509_cert *x509_cert_get(const char *line, struct err *e)
{
	long len = 0;
	auto_free unsigned char *der = get_base64(line, &len);
	const unsigned char *at = der;
	auto_cert x509_cert *cert = der ? d2i_X509(NULL, &at, len) : NULL;

	if (cert && at == der + len && X509_check_purpose(cert, -1, 0) == 1 && X509_get0_pubkey(cert))
		return steal(&cert);
	return err_null(e, ERR_VERIFY, "it is not a certificate: %s", x509_reason("it is not base64, or damaged"));
}

static bool add_extension(X509_EXTENSIONS **list, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *one = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool ok = one && X509v3_add_ext(list, one, -1);

	X509_EXTENSION_free(one);
	return ok;
}

static bool add_extensions(const struct x509_request *r, X509_REQ *csr)
{
	X509_EXTENSIONS *list = NULL;
	GENERAL_NAMES *names = r->sans ? x509_names(r->sans) : NULL;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, NULL, NULL, csr, NULL, 0);
	ok = add_extension(&list, &ctx, NID_basic_constraints, "critical,CA:FALSE") &&
	     add_extension(&list, &ctx, NID_key_usage, "critical,digitalSignature") &&
	     add_extension(&list, &ctx, NID_ext_key_usage, r->server ? "serverAuth,clientAuth" : "clientAuth") &&
	     (!names || X509V3_add1_i2d(&list, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1) &&
	     X509_REQ_add_extensions(csr, list) == 1;
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return ok;
}

int x509_csr_pem(const struct x509_request *r, x509_key *key, struct buf *out, struct err *e)
{
	X509_REQ *csr = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = 0;

	must(csr && bio);
	if (X509_REQ_set_version(csr, X509_REQ_VERSION_1) != 1 ||
	    X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(csr), NID_commonName, MBSTRING_UTF8,
				       (const unsigned char *)r->cn, -1, -1, 0) != 1 ||
	    X509_REQ_set_pubkey(csr, key) != 1 || !add_extensions(r, csr) ||
	    X509_REQ_sign(csr, key, x509_digest_for(key)) == 0 || PEM_write_bio_X509_REQ(bio, csr) != 1)
		rc = err_set(e, ERR_FAIL, "cannot make a certificate request for %s: %s", r->cn,
			     x509_reason("OpenSSL refuses"));
	x509_take_bio(bio, out);
	X509_REQ_free(csr);
	return rc;
}

/* What is signed of a request in PEM; empty for anything else. */
static void get_signed(const struct buf *pem, struct buf *out)
{
	BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	X509_REQ *csr = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
	unsigned char *der = NULL;
	int len = csr ? i2d_re_X509_REQ_tbs(csr, &der) : 0;

	if (len > 0)
		buf_add(out, der, (size_t)len);
	OPENSSL_free(der);
	X509_REQ_free(csr);
	BIO_free(bio);
	ERR_clear_error();
}

bool x509_csr_same(const struct buf *a, const struct buf *b)
{
	auto_buf struct buf one = { 0 }, other = { 0 };

	get_signed(a, &one);
	get_signed(b, &other);
	return one.len > 0 && one.len == other.len && memcmp(one.data, other.data, one.len) == 0;
}
