/* SPDX-License-Identifier: Apache-2.0
 *
 * The beginning of etcd's write-ahead log: which member of which cluster wrote it. Same format from etcd 2 to 3.7.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct wal_ids {
	uint64_t cluster, member;
};

/*
 * Reads the IDs from the first segment (the "*.wal" file with the lowest sequence number) in the directory. 1 found;
 * 0 no segment, or no directory; -1 (ERR_FAIL) it cannot be read or is damaged.
 */
int wal_read_ids(const char *dir, struct wal_ids *ids, struct err *e) MUST_CHECK;

/* The same for the first bytes of a segment. name is for messages. 0, or -1. */
int wal_parse_ids(const char *name, const uint8_t *data, size_t len, struct wal_ids *ids, struct err *e) MUST_CHECK;

/*
 * The IDs that etcd computes for a new cluster (api/membership, NewMember and genID): a member's from its advertised
 * peer URL and the cluster token, the cluster's from those of all members. `member` is that of urls[self].
 */
struct wal_ids wal_static_ids(char *const *urls, size_t n, size_t self, const char *token);
