/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys by OpenSSL. They live in memory that is wiped when it is released, and in no message.
 */
#pragma once

#include "adapter/x509.h"

#define auto_key cleanup(x509_key_free_ptr)
void x509_key_free_ptr(x509_key **key);

/* "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-4096", "ed25519". */
const char *x509_key_type_name(enum x509_key_type type);
/* False when there is no such type. */
bool x509_key_type_parse(const char *name, enum x509_key_type *type);

/* A new key. The caller frees. */
x509_key *x509_key_new(enum x509_key_type type, struct err *e) MUST_CHECK;

/*
 * The private key in a PEM text: PKCS#8, PKCS#1 or SEC1; encrypted PKCS#8 with this passphrase (NULL: refused).
 * NULL: garbage, a wrong passphrase (ERR_VERIFY). The caller frees.
 */
x509_key *x509_key_parse(const struct buf *pem, const char *passphrase, const char *where, struct err *e) MUST_CHECK;
x509_key *x509_key_read(const char *path, struct err *e) MUST_CHECK;

/* Appends the key as PKCS#8 PEM. */
void x509_key_pem(x509_key *key, struct buf *out);

/* The same, encrypted with AES-256 under a scrypt (N 16384, r 8, p 1: 16 MiB, RFC 7914) of the passphrase. */
int x509_key_pem_encrypted(x509_key *key, const char *passphrase, struct buf *out, struct err *e) MUST_CHECK;

/* Appends a signature by the key over the text, in hex; and whether it is one. */
int x509_key_sign(x509_key *key, const char *text, size_t len, struct buf *hex, struct err *e) MUST_CHECK;
bool x509_key_signed(x509_key *key, const char *text, size_t len, const char *hex);

/* True when it is exactly of this type. */
bool x509_key_is(x509_key *key, enum x509_key_type type);

/* "RSA 1024", "EC secp521r1", "ED25519". The caller frees. */
char *x509_key_describe(x509_key *key);

/* RSA of 2048 bits or more, a NIST curve of 256 bits or more, Ed25519: what etcd's TLS can use and is not broken. */
bool x509_key_strong(x509_key *key);

/* True when the certificate is about this key. */
bool x509_key_matches(x509_key *key, x509_cert *cert);
