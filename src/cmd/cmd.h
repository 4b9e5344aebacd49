/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole contract between main and the verbs.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <getopt.h>
#include <stdbool.h>

#include "base/err.h"
#include "config/edit.h"
#include "config/machine.h"

/* Exit codes beside those of enum err_class (etcd-cluster.8, EXIT STATUS). */
enum { CMD_DONE = 0, CMD_NOTHING = 2 };

/*
 * A verb. argv[0] is the verb itself; `o` has the global options, and the verb parses the rest with cmd_options.
 * Returns CMD_DONE or CMD_NOTHING, or -1 with e filled; a listing verb that found something unhealthy fills e, too.
 */
typedef int cmd_fn(int argc, char **argv, const struct machine_options *o, struct err *e);

cmd_fn cmd_setup, cmd_init, cmd_join, cmd_status, cmd_check, cmd_release, cmd_cert, cmd_ca, cmd_bundle, cmd_enroll,
	cmd_token;
cmd_fn cmd_leave, cmd_remove, cmd_replace, cmd_restore;

/* A nested verb: "release fetch". */
struct cmd_sub {
	const char *name;
	const char *args; /* shown in the usage line */
	const char *what; /* one line */
	cmd_fn *run;
};

/* Finds and runs argv[1] among subs (ended by a NULL name) with argv + 1; a missing or unknown one is ERR_CONFIG with the list and a suggestion. */
int cmd_dispatch(const struct cmd_sub *subs, int argc, char **argv, const struct machine_options *o, struct err *e);

/* One option of a verb; exactly one of flag and value is set. */
struct cmd_option {
	const char *name;   /* without the dashes; NULL ends the table */
	bool *flag;	    /* set to true when given */
	const char **value; /* set to the argument; giving it twice is an error */
};

/*
 * Parses the verb's options (long only) and checks the number of arguments left. Returns the index of the first argument.
 * --help prints the usage line `usage` to stdout and exits 0.
 */
int cmd_options(int argc, char **argv, const struct cmd_option *options, int min_args, int max_args, const char *usage,
		struct err *e) MUST_CHECK;

/* What a verb does with the machine: -1 with e filled, or 0 or more. */
typedef int cmd_work(const struct machine *m, const void *arg, struct err *e);

/* Opens the machine, and takes its lock when something is to be changed, for the time of work(). Returns what that returned. */
int cmd_on_machine(const struct machine_options *o, bool change, cmd_work *work, const void *arg,
		   struct err *e) MUST_CHECK;

/*
 * Writes the answers that have a value into cluster.conf, under the lock that setup takes, so the two never meet half-way. 1 when the file changed
 * (dry run: would), 0 when it said so already.
 */
int cmd_answer(const struct machine_options *o, const struct config_answer *answers, size_t n,
	       struct err *e) MUST_CHECK;

/* 1 changed, 0 nothing to do, -1: as what a cmd_fn returns. */
int cmd_changed(int rc);

#endif
