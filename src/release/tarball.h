/* SPDX-License-Identifier: Apache-2.0
 *
 * The tarball of a release in the cache: its name, its proof, and getting it there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "adapter/digest.h"
#include "config/machine.h"
#include "config/version.h"
#include "release/name.h"

struct tarball {
	char *file; /* "etcd-v3.6.14-linux-amd64.tar.gz" */
	char *top;  /* the directory in it: file without ".tar.gz" */
	char *path; /* in the cache, or where a package put it */
	int fd;	    /* open for reading, at its start, and hashed to its end: unpack this, never the path; -1 */
	uint8_t sha256[DIGEST_LEN];
	char *trust;  /* who says that this is the right digest: "PATH:LINE", with ", signed by PATH" */
	char *source; /* the URL or path that it came from */
};

#define auto_tarball cleanup(tarball_free)

void tarball_free(struct tarball *t);

enum tarball_from {
	TARBALL_CACHE, /* no network: the cache, or a local release of a package */
	TARBALL_ANY,   /* then the mirrors, except those that had wrong bytes less than six hours ago */
	TARBALL_AGAIN, /* the mirrors, whatever they had: a person asks */
};

/*
 * Finds out the digest, then the tarball, and fills t with it open and verified. ERR_PENDING when only the network, or
 * with RELEASE_URL=none the file in the cache, is missing, ERR_VERIFY when no digest is known or nothing fits it. With
 * dry_run nothing is fetched: t->fd may be -1. The caller frees t, also after a failure.
 */
int tarball_get(const struct machine *m, struct version v, enum tarball_from from, struct tarball *t,
		struct err *e) MUST_CHECK;

/*
 * Checks any file that has the name of a release against the digest that release must have; as tarball_get without the
 * mirrors' copies.
 */
int tarball_check(const struct machine *m, const char *path, struct tarball *t, struct err *e) MUST_CHECK;
