/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/join.h"

#include "base/log.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "flow/setup.h"
#include "flow/unused.h"

static int again(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	int rc = unused_give_up(m, true, false, e);

	if (rc < 0)
		return -1;
	return rc > 0 ? 0 : join_again(m, a->words, e);
}

static int run(const struct cmd_args *a, struct err *e)
{
	const struct setup_options how = { .replace = a->replace };
	auto_free char *line = strv_join(a->words, ",");
	const struct config_answer answers[] = { { "ROLE", "join" },	     { "JOIN", line },
						 { "NAME", a->name },	     { "ADDRESS", a->address },
						 { "RELEASE", a->release },  { "ENROLL_TOKEN_FILE", a->token_file },
						 { "DATA_DIR", a->data_dir } };
	int rc = cmd_on_machine(a, !a->machine.dry_run, again, e), wrote;

	if (rc < 0)
		return -1;
	if (rc > 0) {
		log_info("this machine is a member already");
		return setup_run(&a->machine, &how, e);
	}
	wrote = cmd_answer(&a->machine, answers, ARRAY_LEN(answers), e);
	if (wrote < 0)
		return -1;
	if (a->machine.dry_run && wrote > 0) {
		/* Without these answers in the file, a dry run of setup would show something else. */
		log_info("would then do what etcd-cluster setup --dry-run prints once this is written");
		return CMD_DONE;
	}
	rc = setup_run(&a->machine, &how, e);
	return rc == SETUP_NOTHING && wrote > 0 ? CMD_DONE : rc;
}

static const struct cmd_option options[] = {
	CMD_OPTION_NAME,
	CMD_OPTION_ADDRESS,
	CMD_VALUE("token-file", "FILE", CMD_FILE, token_file, "File with the enrolment token."),
	CMD_OPTION_RELEASE,
	CMD_OPTION_DATA_DIR,
	CMD_FLAG("replace", replace, "Remove a dead member of the same name or address first."),
	CMD_END,
};

const struct cmd_verb cmd_join = {
	.name = "join",
	.about = "Adds this machine to a running cluster. Writes ROLE=join, the addresses of running members and the "
		 "given answers into cluster.conf, then runs setup. The machine is added as a learner and becomes a "
		 "voter when it has all data.",
	.example = "join --token-file /root/token 10.0.0.1 10.0.0.2",
	.options = options,
	.args = { "ADDRESS..." },
	.dry_run = true,
	.run = run,
};
