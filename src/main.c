/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of verbs, the global options and the exit codes; nothing else.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cmd/cmd.h"

static const struct cmd_verb program = {
	.name = "etcd-cluster",
	.about = "Makes a machine match /etc/etcd/cluster.conf: a running etcd member with mutual TLS.\n"
		 "Exit codes: 0 done or nothing to do, 1 failed, 2 nothing to do with --exit-code, 3 usage or "
		 "configuration, 4 verification refused, 5 no quorum or unhealthy, 6 pending.\n"
		 "etcd-cluster VERB --help explains a verb; etcd-cluster(8) explains everything.",
	.options = CMD_OPTIONS(
		CMD_VALUE("root", "DIR", CMD_DIR, machine.root, "Work on the system below DIR, without its services."),
		CMD_VALUE("config", "FILE", CMD_FILE, machine.config, "Read FILE instead of /etc/etcd/cluster.conf."),
		CMD_FLAG("verbose", verbose, "Log every step (short: -v)."),
		CMD_FLAG("version", version, "Print the version.")),
	.args = { "VERB ..." },
	.verbs = (const struct cmd_verb *const[]){ &cmd_setup,	 &cmd_init,  &cmd_join,	  &cmd_status,	&cmd_check,
						   &cmd_release, &cmd_cert,  &cmd_ca,	  &cmd_token,	&cmd_bundle,
						   &cmd_enroll,	 &cmd_leave, &cmd_remove, &cmd_replace, &cmd_backup,
						   &cmd_restore, &cmd_adopt, &cmd_reset,  &cmd_info,	&cmd_download,
						   NULL },
};

/* Private keys pass through this process: no core dumps, no ptrace by others, no group bits on what it makes. */
static void keep_secrets(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct cmd_args args = { 0 };
	struct err e = { 0 };
	int rc;

	keep_secrets();
	log_open(false);
	if (argc > 1 && strcmp(argv[1], "__complete") == 0)
		rc = cmd_complete(&program, argv + 2);
	else
		rc = cmd_run(&program, program.name, argc, argv, &args, &e);
	/* A listing that could not be written must not look like a short one. */
	if (fflush(stdout) != 0 && rc >= 0)
		rc = err_sys(&e, ERR_FAIL, "cannot write to standard output");
	if (rc >= 0)
		return rc;
	log_error(e.class == ERR_PENDING ? LOG_WARNING : LOG_ERR, &e);
	return e.class == ERR_NONE ? ERR_FAIL : (int)e.class;
}
