/* SPDX-License-Identifier: Apache-2.0
 *
 * A certificate as a stranger sent it: it is parsed only when a CA that is known has signed these very bytes.
 */
#pragma once

#include <stdint.h>

#include "adapter/x509_key.h"

/* The bytes of a line of base64, len of them, at most max; 0: it is not such a line. */
size_t x509_raw_line(const char *line, uint8_t *out, size_t max);

/*
 * The certificate, when a certificate in ca_pem (PEM) has signed it itself, with SHA-256, 384 or 512, or Ed25519; dates
 * do not matter. Until that is known, only the lengths of its three outer parts are looked at. NULL: ERR_VERIFY. The
 * caller frees.
 */
x509_cert *x509_raw_cert(const uint8_t *der, size_t len, const struct buf *ca_pem, struct err *e) MUST_CHECK;

/* True when the key of the certificate has signed the text (x509_key_sign). */
bool x509_raw_signed(x509_cert *cert, const char *text, size_t len, const char *hex);
