/* SPDX-License-Identifier: Apache-2.0
 *
 * Which etcd is installed, and bringing the one that cluster.conf names. A release is a directory below
 * layout.releases: vX.Y.Z with the binaries of upstream's tarball, or `system` with links to the distribution's;
 * `current` points at one of them.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "config/machine.h"
#include "config/version.h"
#include "release/tarball.h"

struct release {
	char *name; /* "v3.6.14" or "system" */
	struct version version;
	char *dir; /* absolute */
};

/*
 * The release that `current` points at. 1 found, 0 there is none, -1 it is damaged (ERR_FAIL; release_ensure repairs
 * it). Reads two small files and looks at the binaries' sizes; hashes nothing.
 */
int release_current(const struct machine *m, struct release *r, struct err *e) MUST_CHECK;
void release_free(struct release *r);

/* The option names that this etcd knows, such as "listen-peer-urls", as a strv that the caller frees. */
int release_options(const struct release *r, char ***options, struct err *e) MUST_CHECK;

/*
 * Brings the release of cluster.conf and makes it current. A current release that cluster.conf does not contradict
 * stays; with neither, the only one that is installed or that a package brought is taken before the package's default.
 * has_member: this machine is a member; another version is then installed beside the current one, and a warning says
 * how to switch. Returns 1 when something changed, 0 when not, -1 on failure: ERR_PENDING when only the network is
 * missing. The caller holds the machine's lock.
 */
int release_ensure(const struct machine *m, enum tarball_from from, bool has_member, struct err *e) MUST_CHECK;
