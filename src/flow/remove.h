/* SPDX-License-Identifier: Apache-2.0
 *
 * A dead member is removed from the list, from any healthy machine.
 */
#pragma once

#include <stdbool.h>

#include "config/machine.h"

struct remove_options {
	const char *member; /* its name, or its ID in hex */
	bool force;	    /* even when it answers */
};

/*
 * Removes the member when the others can do without it; that is never forced. One that answers, or answers again within
 * seconds, is refused: it can leave by itself. On a CA host its enrolment is forgotten. 1 done, 0 it is not a member,
 * -1.
 */
int remove_run(const struct machine *m, const struct remove_options *how, struct err *e) MUST_CHECK;
