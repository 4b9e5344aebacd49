/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/replace.h"

#include "base/log.h"
#include "cmd/cmd.h"

static int run(const struct cmd_args *a, struct err *e)
{
	int rc = replace_run(&a->machine, a->words[0], e);

	if (rc == CMD_NOTHING)
		log_info("nothing to do");
	return rc;
}

const struct cmd_verb cmd_replace = {
	.name = "replace",
	.about = "Joins again as the dead member that this machine was. For a rebuilt machine, or one whose data is "
		 "lost: removes the dead member of its own name, then joins as a new member of that name. Former data "
		 "is moved aside once the others have agreed.",
	.args = { "[MEMBER]", CMD_MEMBER },
	.dry_run = true,
	.run = run,
};
