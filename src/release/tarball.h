/* SPDX-License-Identifier: Apache-2.0
 *
 * The tarball of a release: found in the cache or fetched into it, and verified.
 */
#pragma once

#include "release/digests.h"
#include "release/name.h"
#include "release/record.h"

struct tarball {
	char *file; /* "etcd-v3.6.14-linux-amd64.tar.gz" */
	char *path; /* in the cache, or where a package put it */
	int fd;	    /* open at its start, and hashed: unpack this, never the path; -1 */
	struct digests_entry digest;
	char *source; /* the URL or path that tarball_get has it from */
};

#define auto_tarball cleanup(tarball_free)

void tarball_free(struct tarball *t);

enum tarball_from {
	TARBALL_CACHE, /* no network: the cache, or a local release of a package */
	TARBALL_ANY,   /* then the mirrors, except those that had wrong bytes less than six hours ago */
	TARBALL_AGAIN, /* then all mirrors: a person asks */
};

/*
 * Finds the digest, then the tarball, and fills t with it open and verified. ERR_PENDING when only the network, or with
 * RELEASE_URL=none the file in the cache, is missing, ERR_VERIFY when no digest is known or nothing has it. With
 * dry_run nothing is fetched, and t->fd may be -1. The caller frees t, also after a failure.
 */
int tarball_get(const struct machine *m, struct version v, enum tarball_from from, struct tarball *t,
		struct err *e) MUST_CHECK;

/* The same for the file at path, which must have the name of a release; no tarball is fetched. */
int tarball_check(const struct machine *m, const char *path, struct tarball *t, struct err *e) MUST_CHECK;

/*
 * Writes etcd, etcdctl and (required from 3.5 on) etcdutl into dir, which must be empty, mode 0755 and ours, by a child
 * process that has nothing but the descriptors; and fills size, date and digest of each in binaries. Not synced yet.
 * After a failure the caller removes dir (unpack.c).
 */
int tarball_unpack(const struct tarball *t, struct version v, const char *dir,
		   struct release_binary binaries[RELEASE_BINARIES], struct err *e) MUST_CHECK;

/*
 * download.c: from the first mirror that has the right bytes into the cache, as t->path; t->source becomes the place.
 * Beside the file FILE there can be FILE.part (what a broken transfer left), FILE.etag (what it is resumed with) and
 * FILE.bad (which places had wrong bytes, and when). A mirror that had wrong bytes is asked for it again only after six
 * hours, or with `again`. ERR_PENDING when a mirror could not be reached or does not have it, ERR_VERIFY when all that
 * came is wrong; the message has a clause for each. ERR_CONFIG: no room.
 */
int download(const struct machine *m, struct version v, bool again, struct tarball *t, struct err *e) MUST_CHECK;
