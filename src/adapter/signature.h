/* SPDX-License-Identifier: Apache-2.0
 *
 * Detached signatures by a public key (OpenSSL): what `openssl pkeyutl -sign -rawin` and `openssl dgst -sha256 -sign` make.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

/*
 * 1 when sig, as raw bytes or in base64, is over data by the public key in pem; 0 when it is not. Ed25519, or ECDSA or RSA (from 2048 bits)
 * over SHA-256. -1, ERR_CONFIG: pem holds no such key.
 */
int signature_check(const char *pem, size_t pem_len, const void *data, size_t len, const void *sig, size_t sig_len,
		    struct err *e) MUST_CHECK;
