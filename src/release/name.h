/* SPDX-License-Identifier: Apache-2.0
 *
 * Releases and their tarballs by name, and where they are.
 */
#pragma once

#include "config/machine.h"
#include "config/version.h"

/*
 * "vX.Y.Z" or "system" for what a person writes: "3.6.14", "v3.6.14", "system". NULL, ERR_CONFIG, for anything else.
 * The caller frees.
 */
char *release_name(const char *text, struct err *e);

/* Refuses (ERR_CONFIG) a version that is known to be bad; `what` has it. */
int release_check_version(struct version v, const char *what, struct err *e) MUST_CHECK;

/* The directory of a release (or the path of a link) below layout.releases. The caller frees. */
char *release_dir(const struct machine *m, const char *name);

/* What `current` points at beside another etcd, whose programs are kept there (scripts/foreign): no release of ours. */
#define RELEASE_ADOPTED "../adopted"

/*
 * The name that `current` or `previous` (link) points at. 1 there is one, 0 there is none, -1 it points at something
 * else. The caller frees *name.
 */
int release_link_name(const struct machine *m, const char *link, char **name, struct err *e) MUST_CHECK;

/* Names of the installed releases, newest first, `system` last. NULL when there are none. The caller frees. */
char **release_names(const struct machine *m);

/* A larger file is not a release of etcd: upstream's have 15 to 30 MiB. */
#define TARBALL_MAX_BYTES (256ULL << 20)

#define TARBALL_SUFFIX ".tar.gz"

/*
 * The file name of v here: "etcd-v3.6.14-linux-amd64.tar.gz". NULL, ERR_CONFIG, when there is none. The caller frees.
 */
char *tarball_name(struct version v, struct err *e);

/*
 * The names of the tarballs for this architecture in a directory, sorted. NULL when there are none. The caller frees.
 */
char **tarball_list(const char *dir);
