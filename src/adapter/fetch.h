/* SPDX-License-Identifier: Apache-2.0
 *
 * One file from one place, into a descriptor that is open already: https and http (libcurl), or a local file.
 * Nothing that the other side says decides where bytes go or how many are taken.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "adapter/digest.h"
#include "base/err.h"

#define FETCH_TAG 256 /* room for an ETag, with its end */

struct fetch {
	const char *url;   /* http://… or https://…; for fetch_local the path of a file */
	int fd;		   /* open for reading and writing; what it holds is from an earlier try */
	const char *etag;  /* the ETag that came with what fd holds: go on from there; NULL: start afresh */
	const char *proxy; /* used when the environment names none (curl(1), ENVIRONMENT); or NULL */
	const void *ca;	   /* PEM: the only authorities to trust; NULL: the system's */
	size_t ca_len;
	unsigned long long max_bytes;
	unsigned int connect_seconds; /* to name resolution, connection and TLS done */
	unsigned int stall_seconds;   /* this long below FETCH_SLOW: given up */
	unsigned int total_seconds;
	bool want_gzip; /* give up at the first bytes when they are not gzip's */
	void (*progress)(unsigned long long done, unsigned long long total); /* total 0: not known; or NULL */
};

#define FETCH_SLOW 1000 /* bytes a second */

enum fetch_outcome {
	FETCH_DONE,    /* the whole answer is in fd and hashed; whether it is what was wanted is the caller's to say */
	FETCH_MISSING, /* it has no such file (404, 410, ENOENT) */
	FETCH_BROKEN,  /* no connection, stalled, cut, 5xx, …: another try may end better, from where fd stands */
	FETCH_REFUSED, /* it was reached and not to be trusted: TLS, a redirect away from https, too large, not gzip */
	FETCH_LOCAL,   /* this machine's own fault, as a full disk; e has its class */
};

struct fetch_result {
	enum fetch_outcome outcome;
	char etag[FETCH_TAG];	    /* strong ETag of what fd holds, else "" */
	uint8_t digest[DIGEST_LEN]; /* of all of fd; only with FETCH_DONE */
	unsigned long long bytes;   /* in fd now */
};

/*
 * Fetches. Always fills result; e says why unless FETCH_DONE, and is then of class ERR_PENDING (MISSING, BROKEN), ERR_VERIFY (REFUSED)
 * or what fits (LOCAL). The messages name the host's side of the story, not the URL. Redirects, five at most, lead to https only.
 */
void fetch(const struct fetch *f, struct fetch_result *result, struct err *e);

/* The same from a file of this machine; owner and mode do not matter, because the caller checks the digest of the copy. */
void fetch_local(const struct fetch *f, struct fetch_result *result, struct err *e);
