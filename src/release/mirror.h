/* SPDX-License-Identifier: Apache-2.0
 *
 * The bases of RELEASE_URL: where on each a file should be, and fetching it from there. https, file: and directories;
 * plain http too, for mirrors inside a site, because nothing is believed that a digest does not prove.
 */
#pragma once

#include "adapter/fetch.h"
#include "config/machine.h"
#include "config/version.h"

/* What every fetch of one run has in common. */
struct mirror {
	struct buf ca; /* RELEASE_CA_FILE, read while we may */
	char *proxy;   /* apt's, or NULL */
};

#define auto_mirror cleanup(mirror_free)

int mirror_open(const struct machine *m, struct mirror *x, struct err *e) MUST_CHECK;
void mirror_free(struct mirror *x);

/*
 * The places to try for `file` of release v, in order: base/vX.Y.Z/file, and for a directory also base/file. Each is an
 * URL or an absolute path (below the root). NULL when RELEASE_URL is none. The caller frees.
 */
char **mirror_places(const struct machine *m, struct version v, const char *file);

/* What a fetch from a place may take. */
struct mirror_want {
	int fd; /* as in struct fetch, likewise the next */
	const char *etag;
	unsigned long long max_bytes;
	bool tarball; /* it is gzip, and large enough to show progress */
};

/*
 * Fetches from one place; a network place in a child process without privileges. The contract is that of fetch(), but
 * nothing that was computed in that child is proof: the caller hashes again what it goes on to use.
 */
void mirror_fetch(const struct mirror *x, const char *place, const struct mirror_want *want,
		  struct fetch_result *result, struct err *e);

/* A whole small file into memory, at most max bytes. 1 there, 0 not there, -1 failure (classes as fetch()). */
int mirror_read(const struct mirror *x, const char *place, size_t max, struct buf *out, struct err *e) MUST_CHECK;
