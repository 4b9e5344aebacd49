/* SPDX-License-Identifier: Apache-2.0
 *
 * Putting a release into its own directory, beside the others. Which one is used is release/switch.h's to say.
 */
#pragma once

#include "config/machine.h"
#include "config/version.h"
#include "release/tarball.h"

/*
 * Makes releases/vX.Y.Z from a verified tarball. It is built aside, checked (programs of this machine, and etcd says
 * exactly this version), synced and renamed; one that is there and whole is left alone (with TARBALL_AGAIN its programs
 * are hashed to know that), a damaged one is exchanged. Refuses releases known to be bad. 1 installed, 0 it was there,
 * -1: ERR_VERIFY, ERR_PENDING as tarball_get; ERR_CONFIG when there is no room or the place is read-only or noexec.
 */
int release_install(const struct machine *m, struct version v, enum tarball_from from, struct err *e) MUST_CHECK;

/*
 * Makes releases/system, with links to the distribution's programs, or brings its record up to date. ERR_CONFIG when
 * there is no etcd of the distribution. 1 changed, 0 it was so, -1.
 */
int release_install_system(const struct machine *m, struct err *e) MUST_CHECK;
