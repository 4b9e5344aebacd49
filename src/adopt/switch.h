/* SPDX-License-Identifier: Apache-2.0
 *
 * From their etcd to ours on the same data, and back. Every step looks first and can be repeated.
 */
#pragma once

#include "adopt/journal.h"

/*
 * From the journal's step on: stops their etcd (if that is allowed now), moves their files to adopted/before, puts ours
 * in their places, and runs setup, which starts etcd and waits until it is healthy. The journal follows. 0, -1.
 */
int adopt_forth(const struct machine_options *where, const struct machine *here, struct adopt_journal *j,
		struct err *e) MUST_CHECK;

/* The way back: ours is stopped, our files go to adopted/new, theirs come back, and theirs is started. */
int adopt_back(const struct machine *here, struct adopt_journal *j, struct err *e) MUST_CHECK;
