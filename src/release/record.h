/* SPDX-License-Identifier: Apache-2.0
 *
 * `.release` in the directory of an installed release: what was put there, from where, how large each program is (so
 * that a look at the sizes takes microseconds) and its digest (for `release verify`); and what an etcd prints about
 * itself.
 */
#pragma once

#include "adapter/digest.h"
#include "adapter/keyfile.h"
#include "config/machine.h"
#include "config/version.h"

enum { RELEASE_ETCD, RELEASE_ETCDCTL, RELEASE_ETCDUTL, RELEASE_BINARIES };

/* "etcd", "etcdctl", "etcdutl". */
extern const char *const release_binary_names[RELEASE_BINARIES];

struct release_binary {
	unsigned long long size; /* 0: there is none. etcdutl came with 3.5; `system` may lack all but etcd */
	long long changed;	 /* st_mtime: an upgrade by the distribution changes it */
	char sha256[DIGEST_HEX]; /* "" for `system`, which the distribution verifies */
};

struct release_record {
	bool whole; /* dir has exactly these programs, of these sizes (`system`: and dates), and `options` */
	struct version version;
	struct keyfile file; /* what was read; the next three point into it */
	const char *sha256;  /* of the tarball, in hex; NULL for `system`, as the next two */
	const char *source;  /* where it came from */
	const char *trust;   /* what vouched for it */
	struct release_binary binaries[RELEASE_BINARIES];
};

void release_record_free(struct release_record *r);

/* Reads it and looks at the programs. 1 read, 0 there is none, -1 unreadable. The caller frees r, also then. */
int release_record_read(const char *dir, struct release_record *r, struct err *e) MUST_CHECK;

/* Writes it into dir, beside `options`, the text that binary_ask made. */
int release_record_write(const char *dir, const struct release_record *r, const char *options,
			 struct err *e) MUST_CHECK;

/* Fills size and date of each program of dir, following links. */
void release_look(const char *dir, struct release_binary binaries[RELEASE_BINARIES]);

/*
 * Hashes the programs of an installed release again. ERR_VERIFY names the first that is not what was installed;
 * ERR_CONFIG: it is not installed, or the distribution's.
 */
int release_verify(const struct machine *m, const char *name, struct err *e) MUST_CHECK;

/*
 * binary.c: the version of the etcd at path, and its option names ("listen-peer-urls"), one a line, appended to
 * options. The program runs as nobody, and only after it was checked. ERR_VERIFY when others could change it, or it
 * does not answer as etcd does; e->sys is ENOENT when it is missing.
 */
int binary_ask(const char *path, struct version *v, struct buf *options, struct err *e) MUST_CHECK;
