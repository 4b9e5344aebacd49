/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates and requests for them (PKCS#10, RFC 2986) as one line of base64, the form in which they travel between
 * our own programs; and requests for the CA of somebody else.
 */
#pragma once

#include "adapter/x509_key.h"

/* Appends a request for this key, signed by it. It has no name: the enrolment message has. */
int x509_csr_put(x509_key *key, struct buf *out, struct err *e) MUST_CHECK;

/*
 * The public key of such a line, and nothing else of it. NULL, ERR_VERIFY: it is not exactly one request, the key is
 * weak (x509_key_strong), or its maker does not have the private key. The caller frees.
 */
x509_key *x509_csr_get(const char *line, struct err *e) MUST_CHECK;

void x509_cert_put(x509_cert *cert, struct buf *out);
/* NULL, ERR_VERIFY: it is not a certificate. The caller frees. */
x509_cert *x509_cert_get(const char *line, struct err *e) MUST_CHECK;

/*
 * Appends a request in PEM that names all that the certificate is to contain (r; its dates do not count). ERR_FAIL: a
 * CN that is too long.
 */
int x509_csr_pem(const struct x509_request *r, x509_key *key, struct buf *out, struct err *e) MUST_CHECK;

/* True when both ask for the same: the signatures of two requests for one key differ. */
bool x509_csr_same(const struct buf *a, const struct buf *b);

/* Any bytes in that form; appended by both. get: ERR_VERIFY. */
void x509_bytes_put(const char *data, size_t len, struct buf *line);
int x509_bytes_get(const char *line, struct buf *out, struct err *e) MUST_CHECK;
