/* SPDX-License-Identifier: Apache-2.0
 *
 * The last level of trust (release/digests.h): SHA256SUMS with SHA256SUMS.sig beside it, from the cache or a mirror,
 * signed by a key that the administrator has put on this machine. Upstream signs nothing today; a site that rebuilds or
 * vets releases does.
 */
#pragma once

#include "config/machine.h"
#include "release/digests.h"

/*
 * The digest of `file` of release v. 1 found (the caller frees d with digests_entry_free), 0 there is none, -1 a
 * failure: ERR_VERIFY when what there is cannot be trusted, ERR_PENDING when only the network is missing. Good ones are
 * kept in the cache.
 */
int sums_lookup(const struct machine *m, struct version v, const char *file, bool network, struct digests_entry *d,
		struct err *e) MUST_CHECK;
