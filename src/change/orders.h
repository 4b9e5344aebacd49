/* SPDX-License-Identifier: Apache-2.0
 *
 * One member after the other: this machine orders, by signed requests (cluster/request.h), and each machine carries out
 * what is its own to do.
 */
#pragma once

#include "cluster/request.h"
#include "config/machine.h"

/*
 * On every member in turn, the leader last: on this machine by own(), which is given the machine with its lock held; on
 * the others by a request, which they find within a minute. Before each one the gate must be open. Stops at the first
 * that fails: its request is withdrawn if it was not begun. 0, -1.
 */
struct order {
	const char *what, *argument; /* "restart", NULL */
	bool allow_outage;
	int (*own)(const struct machine *m, const struct order *o, struct err *e);
};
int orders_run(const struct machine_options *where, const struct order *o, struct err *e) MUST_CHECK;

/*
 * Looks for a request to this machine and carries it out, once. A request that is refused is logged once, and a finding
 * of `status` for a day. One that was begun when the run was killed is finished. 1 carried out, 0 there is none, or it
 * was refused, -1: it failed, which the answer says as well.
 */
int orders_serve(const struct machine_options *where, struct err *e) MUST_CHECK;
