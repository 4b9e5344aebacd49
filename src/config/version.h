/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd version numbers. Pre-releases are not supported: their data and options come with no promise.
 */
#pragma once

#include <stdbool.h>

struct version {
	unsigned int major, minor, patch;
};

/* "3.6.14" or "v3.6.14", wholly; no leading zeros, no suffix. */
bool version_parse(const char *s, struct version *v);

/* Go's name of this machine's architecture; NULL when etcd publishes nothing for it. */
const char *version_arch(void);

/* "etcd-v3.6.14-linux-amd64.tar.gz", the tarball for this machine; NULL without version_arch. The caller frees. */
char *version_tarball(struct version v);

/* The version in such a name; false for any other name. */
bool version_of_tarball(const char *name, struct version *v);

/* Negative, zero, positive, as strcmp(3). */
int version_cmp(struct version a, struct version b);

/* True from major.minor.0 on. */
bool version_at_least(struct version v, unsigned int major, unsigned int minor);

/* Why this release must not be run (a plain clause), or NULL. */
const char *version_known_bad(struct version v);

/* For printf: VERSION_FMT with VERSION_ARGS(v). */
#define VERSION_FMT	"%u.%u.%u"
#define VERSION_ARGS(v) (v).major, (v).minor, (v).patch
