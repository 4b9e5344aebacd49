/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd-cluster replace: this machine was built anew and takes its own place.
 */
#include "flow/replace.h"

#include "base/log.h"
#include "cmd/cmd.h"

int cmd_replace(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options where = *o;
	const struct cmd_option options[] = { { .name = "dry-run", .flag = &where.dry_run }, { 0 } };
	int first = cmd_options(argc, argv, options, 0, 1, "replace [--dry-run] [MEMBER]", e), rc;

	if (first < 0)
		return -1;
	rc = replace_run(&where, argv[first], e);
	if (rc == CMD_NOTHING)
		log_info("nothing to do");
	return rc;
}
