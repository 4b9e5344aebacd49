/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/setup.h"

#include <stdio.h>

#include "base/log.h"
#include "cmd/cmd.h"

int cmd_setup(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options where = *o;
	struct setup_options how = { 0 };
	const struct cmd_option options[] = { { .name = "local", .flag = &how.local },
					      { .name = "wait", .flag = &how.wait },
					      { .name = "dry-run", .flag = &where.dry_run },
					      { 0 } };
	int rc;

	if (cmd_options(argc, argv, options, 0, 0, "setup [--local | --wait] [--dry-run]", e) < 0)
		return -1;
	rc = setup_run(&where, &how, e);
	if (rc == SETUP_NOTHING)
		log_info("nothing to do");
	return rc;
}
