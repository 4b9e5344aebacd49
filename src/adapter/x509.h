/* SPDX-License-Identifier: Apache-2.0
 *
 * X.509 certificates by OpenSSL: read, describe, check, issue. flow/certify.h knows which certificates there are.
 */
#pragma once

#include <time.h>

#include "base/buf.h"

/* Order and names: x509_key_type_name(). */
enum x509_key_type { X509_ECDSA_P256, X509_ECDSA_P384, X509_RSA_2048, X509_RSA_4096, X509_ED25519 };

/* OpenSSL's own EVP_PKEY, X509 and BIO, so that no caller needs its headers. */
typedef struct evp_pkey_st x509_key;
typedef struct x509_st x509_cert;
struct asn1_string_st;
struct bio_st;
struct evp_md_st;

#define auto_cert cleanup(x509_cert_free_ptr)
void x509_cert_free_ptr(x509_cert **cert);

/* The first certificate of a PEM text. `where` names it in messages. NULL: garbage (ERR_VERIFY). The caller frees. */
x509_cert *x509_cert_parse(const struct buf *pem, const char *where, struct err *e) MUST_CHECK;
x509_cert *x509_cert_read(const char *path, struct err *e) MUST_CHECK;

/* Appends the certificate as PEM. */
void x509_cert_pem(x509_cert *cert, struct buf *out);

/* What is in a certificate, as text that is safe to print. */
struct x509_info {
	char *subject, *issuer; /* RFC 2253, "CN=n1" */
	char *cn;		/* "" when there is none */
	char *serial;		/* lower-case hex */
	time_t not_before, not_after;
	/* strv, sorted, each once: DNS names in lower case, addresses as inet_ntop(3) writes them; NULL: none */
	char **sans;
	bool ca;	     /* may sign certificates: CA:TRUE, and keyCertSign when there is a key usage */
	bool server, client; /* extended key usage, which must be there to count */
};
void x509_describe(x509_cert *cert, struct x509_info *info);
void x509_info_free(struct x509_info *info);

/*
 * SHA-256, lower-case hex, of the certificate, of its public key (SubjectPublicKeyInfo) and of the public half of a
 * key: the last two are equal for the certificate of the key. The caller frees.
 */
char *x509_fingerprint(x509_cert *cert);
char *x509_spki_fingerprint(x509_cert *cert);
char *x509_key_fingerprint(x509_key *key);

/* A SAN as struct x509_info has it once it is in a certificate, where a name has no final dot. The caller frees. */
char *x509_san(const char *name_or_address);

/* True when a client that dials this DNS name or address accepts the certificate (RFC 6125: a wildcard counts). */
bool x509_covers(x509_cert *cert, const char *name_or_address);

/* True when the owner of ca's key issued cert: names fit and the signature verifies. Dates do not matter. */
bool x509_signed_by(x509_cert *cert, x509_cert *ca);

/*
 * Verifies cert up to one of the certificates in ca_pem at time `at`, over those in chain_pem (the file of cert: TLS
 * sends all of it), for use as a client and, if so, as a server. ERR_VERIFY with OpenSSL's reason otherwise.
 */
int x509_verify(x509_cert *cert, const struct buf *chain_pem, const struct buf *ca_pem, bool server, time_t at,
		struct err *e) MUST_CHECK;

/* What to put into a new certificate. */
struct x509_request {
	const char *cn;	   /* at most 64 bytes (RFC 5280, ub-common-name) */
	char *const *sans; /* strv: addresses become IP SANs, all else DNS SANs (x509_san); NULL: none */
	bool ca;	   /* a CA that signs leaves only (pathlen 0); else a leaf */
	bool server, client;
	time_t not_before, not_after;
};

/*
 * Signs a certificate for the public half of `key` with a new random 128-bit serial. ca and ca_key NULL: self-signed.
 * The caller frees.
 */
x509_cert *x509_issue(const struct x509_request *r, x509_key *key, x509_cert *ca, x509_key *ca_key,
		      struct err *e) MUST_CHECK;

/* For this module: the oldest message in OpenSSL's error queue, or the fallback; empties the queue. */
const char *x509_reason(const char *fallback);

/* Likewise: a serial as struct x509_info has it (the caller frees), and the digest that a key signs with. */
char *x509_serial_text(const struct asn1_string_st *serial);
const struct evp_md_st *x509_digest_for(x509_key *key);

/* Likewise: all certificates of a PEM text, and SANs (strv, as in struct x509_request). The caller frees. */
struct stack_st_X509 *x509_certs(const struct buf *pem);
struct stack_st_GENERAL_NAME *x509_names(char *const *sans);

/* Likewise: appends what a memory BIO holds, and frees it, which wipes it (BUF_MEM_free(3)). */
void x509_take_bio(struct bio_st *bio, struct buf *out);
