/* SPDX-License-Identifier: Apache-2.0
 *
 * Detached signatures by a public key (OpenSSL), as `openssl pkeyutl -sign -rawin` and `openssl dgst -sha256 -sign`
 * make them.
 */
#pragma once

#include "base/buf.h"

/*
 * 1 when sig, as raw bytes or in base64, is over data by the public key in pem; 0 when it is not. Ed25519, or ECDSA or
 * RSA (from 2048 bits) over SHA-256. -1, ERR_CONFIG: pem holds no such key.
 */
int signature_check(const struct buf *pem, const struct buf *data, const struct buf *sig, struct err *e) MUST_CHECK;
