/* SPDX-License-Identifier: Apache-2.0
 *
 * Which SHA-256 a release's tarball must have. Four levels, and the first that has the file decides: the table that
 * this package pins, the administrator's tables, those of packages that bring a release, a signed SHA256SUMS.
 */
#pragma once

#include "adapter/digest.h"
#include "config/machine.h"
#include "config/version.h"

/* A table larger than this is refused; upstream's SHA256SUMS has 2 KiB, ours 15. */
#define DIGESTS_MAX_BYTES (1024UL * 1024UL)

struct digests_entry {
	uint8_t sha256[DIGEST_LEN];
	char *source; /* "PATH:LINE", or "PATH:LINE, signed by PATH" */
};

void digests_entry_free(struct digests_entry *d);

/*
 * The entry for a file name in a table of the form of sha256sum(1): "<64 hex digits><space><space or *><name>" lines,
 * empty lines and lines that begin with #. An entry that d has already (zeroed: none) stays, and must agree. 1 found, 0
 * not there, -1 with d zeroed: any other line, and different digests for the name, are ERR_VERIFY with "where:line: ".
 */
int digests_find(const struct buf *table, const char *where, const char *file, struct digests_entry *d,
		 struct err *e) MUST_CHECK;

/*
 * The same in the pinned table, then in the administrator's, then in those of layout.bundle (*.sha256), which only
 * root may be able to change. The tables of one level must agree with each other. The caller frees d, also after -1.
 */
int digests_lookup(const struct layout *at, const char *file, struct digests_entry *d, struct err *e) MUST_CHECK;

/* True when the administrator has put a public key into layout.release_keys. */
bool digests_have_keys(const struct layout *at);

/*
 * Refuses (ERR_VERIFY) sums unless sig is a signature of it by one of those keys; *key becomes the path of that key,
 * which the caller frees.
 */
int digests_check_signature(const struct layout *at, const struct buf *sums, const struct buf *sig, char **key,
			    struct err *e) MUST_CHECK;

/*
 * The newest version of the pinned table that has a tarball for this architecture and is not known to be bad; 0.0.0:
 * none.
 */
int digests_newest(const struct layout *at, struct version *v, struct err *e) MUST_CHECK;

/*
 * The last level: SHA256SUMS with SHA256SUMS.sig beside it, from the cache or a mirror, signed by a key that
 * the administrator has put on this machine. Upstream signs nothing today; a site that rebuilds or vets releases does.
 * 1 found, 0 there is none, -1: ERR_VERIFY when what there is cannot be trusted, ERR_PENDING when only the network is
 * missing. Good ones are kept in the cache. The caller frees d.
 */
int sums_lookup(const struct machine *m, struct version v, const char *file, bool network, struct digests_entry *d,
		struct err *e) MUST_CHECK;
