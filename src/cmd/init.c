/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "flow/setup.h"

static int run(const struct cmd_args *a, struct err *e)
{
	const struct setup_options how = { 0 };
	const struct config_answer answers[] = { { "ROLE", "single" },
						 { "NAME", a->name },
						 { "ADDRESS", a->address },
						 { "RELEASE", a->release },
						 { "DATA_DIR", a->data_dir } };
	int wrote = cmd_answer(&a->machine, answers, ARRAY_LEN(answers), e), rc;

	if (wrote < 0)
		return -1;
	rc = setup_run(&a->machine, &how, e);
	if (rc == SETUP_NOTHING && wrote > 0)
		return CMD_DONE;
	if (rc == SETUP_NOTHING)
		log_info("nothing to do");
	return rc;
}

static const struct cmd_option options[] = {
	CMD_OPTION_NAME, CMD_OPTION_ADDRESS, CMD_OPTION_RELEASE, CMD_OPTION_DATA_DIR, CMD_END,
};

const struct cmd_verb cmd_init = {
	.name = "init",
	.about = "Makes this machine a cluster of one. Writes ROLE=single and the given answers into cluster.conf, "
		 "then runs setup. Answers that do not fit change nothing.",
	.example = "init --name n1 --address 10.0.0.1",
	.options = options,
	.dry_run = true,
	.run = run,
};
