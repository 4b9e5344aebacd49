/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/remove.h"

#include "cmd/cmd.h"

static int work(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	const struct remove_options how = { .force = a->force, .member = a->words[0] };

	return remove_run(m, &how, e);
}

static const struct cmd_option options[] = {
	CMD_FLAG("force", force, "Remove a member that answers."),
	CMD_END,
};

const struct cmd_verb cmd_remove = {
	.name = "remove",
	.about = "Removes a dead member from the cluster, by name or ID. Refused if it answers, or if the "
		 "other members would have no quorum. On the CA host its enrolment record is removed, too.",
	.example = "remove n3",
	.options = options,
	.args = { "MEMBER", CMD_MEMBER },
	.change = work,
};
