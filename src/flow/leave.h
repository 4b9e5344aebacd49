/* SPDX-License-Identifier: Apache-2.0
 *
 * This machine leaves its cluster. The other members agree first, then etcd is stopped: a cluster of two whose one
 * member has stopped cannot agree to anything.
 */
#pragma once

#include <stdbool.h>

#include "config/machine.h"

struct leave_options {
	bool last;	   /* the only member gives its cluster up */
	bool ca_elsewhere; /* the person confirms that the CA key is kept in another place, too */
};

/*
 * Removes this machine's member, stops etcd, writes ROLE=none and moves data, identity and etcd.env aside; certificates
 * stay. With `last` the certificates, with the CA, are moved aside as well. Refused when the others need its vote, and
 * for the last voter without `last`. Killed anywhere and run again, it goes on. 1 done, 0 this machine is not a
 * member, -1.
 */
int leave_run(const struct machine *m, const struct leave_options *how, struct err *e) MUST_CHECK;
