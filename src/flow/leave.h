/* SPDX-License-Identifier: Apache-2.0
 *
 * This machine leaves its cluster while it still can: the others agree first, then etcd is stopped. Stopping it first would leave a cluster
 * of two without quorum, and then nobody could agree to anything.
 */
#pragma once

#include <stdbool.h>

#include "config/machine.h"

struct leave_options {
	bool last;	   /* the only member gives its cluster up */
	bool ca_elsewhere; /* the person says that the CA key is kept somewhere else, too */
};

/*
 * Takes this machine's member out of the list, stops etcd, writes ROLE=none and moves data, identity and etcd.env aside; certificates stay.
 * The last voter does not leave unless the cluster is to be given up; then its certificates, with the CA, go aside as well. Nor does one whose vote
 * the others need. Killed anywhere and run again, it goes on. 1 done, 0 this machine is no member, -1.
 */
int leave_run(const struct machine *m, const struct leave_options *how, struct err *e) MUST_CHECK;
