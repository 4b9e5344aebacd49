/* SPDX-License-Identifier: Apache-2.0 */
#include "adopt/adopt.h"

#include "cmd/cmd.h"

static int run_adopt(const struct cmd_args *a, struct err *e)
{
	const struct adopt_options how = {
		.source = a->words[0],
		.undo = a->undo,
		.finish = a->finish,
		.allow_outage = a->allow_outage,
		.json = a->json,
	};
	int rc = adopt_run(&a->machine, &how, e);

	return rc < 0 ? -1 : rc > 0 ? CMD_DONE : CMD_NOTHING;
}

const struct cmd_verb cmd_adopt = {
	.name = "adopt",
	.about = "Takes over the etcd that another tool has set up on this machine: the same member, on the same data, "
		 "with its CA and certificates. Reads its unit (etcd.service, or UNIT) or the manifest of its static "
		 "pod, asks the cluster, prints the plan and carries it out. Nothing is stopped unless every other "
		 "voter is healthy. What is not understood is refused with file and line. An interrupted run can be "
		 "repeated, and an etcd that does not become healthy is exchanged for the former one again.",
	.example = "adopt --dry-run",
	.options = CMD_OPTIONS(
		CMD_FLAG("undo", undo, "Go back to the former unit."),
		CMD_FLAG("finish", finish,
			 "All members are taken over: no undo any more, and only their peer "
			 "certificates are accepted."),
		CMD_FLAG("allow-outage", allow_outage, "Accept that a cluster of two cannot write for some seconds."),
		CMD_FLAG("json", json, "Print the plan as JSON.")),
	.args = { "[UNIT|MANIFEST]", CMD_FILE },
	.dry_run = true,
	.run = run_adopt,
};
