/* SPDX-License-Identifier: Apache-2.0 */
#include "change/maintain.h"

#include "cmd/cmd.h"

static int work(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	const struct maintain_options how = { .scheduled = a->scheduled, .all = a->all };
	int rc = maintain_run(m, &how, e);

	if (rc == MAINTAIN_KNOWN) {
		rc = (int)e->class;
		err_clear(e);
		return rc;
	}
	return rc < 0 ? -1 : rc > 0 ? CMD_DONE : CMD_NOTHING;
}

static int maintain(const struct cmd_args *a, struct err *e)
{
	return cmd_on_machine(a, false, work, e);
}

const struct cmd_verb cmd_maintain = {
	.name = "maintain",
	.about =
		"Looks after the database: defragments the member of this machine if much of its file is free. Against "
		"the alarm NOSPACE it compacts, defragments the members one after the other, and disarms the alarm "
		"once "
		"each database is below its quota. It never begins while a member is down or catches up.",
	.example = "maintain --all",
	.options = CMD_OPTIONS(
		CMD_FLAG("all", all, "Defragment every member that needs it, one after the other, the leader last."),
		CMD_FLAG("scheduled", scheduled, "Only what is due by MAINTAIN_SCHEDULE, or an alarm.")),
	.dry_run = true,
	.run = maintain,
};
