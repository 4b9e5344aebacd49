/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/setup.h"

#include "base/log.h"
#include "cmd/cmd.h"

static int run(const struct cmd_args *a, struct err *e)
{
	const struct setup_options how = { .local = a->local, .wait = a->wait };
	int rc = setup_run(&a->machine, &how, e);

	if (rc == SETUP_NOTHING)
		log_info("nothing to do");
	return rc;
}

static const struct cmd_option options[] = {
	CMD_FLAG("local", local, "Use no network and start nothing."),
	CMD_FLAG("wait", wait, "Wait up to 20 minutes for other machines, not only 10 seconds."),
	CMD_END,
};

const struct cmd_verb cmd_setup = {
	.name = "setup",
	.about = "Makes this machine match cluster.conf. Makes certificates or enrols for them, installs the etcd "
		 "release, forms or joins the cluster, writes etcd.env and starts etcd. Each step looks first and acts "
		 "only when needed. A run can be interrupted and repeated at any time; on a healthy member it changes "
		 "nothing.",
	.example = "setup --dry-run",
	.options = options,
	.dry_run = true,
	.run = run,
};
