/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is: the installed releases, the tarballs in the cache and from packages, the newest pinned one.
 */
#pragma once

#include "config/machine.h"
#include "release/record.h"

struct release_entry {
	char *name;
	bool current, previous;
	bool whole; /* nothing is missing and all sizes fit; `verify` looks closer */
	struct release_record record;
};

struct release_list {
	struct release_entry *entries; /* newest first, `system` last */
	size_t n;
	char **cached;	       /* strv of tarballs in the cache, by name */
	char **bundled;	       /* the same of the local releases that packages brought */
	struct version newest; /* in the pinned table for this architecture; 0.0.0: none */
};

/* The caller frees, also after a failure. */
int release_list(const struct machine *m, struct release_list *l, struct err *e) MUST_CHECK;
void release_list_free(struct release_list *l);
