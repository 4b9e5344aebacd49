/* SPDX-License-Identifier: Apache-2.0
 *
 * restart: etcd of this machine, or of all members, one at a time.
 */
#include "change/restart.h"

#include "base/mem.h"
#include "change/orders.h"
#include "cmd/cmd.h"

static int own(const struct machine *m, const struct order *o, struct err *e)
{
	const struct restart_how how = { .allow_outage = o->allow_outage };

	return restart_run(m, &how, e);
}

static int restart_here(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	const struct restart_how how = { .allow_outage = a->allow_outage };

	return restart_run(m, &how, e) < 0 ? -1 : CMD_DONE;
}

static int restart(const struct cmd_args *a, struct err *e)
{
	const struct order order = { .what = "restart", .allow_outage = a->allow_outage, .own = own };
	int rc;

	if (a->requested) {
		rc = orders_serve(&a->machine, e);
		return rc < 0 ? -1 : rc > 0 ? CMD_DONE : CMD_NOTHING;
	}
	if (a->all)
		return orders_run(&a->machine, &order, e) < 0 ? -1 : CMD_DONE;
	return cmd_on_machine(a, true, restart_here, e);
}

const struct cmd_verb cmd_restart = {
	.name = "restart",
	.about = "Restarts etcd on this machine, or on all members, one at a time. The settings of cluster.conf that "
		 "need a restart take effect.\n"
		 "etcd stops only while every other voting member is healthy and no other machine restarts: until then "
		 "this waits. The leadership is moved away first. It is done when etcd is in sync again.",
	.example = "restart --all",
	.options = CMD_OPTIONS(
		CMD_FLAG("all", all,
			 "On every member, this machine included, the leader last. The others get signed requests, for "
			 "which they look every minute."),
		CMD_FLAG("allow-outage", allow_outage,
			 "Also in a cluster of two voting members, which serves nothing meanwhile."),
		CMD_FLAG("requested", requested,
			 "Do what another member has requested, if it has. etcd-cluster-request.timer runs it.")),
	.dry_run = true,
	.run = restart,
};
