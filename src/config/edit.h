/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes answers that were given as options into cluster.conf.
 */
#pragma once

#include "config/machine.h"

struct config_answer {
	const char *key;
	const char *value; /* NULL: the key stays as it is */
};

/*
 * Sets each KEY=value: in place of its line; else behind a commented-out "#KEY=" line; else at the end. The rest
 * stays; a missing file is made. The new text is loaded from a scratch file first: a bad answer (ERR_CONFIG) changes
 * nothing. 1 the file changed, 0 it has the answers already, -1.
 */
int config_edit(const struct layout *at, const struct config_answer *answers, size_t n, bool dry_run,
		struct err *e) MUST_CHECK;
