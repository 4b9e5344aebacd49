/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/leave.h"

#include "base/log.h"
#include "cmd/cmd.h"

static int work(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	const struct leave_options how = { .last = a->last, .ca_elsewhere = a->ca_elsewhere };
	int rc = leave_run(m, &how, e);

	if (rc == 0)
		log_info("nothing to do: this machine is not a member of a cluster");
	return rc;
}

static const struct cmd_option options[] = {
	CMD_FLAG("last", last, "Give up the cluster of which this is the only member."),
	CMD_FLAG("ca-elsewhere", ca_elsewhere, "Leave although ca.key is here: it is kept elsewhere, too."),
	CMD_END,
};

const struct cmd_verb cmd_leave = {
	.name = "leave",
	.about = "Takes this machine out of its cluster. Removes its member, stops etcd, writes ROLE=none "
		 "and moves the data aside. Refused if the other members would have no quorum. Nothing is "
		 "deleted; join adds the machine again.",
	.example = "leave --dry-run",
	.options = options,
	.change = work,
};
