/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts a release into its own directory, beside the others. release/switch.h decides which one is used.
 */
#pragma once

#include "config/machine.h"
#include "config/version.h"
#include "release/tarball.h"

/*
 * Makes releases/vX.Y.Z from a verified tarball. It is built aside, checked (its etcd runs here and has this version),
 * synced and renamed. A whole one stays (TARBALL_AGAIN hashes it first), a damaged one is exchanged. 1 installed, 0 it
 * was there, -1: ERR_VERIFY, ERR_PENDING as tarball_get; ERR_CONFIG when the version is known to be bad, or the place
 * has no room, or is read-only or noexec.
 */
int release_install(const struct machine *m, struct version v, enum tarball_from from, struct err *e) MUST_CHECK;

/*
 * Makes releases/system, with links to the distribution's programs, or brings its record up to date. 1 changed, 0 it was
 * so, -1: ERR_CONFIG when there is no etcd of the distribution.
 */
int release_install_system(const struct machine *m, struct err *e) MUST_CHECK;
