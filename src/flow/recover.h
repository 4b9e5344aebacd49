/* SPDX-License-Identifier: Apache-2.0
 *
 * A cluster that has lost its quorum for ever. Killed anywhere and run again, it goes on.
 */
#pragma once

#include "config/machine.h"

/*
 * After so many members are lost for ever that the rest has no quorum (recover.c): makes the data of this machine a new
 * cluster of one (recover.h) and starts it. cluster_id is what the person typed: it must be that of the data here.
 * fenced: the person confirms that no other member runs where clients reach it; without it only a dry run goes on.
 * Refused while there is a quorum or any other member can be reached. The old data is moved aside. 1 done, 0 it is a
 * healthy cluster of one already, -1; ERR_HEALTH when it is done and a former member answers all the same.
 */
int recover_run(const struct machine *m, uint64_t cluster_id, bool fenced, struct err *e) MUST_CHECK;

/* Finishes a recovery that was interrupted when its data was whole. 1 finished, 0 there is none, -1. */
int recover_finish(const struct machine *m, struct err *e) MUST_CHECK;
