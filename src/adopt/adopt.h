/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes over the etcd that another tool has set up on this machine: the same member, on the same data, with its CA.
 */
#pragma once

#include "config/machine.h"

struct adopt_options {
	const char *source; /* a unit or a manifest; NULL: whichever is there */
	bool undo;	    /* back to their unit */
	bool finish;	    /* a person says that all is well: no undo after that */
	bool allow_outage;  /* of a cluster of two */
	bool json;	    /* print the plan as JSON */
};

/*
 * Reads, asks, prints the plan, and carries it out (a dry run ends after the plan). Until their etcd is stopped nothing
 * of theirs has changed. Each step is in /etc/etcd/adopted/journal, so that a run that was killed is repeated; what
 * does not become healthy is undone. 1 done, 0 it was done before, -1: as adopt_plan_make and setup_run.
 */
int adopt_run(const struct machine_options *where, const struct adopt_options *how, struct err *e) MUST_CHECK;
