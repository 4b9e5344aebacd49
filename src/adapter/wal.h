/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd's write-ahead log: which member of which cluster wrote it, where it ends, and how it becomes that of another
 * cluster. Same format from etcd 2 to 3.7.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct wal_ids {
	uint64_t cluster, member;
};

/*
 * Reads the IDs from the first segment (the "*.wal" file with the lowest sequence number) in the directory, in a child
 * without privileges. 1 found; 0 no segment, or no directory; -1 (ERR_FAIL) it cannot be read or is damaged.
 */
int wal_read_ids(const char *dir, struct wal_ids *ids, struct err *e) MUST_CHECK;

/* The same for the first bytes of a segment. name is for messages. 0, or -1. */
int wal_parse_ids(const char *name, const uint8_t *data, size_t len, struct wal_ids *ids, struct err *e) MUST_CHECK;

/*
 * The IDs that etcd computes for a new cluster (api/membership, NewMember and genID): a member's from its advertised
 * peer URL and the cluster token, the cluster's from those of all members. `member` is that of urls[self].
 */
struct wal_ids wal_static_ids(char *const *urls, size_t n, size_t self, const char *token);

/* The last entry, of all that were written: a newer one is one with a higher term, then with a higher index. */
struct wal_end {
	uint64_t term, index;
	uint64_t commit; /* the last index that this member knew to be committed when it stored its state */
};

/*
 * In a child without privileges; etcd may run. ERR_FAIL: no log, or a damaged one. wal_read_end reads and checks all
 * segments. wal_read_tail reads only those at the end, of a log of gigabytes, too; commit is 0 if it is not in them.
 */
int wal_read_end(const char *dir, struct wal_end *end, struct err *e) MUST_CHECK;
int wal_read_tail(const char *dir, struct wal_end *end, struct err *e) MUST_CHECK;

/*
 * Rewrites the log, in such a child: it becomes that of the cluster with this ID, and all its entries are committed
 * (etcd --force-new-cluster drops those that are not, acknowledged ones among them). For a copy that nobody uses: a
 * crash leaves it unusable, and nothing is synced. end: as it was before.
 */
int wal_adopt(const char *dir, uint64_t cluster, struct wal_end *end, struct err *e) MUST_CHECK;
