/* SPDX-License-Identifier: Apache-2.0
 *
 * From a verified tarball to the programs of a release in a directory, with the digest of each.
 */
#pragma once

#include "release/record.h"
#include "release/tarball.h"

/*
 * Writes etcd, etcdctl and (required from 3.5 on) etcdutl into dir, which must be empty, mode 0755 and ours, by a child
 * process that has nothing but the descriptors; and fills size, date and digest of each in binaries. Not synced yet.
 * After a failure the caller removes dir.
 */
int release_unpack(const struct tarball *t, struct version v, const char *dir,
		   struct release_binary binaries[RELEASE_BINARIES], struct err *e) MUST_CHECK;
