/* SPDX-License-Identifier: Apache-2.0
 *
 * One file from one place, into a descriptor that is open already: https and http (libcurl), or a local file.
 * Nothing that the other side sends decides where bytes go or how many are taken.
 */
#pragma once

#include "adapter/digest.h"
#include "base/buf.h"
#include "base/progress.h"

#define FETCH_TAG 256 /* room for an ETag, with its end */

struct fetch {
	const char *url;      /* http://… or https://…, else the path of a file */
	int fd;		      /* open for reading and writing; what it holds is from an earlier try */
	const char *etag;     /* the ETag that came with what fd holds, to resume from there; NULL: start again */
	const char *proxy;    /* used when the environment names none (curl(1), ENVIRONMENT); or NULL */
	const struct buf *ca; /* PEM: the only authorities to trust; empty: the system's */
	unsigned long long max_bytes;
	bool gzip;			       /* stop at the first bytes when they are not gzip's */
	const struct progress_meter *progress; /* how it is to be shown; NULL: not at all */
};

/*
 * The class of `why`:
 *   ERR_NONE     the whole answer is in fd and hashed; the caller compares the digest
 *   ERR_PENDING  with ENOENT in why.sys: it has no such file (404, 410, ENOENT); else no connection, stalled, cut, 5xx,
 *                …: another try may end better, from where fd stands
 *   ERR_VERIFY   not to be trusted: TLS, a redirect away from https, too large, not gzip
 *   else         this machine's own fault, as a full disk
 */
struct fetch_result {
	struct err why;
	char etag[FETCH_TAG];	    /* strong ETag of what fd holds, else "" */
	uint8_t digest[DIGEST_LEN]; /* of all of fd; only with ERR_NONE */
	unsigned long long bytes;   /* in fd now */
};

bool fetch_is_url(const char *text);

/*
 * Fetches, and always fills result. The messages do not name the URL. At most five redirects are followed, and only to
 * https. Owner and mode of a local file do not matter: the digest proves the copy.
 */
void fetch(const struct fetch *f, struct fetch_result *result);
