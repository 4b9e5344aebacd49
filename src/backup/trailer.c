/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/trailer.h"

#include <string.h>

/* A database file of etcd (bbolt) has whole pages, which are multiples of this. */
#define PAGE 512

void trailer_init(struct trailer *t)
{
	*t = (struct trailer){ .digest = digest_new() };
}

void trailer_free(struct trailer *t)
{
	digest_free(&t->digest);
}

void trailer_add(struct trailer *t, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	size_t keep = len < DIGEST_LEN ? len : DIGEST_LEN, leave;

	t->size += len;
	/* What leaves the tail, then all of the new bytes that do not become it. */
	leave = t->tail_len + keep > DIGEST_LEN ? t->tail_len + keep - DIGEST_LEN : 0;
	digest_add(t->digest, t->tail, leave);
	memmove(t->tail, t->tail + leave, t->tail_len - leave);
	t->tail_len -= leave;
	digest_add(t->digest, bytes, len - keep);
	memcpy(t->tail + t->tail_len, bytes + len - keep, keep);
	t->tail_len += keep;
}

int trailer_end(struct trailer *t, struct err *e)
{
	uint8_t sha256[DIGEST_LEN];

	digest_end(t->digest, sha256);
	if (t->size > 0 && t->size % PAGE == 0)
		return err_set(e, ERR_VERIFY,
			       "it has no SHA-256 at its end: it is cut short, or a copy of a database file and not a "
			       "snapshot");
	if (t->size % PAGE != DIGEST_LEN || t->size == DIGEST_LEN)
		return err_set(e, ERR_VERIFY, "it is cut short, or is not a snapshot of etcd (%llu bytes)", t->size);
	if (memcmp(sha256, t->tail, DIGEST_LEN) != 0)
		return err_set(e, ERR_VERIFY, "it is damaged: its SHA-256 is not the one at its end");
	return 0;
}
