/* SPDX-License-Identifier: Apache-2.0
 *
 * Restores a backup for trial.
 */
#pragma once

#include "backup/verify.h"

struct rehearsed {
	int64_t revision, keys;
	bool hashed; /* the hash of all keys was compared, and is the one at the backup */
};

/*
 * verify_file, then: restores it in a directory of its own with the installed release, starts a throw-away etcd there,
 * which listens on a Unix socket only, and compares revision, number of keys and their hash with FILE.json, as far as
 * that has them. Removes all of it again; what a kill leaves, the next call removes. ERR_VERIFY: it is not what was
 * saved.
 */
int rehearse_file(const struct machine *m, const char *file, struct verified *v, struct rehearsed *r,
		  struct err *e) MUST_CHECK;

/* Removes what a killed one left; nobody else may rehearse meanwhile. */
int rehearse_sweep(const struct machine *m, struct err *e) MUST_CHECK;
