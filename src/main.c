/* SPDX-License-Identifier: Apache-2.0
 *
 * The command table, the global options and the exit codes; nothing else.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"

static const struct cmd_sub verbs[] = {
	{ "setup", "[--local | --wait] [--dry-run]", "bring this machine to what cluster.conf says", cmd_setup },
	{ "init", "[--name N] [--address A]", "answer ROLE=single and walk the same road", cmd_init },
	{ "join", "ADDRESS… [--replace]", "add this machine to a cluster that runs", cmd_join },
	{ "status", "[--json]", "what runs, how it is, and what to do about it", cmd_status },
	{ "check", "[--start] [--json]", "every finding with the command that mends it", cmd_check },
	{ "release", "VERB …", "fetch, verify, install and switch etcd releases", cmd_release },
	{ "cert", "VERB …", "list, issue, renew and export certificates", cmd_cert },
	{ "ca", "VERB …", "show, export and import the certificate authority", cmd_ca },
	{ "token", "VERB …", "make, list and revoke what lets other machines in", cmd_token },
	{ "bundle", "--out DIR NAME=ADDRESS", "certificates of another machine, to be copied there", cmd_bundle },
	{ "enroll", "[--listen ADDRESS:PORT]", "give other machines their certificates, on a CA host", cmd_enroll },
	{ "leave", "[--dry-run]", "take this machine out of its cluster, then stop etcd", cmd_leave },
	{ "remove", "[--force] MEMBER", "take a dead member out of the cluster", cmd_remove },
	{ "replace", "[MEMBER]", "this machine was built anew: take the place of the dead member that it was",
	  cmd_replace },
	{ "restore", "--force-new-cluster ID", "the quorum is lost for ever: go on alone with the data here",
	  cmd_restore },
	{ NULL, NULL, NULL, NULL },
};

static void usage(FILE *to)
{
	(void)fputs("usage: etcd-cluster [--root DIR] [--config FILE] [-v] VERB …\n\n", to);
	for (const struct cmd_sub *v = verbs; v->name; v++)
		(void)fprintf(to, "  %-8s %-26s %s\n", v->name, v->args, v->what);
	(void)fputs("\n  VERB --help tells more; etcd-cluster(8) tells everything.\n", to);
}

static const struct cmd_sub *find_verb(const char *name, struct err *e)
{
	const char *names[sizeof(verbs) / sizeof(verbs[0])] = { NULL };
	const char *near;

	for (size_t i = 0; verbs[i].name; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
		names[i] = verbs[i].name;
	}
	(void)err_set(e, ERR_CONFIG, "there is no verb %s", name);
	near = text_suggest(name, names);
	if (near)
		(void)err_hint(e, "did you mean: etcd-cluster %s", near);
	else
		(void)err_hint(e, "etcd-cluster --help lists them");
	return NULL;
}

/* Private keys pass through this process: no core dumps, no ptrace by others, no group bits on what it makes. */
static void keep_secrets(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* Parses the global options. Returns the verb's index in argv, or -1. */
static int globals(int argc, char **argv, struct machine_options *o, struct err *e)
{
	static const struct option table[] = {
		{ "root", required_argument, NULL, 'r' }, { "config", required_argument, NULL, 'c' },
		{ "verbose", no_argument, NULL, 'v' },	  { "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },	  { NULL, 0, NULL, 0 }
	};
	bool verbose = false;
	int which;

	opterr = 0;
	while ((which = getopt_long(argc, argv, "+vh", table, NULL)) != -1) {
		switch (which) {
		case 'r':
			o->root = optarg;
			break;
		case 'c':
			o->config = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case 'V':
			(void)puts("etcd-cluster " VERSION);
			exit(CMD_DONE);
		case 'h':
			usage(stdout);
			exit(CMD_DONE);
		default:
			(void)err_set(e, ERR_CONFIG, "%s: no such option, or its value is missing", argv[optind - 1]);
			return err_hint(e, "etcd-cluster --help lists them");
		}
	}
	log_open(verbose);
	if (optind >= argc) {
		usage(stderr);
		return err_set(e, ERR_CONFIG, "a verb is missing");
	}
	return optind;
}

int main(int argc, char **argv)
{
	struct machine_options options = { 0 };
	const struct cmd_sub *verb;
	struct err e = { 0 };
	int at, rc;

	keep_secrets();
	log_open(false);
	at = globals(argc, argv, &options, &e);
	verb = at < 0 ? NULL : find_verb(argv[at], &e);
	rc = verb ? verb->run(argc - at, argv + at, &options, &e) : -1;
	/* A listing that could not be written must not look like a short one. */
	if (fflush(stdout) != 0 && rc >= 0)
		rc = err_sys(&e, ERR_FAIL, "cannot write to standard output");
	if (rc >= 0)
		return rc;
	log_error(e.class == ERR_PENDING ? LOG_LEVEL_WARN : LOG_LEVEL_ERR, &e);
	return e.class == ERR_NONE ? ERR_FAIL : (int)e.class;
}
