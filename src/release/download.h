/* SPDX-License-Identifier: Apache-2.0
 *
 * From the first mirror that has the right bytes into the cache. Beside the file FILE there can be FILE.part (what a
 * broken transfer left), FILE.etag (what it is resumed with) and FILE.bad (which places had wrong bytes, and when).
 */
#pragma once

#include "adapter/digest.h"
#include "config/machine.h"
#include "config/version.h"

/*
 * Makes `path` (in the cache; its last part is the file's name on the mirrors) a file with this digest. A mirror that
 * had wrong bytes is asked for it again only after six hours, or with `again`. *source becomes the place, freed by the
 * caller. ERR_PENDING when a mirror could not be reached or does not have it, ERR_VERIFY when all that came is wrong;
 * the message has a clause for each. ERR_CONFIG: no room.
 */
int download(const struct machine *m, struct version v, const char *path, const uint8_t sha256[DIGEST_LEN], bool again,
	     char **source, struct err *e) MUST_CHECK;
