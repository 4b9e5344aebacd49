/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a snapshot of etcd: the SHA-256 of all bytes before it. It shows damage, and is no proof of origin.
 */
#pragma once

#include "adapter/digest.h"

struct trailer {
	digest_ctx *digest;	  /* of all but the tail */
	uint8_t tail[DIGEST_LEN]; /* the last bytes */
	size_t tail_len;
	unsigned long long size; /* of all bytes that were added */
};

/* The caller frees. */
void trailer_init(struct trailer *t);
void trailer_free(struct trailer *t);

/* The next bytes, in pieces of any length. */
void trailer_add(struct trailer *t, const void *data, size_t len);

/* All was added. ERR_VERIFY unless it is a whole snapshot: "it …". */
int trailer_end(struct trailer *t, struct err *e) MUST_CHECK;
