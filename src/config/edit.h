/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes answers into cluster.conf for a person who typed them as options, and leaves the rest of the file as it is.
 */
#pragma once

#include "config/machine.h"

struct config_answer {
	const char *key;
	const char *value; /* NULL: the key stays as it is */
};

/*
 * Sets each KEY=value: in place of its line; else behind a commented-out "#KEY=" line; else at the end. Comments and order
 * stay. A file that does not exist is made. The values are checked by the next config_load, so the new text is
 * loaded from a scratch file first and an answer that does not fit (ERR_CONFIG) changes nothing. Returns 1 when the file changed, 0 when it
 * said so already, -1.
 */
int config_edit(const struct layout *at, const struct config_answer *answers, size_t n, bool dry_run,
		struct err *e) MUST_CHECK;
