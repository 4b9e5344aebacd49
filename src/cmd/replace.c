/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/replace.h"

#include "cmd/cmd.h"

static int run(const struct cmd_args *a, struct err *e)
{
	return replace_run(&a->machine, a->words[0], e);
}

const struct cmd_verb cmd_replace = {
	.name = "replace",
	.about = "Takes the place of the dead member that this machine was. For a machine that was rebuilt or has lost "
		 "its data: removes the dead member with the name of this machine, then joins with the same name. "
		 "Former data is moved aside once the other members have agreed.",
	.args = { "[MEMBER]", CMD_MEMBER },
	.dry_run = true,
	.run = run,
};
