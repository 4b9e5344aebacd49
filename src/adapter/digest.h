/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (OpenSSL, which uses the processor's own instructions for it).
 */
#pragma once

#include <stdint.h>

#include "base/mem.h"

#define DIGEST_LEN 32
#define DIGEST_HEX (2 * DIGEST_LEN + 1) /* as text, with its end */

/* A hash that is being fed. */
typedef struct evp_md_ctx_st digest_ctx;

#define auto_digest cleanup(digest_free)

/* An empty one; the caller frees it. Never NULL. */
digest_ctx *digest_new(void);
void digest_free(digest_ctx **d);

void digest_add(digest_ctx *d, const void *data, size_t len);

/* The hash of all that was added; d is empty again. */
void digest_end(digest_ctx *d, uint8_t out[DIGEST_LEN]);

/* HMAC-SHA256 (RFC 2104) of the data; and whether two of them, in hex, are the same, in a time that does not tell. */
void digest_mac(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[DIGEST_LEN]);
bool digest_equal(const char a[DIGEST_HEX], const char *b);

/* Adds `len` bytes of the file from `at` on, wherever its offset stands; fewer are an error. `name` is for messages. */
int digest_add_file(digest_ctx *d, int fd, unsigned long long at, unsigned long long len, const char *name,
		    struct err *e) MUST_CHECK;

/*
 * One line of sha256sum(1), without its end: 1 and *name, which the caller frees; 0 for an empty line or a comment (#);
 * -1 for anything else.
 */
int digest_line(const char *line, size_t len, uint8_t sha256[DIGEST_LEN], char **name);

/* The hash of a whole regular file. */
int digest_file(int fd, const char *name, uint8_t out[DIGEST_LEN], struct err *e) MUST_CHECK;
