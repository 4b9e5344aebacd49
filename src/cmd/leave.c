/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd-cluster leave: this machine is to be no member any more.
 */
#include "flow/leave.h"

#include "base/log.h"
#include "cmd/cmd.h"

static int leave(const struct machine *m, const void *arg, struct err *e)
{
	return leave_run(m, arg, e);
}

int cmd_leave(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options where = *o;
	struct leave_options how = { 0 };
	const struct cmd_option options[] = { { .name = "last", .flag = &how.last },
					      { .name = "ca-elsewhere", .flag = &how.ca_elsewhere },
					      { .name = "dry-run", .flag = &where.dry_run },
					      { 0 } };
	int rc;

	if (cmd_options(argc, argv, options, 0, 0, "leave [--last] [--ca-elsewhere] [--dry-run]", e) < 0)
		return -1;
	rc = cmd_on_machine(&where, true, leave, &how, e);
	if (rc == 0)
		log_info("nothing to do: this machine is no member of a cluster");
	return cmd_changed(rc);
}
