/* SPDX-License-Identifier: Apache-2.0
 *
 * What channel and handshake share: TLS by OpenSSL over a connected descriptor that does not block.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/err.h"

/*
 * Trusts the certificates of the file ca, whatever their dates, and shows a pair; each NULL: none. NULL: ERR_FAIL, a
 * file cannot be loaded. Freed by SSL_CTX_free.
 */
SSL_CTX *tls_context(const SSL_METHOD *method, const char *ca, const char *cert, const char *key, struct err *e);

/* Never NULL. Takes ctx over. Freed by SSL_free; the descriptor stays the caller's. */
SSL *tls_over(SSL_CTX *ctx, int fd);

/*
 * After an OpenSSL call on tls that returned rc, not success: waits until the deadline (clock_ms) for what it needs.
 * 1: try again. 0: the deadline has passed. -1: the call failed; OpenSSL's error queue has the reason.
 */
int tls_again(SSL *tls, int rc, long long deadline);
