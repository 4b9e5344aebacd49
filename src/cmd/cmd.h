/* SPDX-License-Identifier: Apache-2.0
 *
 * A verb, declared once: how it is called, what it takes, and what runs. Parsing (cmd.c), --help (help.c) and the
 * completion of the shell (complete.c) come from this table.
 */
#pragma once

#include "config/machine.h"

/* Exit codes beside those of enum err_class (etcd-cluster.8, EXIT STATUS). */
enum { CMD_DONE = 0, CMD_NOTHING = 2 /* of run; the program exits so with --exit-code only */ };

/* The command line. What it does not have is NULL or false. */
struct cmd_args {
	struct machine_options machine;
	bool adopt_machine, allow_outage, allow_root, ca_elsewhere, ca_host_fenced, exit_code, finish, force, help,
		json, last, local, others_fenced, recovery, rehearse, remember;
	bool replace, scheduled, start, undo;
	bool unattended, verbose, version, wait, watch, yes;
	const char *abandon, *address, *addresses, *client, *data_dir, *force_new_cluster, *force_serving, *from,
		*hours, *keep, *listen, *name, *other_cluster, *out;
	const char *passphrase_file;
	const char *release, *san, *token_file, *uses;
	char **words; /* the arguments, ended by NULL */
};

/* What the completion offers for an argument. */
enum cmd_kind {
	CMD_TEXT,
	CMD_WORDS, /* one of those in its placeholder: "server|peer" */
	CMD_FILE,
	CMD_DIR,
	CMD_MEMBER,
	CMD_TOKEN,
	CMD_RELEASE,
	CMD_RELEASE_FILE, /* a release or a file */
	CMD_CERT,
};

/* Short texts are arrays: a pointer would cost a relocation more. */
struct cmd_option {
	const char *help;
	unsigned short field; /* offset in struct cmd_args of a const char * for a value, else of a bool */
	unsigned char kind;   /* enum cmd_kind */
	bool required;
	char arg[16];  /* placeholder of its value; "": it takes none */
	char name[20]; /* without the dashes; "" ends the table */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): a string in parentheses does not initialise an array. */
/* clang-format off */
#define CMD_FLAG(name_, field_, help_) { .name = name_, .help = help_, .field = offsetof(struct cmd_args, field_) }
#define CMD_VALUE(name_, arg_, kind_, field_, help_) \
	{ .name = name_, .arg = arg_, .help = help_, .field = offsetof(struct cmd_args, field_), .kind = kind_ }
/* One that cannot be left out. */
#define CMD_NEEDED(name_, arg_, kind_, field_, help_) \
	{ .name = name_, .arg = arg_, .help = help_, .field = offsetof(struct cmd_args, field_), .kind = kind_, \
	  .required = true }
#define CMD_OPTIONS(...) ((const struct cmd_option[]){ __VA_ARGS__, { .name = "" } })
/* clang-format on */
/* NOLINTEND(bugprone-macro-parentheses) */

#define CMD_OPTION_SAN CMD_VALUE("san", "X,...", CMD_TEXT, san, "Further names for the certificate.")

typedef int cmd_fn(const struct cmd_args *a, struct err *e);
typedef int cmd_work(const struct machine *m, const struct cmd_args *a, struct err *e);

/* Exactly one of verbs, run, change and list is set; or verbs and run: then a word that is none of them is run's. */
struct cmd_verb {
	char name[16];
	const char *about;   /* sentences, the first of which is the summary; a newline begins a paragraph */
	const char *example; /* command line without "etcd-cluster "; NULL: the verb alone */
	const struct cmd_option *options;
	struct {
		const char *text; /* "FILE", "[MEMBER]" (may be left out), "NAME..." (one or more), or NULL */
		unsigned char kind;
	} args;
	bool dry_run;			     /* run takes --dry-run, too */
	const struct cmd_verb *const *verbs; /* "release fetch": those below it, ended by NULL */
	cmd_fn *run;			     /* does all itself; an exit code or -1 */
	cmd_work *change;		     /* under the lock, takes --dry-run; 1 done, 0 nothing to do, -1 */
	cmd_work *list;			     /* takes --json; an exit code or -1 */
	bool any_conf; /* list goes on when cluster.conf is broken: with the last good settings, else with none */
};

extern const struct cmd_verb cmd_setup, cmd_init, cmd_join, cmd_status, cmd_check, cmd_release, cmd_cert, cmd_ca;
extern const struct cmd_verb cmd_token, cmd_bundle, cmd_enroll, cmd_leave, cmd_remove, cmd_replace, cmd_restore;
extern const struct cmd_verb cmd_adopt, cmd_backup, cmd_reset, cmd_info, cmd_download;

/* Parses argv (argv[0] is v itself) and runs v or a verb below it. path: how it was called. An exit code or -1. */
int cmd_run(const struct cmd_verb *v, const char *path, int argc, char **argv, struct cmd_args *a,
	    struct err *e) MUST_CHECK;

/* The options of a verb, --dry-run, --json and --help among them, from i = 0 on; NULL after the last. */
const struct cmd_option *cmd_option(const struct cmd_verb *v, size_t i);

/* How many arguments v takes at most. */
int cmd_max_args(const struct cmd_verb *v);
/* The verb of this name below v, or NULL. */
const struct cmd_verb *cmd_find(const struct cmd_verb *v, const char *name);
/* Stores an option and its value (unused for a flag). */
void cmd_set(struct cmd_args *a, const struct cmd_option *option, const char *value);
void cmd_help(FILE *to, const struct cmd_verb *v, const char *path);

/* Prints what the last of words (ended by NULL) can become, one a line; ":file" and ":dir" mean names of files. */
int cmd_complete(const struct cmd_verb *top, char **words);

/* Runs work with the machine open and, if asked, locked. Returns what work returns. */
int cmd_on_machine(const struct cmd_args *a, bool lock, cmd_work *work, struct err *e) MUST_CHECK;

/* A whole number from least to most. NULL leaves *to as it is. */
int cmd_number(const char *option, const char *text, unsigned int least, unsigned int most, unsigned int *to,
	       struct err *e) MUST_CHECK;
