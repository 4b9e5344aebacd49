/* SPDX-License-Identifier: Apache-2.0
 *
 * The issuing half of adapter/x509.h: RFC 5280 certificates that pass `openssl verify -x509_strict` and Go.
 */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "adapter/x509.h"
#include "base/mem.h"
#include "base/text.h"

#define SERIAL_BITS 128 /* RFC 5280, 4.1.2.2: positive, at most 20 octets */

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

static GENERAL_NAME *san_of(const char *text)
{
	size_t len = strlen(text);
	auto_free char *name = xstrndup(text, len > 0 && text[len - 1] == '.' ? len - 1 : len);
	GENERAL_NAME *san = GENERAL_NAME_new();
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(text);
	ASN1_IA5STRING *dns = ASN1_IA5STRING_new();

	text_lower(name);
	if (!san || !dns || ASN1_STRING_set(dns, name, -1) != 1)
		abort();
	if (ip) {
		GENERAL_NAME_set0_value(san, GEN_IPADD, ip);
		ASN1_IA5STRING_free(dns);
	} else {
		GENERAL_NAME_set0_value(san, GEN_DNS, dns);
	}
	return san;
}

/* Without OpenSSL's configuration language, in which a comma would end a name. */
static int add_sans(x509_cert *cert, char *const *sans)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	int ok;

	if (!names)
		abort();
	for (; *sans; sans++)
		(void)sk_GENERAL_NAME_push(names, san_of(*sans));
	ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
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
static const EVP_MD *digest_for(x509_key *key)
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
	    !add_extensions(r, cert, ca) || X509_sign(cert, signer, digest_for(signer)) == 0) {
		(void)err_set(e, ERR_FAIL, "cannot issue a certificate for %s: %s", r->cn,
			      x509_reason("OpenSSL refuses"));
		return NULL;
	}
	return steal(&cert);
}
