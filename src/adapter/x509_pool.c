/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/x509_pool.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

x509_cert *x509_pool_at(const struct buf *pem, size_t i)
{
	BIO *bio = BIO_new_mem_buf(buf_str(pem), (int)pem->len);
	x509_cert *cert;

	must(bio != NULL);
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) && i-- > 0)
		x509_cert_free_ptr(&cert);
	BIO_free(bio);
	if (cert && (X509_check_purpose(cert, -1, 0) != 1 || !X509_get0_pubkey(cert)))
		x509_cert_free_ptr(&cert);
	ERR_clear_error(); /* the end of the text is an error to OpenSSL */
	return cert;
}

bool x509_same(x509_cert *a, x509_cert *b)
{
	return X509_cmp(a, b) == 0;
}

bool x509_same_ca(x509_cert *a, x509_cert *b)
{
	return X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0 &&
	       EVP_PKEY_eq(X509_get0_pubkey(a), X509_get0_pubkey(b)) == 1;
}

/* The issuer is to be a CA: else whoever has a leaf could sign. */
static bool has_signed(x509_cert *cert, x509_cert *ca)
{
	return (X509_get_extension_flags(ca) & EXFLAG_CA) && (X509_get_key_usage(ca) & KU_KEY_CERT_SIGN) &&
	       x509_signed_by(cert, ca);
}

static x509_cert *find(const struct buf *pem, x509_cert *cert, bool (*wanted)(x509_cert *cert, x509_cert *one))
{
	x509_cert *one;

	for (size_t i = 0; (one = x509_pool_at(pem, i)); i++) {
		if (wanted(cert, one))
			return one;
		x509_cert_free_ptr(&one);
	}
	return NULL;
}

bool x509_pool_has(const struct buf *pem, x509_cert *cert)
{
	auto_cert x509_cert *one = find(pem, cert, x509_same);

	return one != NULL;
}

x509_cert *x509_pool_ca(const struct buf *pem, x509_cert *ca)
{
	return find(pem, ca, x509_same_ca);
}

x509_cert *x509_pool_issuer(const struct buf *pem, x509_cert *cert)
{
	return find(pem, cert, has_signed);
}

x509_cert *x509_pool_sent(const struct buf *pem)
{
	auto_cert x509_cert *leaf = x509_pool_at(pem, 0), *ca = leaf ? x509_pool_at(pem, 1) : NULL;

	return ca && has_signed(leaf, ca) ? steal(&ca) : NULL;
}

long x509_path_length(x509_cert *ca)
{
	return X509_get_pathlen(ca);
}
