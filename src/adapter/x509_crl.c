/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/x509_crl.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/mem.h"

#define auto_list cleanup(list_free)

static void list_free(X509_CRL **list)
{
	X509_CRL_free(*list);
}

static bool set_times(X509_CRL *list, const struct x509_crl *crl)
{
	ASN1_TIME *made = ASN1_TIME_set(NULL, crl->made), *until = ASN1_TIME_set(NULL, crl->until);
	bool ok = made && until && X509_CRL_set1_lastUpdate(list, made) == 1 &&
		  X509_CRL_set1_nextUpdate(list, until) == 1;

	ASN1_TIME_free(made);
	ASN1_TIME_free(until);
	return ok;
}

static bool add_serial(X509_CRL *list, const char *hex, time_t when)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *at = ASN1_TIME_set(NULL, when);
	ASN1_INTEGER *serial = NULL;
	BIGNUM *n = NULL;
	bool ok = entry && at && BN_hex2bn(&n, hex) == (int)strlen(hex) && (serial = BN_to_ASN1_INTEGER(n, NULL)) &&
		  X509_REVOKED_set_serialNumber(entry, serial) == 1 && X509_REVOKED_set_revocationDate(entry, at) == 1;

	ok = ok && X509_CRL_add0_revoked(list, entry) == 1;
	if (!ok)
		X509_REVOKED_free(entry);
	BN_free(n);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(at);
	return ok;
}

/* What RFC 5280 wants of every list: a number that grows, and whose key signed it. */
static bool add_extensions(X509_CRL *list, x509_cert *issuer, int64_t n)
{
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	X509_EXTENSION *signer = NULL;
	X509V3_CTX ctx;
	bool ok = number && ASN1_INTEGER_set_int64(number, n) == 1 &&
		  X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, X509V3_ADD_DEFAULT) == 1;

	X509V3_set_ctx(&ctx, issuer, NULL, NULL, list, 0);
	signer = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid,issuer");
	ok = ok && signer && X509_CRL_add_ext(list, signer, -1) == 1;
	X509_EXTENSION_free(signer);
	ASN1_INTEGER_free(number);
	return ok;
}

int x509_crl_make(const struct x509_crl *crl, x509_cert *issuer, x509_key *key, struct buf *der, struct err *e)
{
	auto_list X509_CRL *list = X509_CRL_new();
	unsigned char *bytes = NULL;
	int len;
	bool ok = list && X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
		  X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)) == 1 && set_times(list, crl);

	for (char *const *serial = crl->serials; ok && serial && *serial; serial++)
		ok = add_serial(list, *serial, crl->made);
	ok = ok && add_extensions(list, issuer, crl->number) && X509_CRL_sort(list) == 1 &&
	     X509_CRL_sign(list, key, x509_digest_for(key)) > 0;
	len = ok ? i2d_X509_CRL(list, &bytes) : -1;
	if (len < 0)
		return err_set(e, ERR_FAIL, "cannot make a revocation list: %s", x509_reason("OpenSSL refuses"));
	buf_add(der, bytes, (size_t)len);
	OPENSSL_free(bytes);
	return 0;
}

/* NULL: it is something else, or has something behind it. */
static X509_CRL *parse(const struct buf *der)
{
	const unsigned char *at = (const unsigned char *)buf_str(der), *end = at + der->len;
	auto_list X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)der->len);

	ERR_clear_error();
	return list && at == end ? steal(&list) : NULL;
}

int x509_crl_parse(const struct buf *der, const char *where, char ***serials, struct err *e)
{
	auto_list X509_CRL *list = parse(der);
	STACK_OF(X509_REVOKED) * entries;

	*serials = NULL;
	if (!list)
		return err_set(e, ERR_VERIFY, "%s is not a revocation list in DER form", where);
	entries = X509_CRL_get_REVOKED(list);
	for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
		const X509_REVOKED *one = sk_X509_REVOKED_value(entries, i);
		auto_free char *serial = x509_serial_text(X509_REVOKED_get0_serialNumber(one));

		strv_add(serials, serial);
	}
	strv_sort(*serials);
	return 0;
}

int64_t x509_crl_number(const struct buf *der)
{
	auto_list X509_CRL *list = parse(der);
	ASN1_INTEGER *number = list ? X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL) : NULL;
	int64_t n = 0;

	if (!number || ASN1_INTEGER_get_int64(&n, number) != 1 || n < 0)
		n = 0;
	ASN1_INTEGER_free(number);
	ERR_clear_error();
	return n;
}

bool x509_crl_signed_by(const struct buf *der, x509_cert *ca)
{
	auto_list X509_CRL *list = parse(der);
	bool good = list && X509_CRL_verify(list, X509_get0_pubkey(ca)) == 1;

	ERR_clear_error();
	return good;
}

bool x509_crl_signed_in(const struct buf *der, const struct buf *pem)
{
	STACK_OF(X509) *all = x509_certs(pem);
	bool found = false;

	for (int i = 0; i < sk_X509_num(all) && !found; i++)
		found = x509_crl_signed_by(der, sk_X509_value(all, i));
	sk_X509_pop_free(all, X509_free);
	return found;
}
