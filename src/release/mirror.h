/* SPDX-License-Identifier: Apache-2.0
 *
 * The bases of RELEASE_URL: where on each a file should be, and fetching it from there. https, file: and directories;
 * plain http too, for mirrors inside a site, because a digest proves every byte.
 */
#pragma once

#include "adapter/fetch.h"
#include "config/machine.h"
#include "config/version.h"

/* What every fetch of one run has in common. */
struct mirror {
	struct buf ca; /* RELEASE_CA_FILE, read before the privileges are dropped */
	char *proxy;   /* apt's, or NULL */
};

#define auto_mirror cleanup(mirror_free)

int mirror_open(const struct machine *m, struct mirror *x, struct err *e) MUST_CHECK;
void mirror_free(struct mirror *x);

/*
 * The places to try for `file` of release v, in order: base/vX.Y.Z/file, and for a directory also base/file. Each is a
 * URL or an absolute path (below the root). NULL when RELEASE_URL is none. The caller frees.
 */
char **mirror_places(const struct machine *m, struct version v, const char *file);

/*
 * As fetch(), with the mirror's ca and proxy; from a URL in a child process without privileges. What that child
 * computed proves nothing: the caller hashes again what it goes on to use.
 */
void mirror_fetch(const struct mirror *x, struct fetch f, struct fetch_result *result);

/* A whole small file into memory, at most max bytes. 1 there, 0 not there, -1 failure (classes as fetch()). */
int mirror_read(const struct mirror *x, const char *place, size_t max, struct buf *out, struct err *e) MUST_CHECK;
