/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

#include <getopt.h>
#include <string.h>

#include "adapter/probe.h"
#include "base/log.h"
#include "base/text.h"
#include "member/last_good.h"

#define MAX_OPTIONS 12
#define MAX_VERBS   24
#define MAX_ARGS    16

const struct cmd_option *cmd_option(const struct cmd_verb *v, size_t i)
{
	static const struct cmd_option common[] = {
		CMD_FLAG("dry-run", machine.dry_run, "Print what would be done and change nothing."),
		CMD_FLAG("exit-code", exit_code, "Exit with 2 if there was nothing to do."),
		CMD_FLAG("json", json, "Print JSON."),
		CMD_FLAG("help", help, "Print this help."),
	};
	const bool changes = v->change || v->dry_run;
	const bool takes[] = { changes, changes, v->list, true };

	for (const struct cmd_option *o = v->options; o && o->name[0]; o++)
		if (i-- == 0)
			return o;
	for (size_t c = 0; c < ARRAY_LEN(common); c++)
		if (takes[c] && i-- == 0)
			return &common[c];
	return NULL;
}

const struct cmd_verb *cmd_find(const struct cmd_verb *v, const char *name)
{
	for (const struct cmd_verb *const *sub = v->verbs; *sub; sub++)
		if (strcmp((*sub)->name, name) == 0)
			return *sub;
	return NULL;
}

int cmd_max_args(const struct cmd_verb *v)
{
	return !v->args.text ? 0 : strstr(v->args.text, "...") ? MAX_ARGS : 1;
}

void cmd_set(struct cmd_args *a, const struct cmd_option *option, const char *value)
{
	char *field = (char *)a + option->field;

	if (option->arg[0])
		*(const char **)(void *)field = value;
	else
		*(bool *)(void *)field = true;
}

static const char *value_of(const struct cmd_args *a, const struct cmd_option *option)
{
	return *(const char *const *)(const void *)((const char *)a + option->field);
}

/* The words name a verb below v, or v has nothing else. */
static bool is_above(const struct cmd_verb *v, int argc, char **argv)
{
	for (int i = 1; v->verbs && v->run && i < argc; i++)
		if (cmd_find(v, argv[i]))
			return true;
	return v->verbs && !v->run;
}

/* Reads the options; those of a verb with others below it end at the first argument. Returns its index in argv. */
static int parse(const struct cmd_verb *v, const char *path, int argc, char **argv, struct cmd_args *a, struct err *e)
{
	struct option table[MAX_OPTIONS + 1] = { 0 };
	const struct cmd_option *o;
	int which, picked = 0;

	for (size_t i = 0; i < MAX_OPTIONS && (o = cmd_option(v, i)); i++)
		table[i] = (struct option){ .name = o->name, .has_arg = o->arg[0] ? required_argument : no_argument };
	optind = 0; /* a fresh scan (getopt(3), NOTES) */
	opterr = 0;
	while ((which = getopt_long(argc, argv, is_above(v, argc, argv) ? "+:hv" : ":h", table, &picked)) != -1) {
		if (which == 'h') {
			a->help = true;
		} else if (which == 'v') {
			a->verbose = true;
		} else if (which == ':' || which == '?') {
			(void)err_set(e, ERR_CONFIG,
				      which == ':' ? "%s needs a value" : "%s is not a valid option here",
				      argv[optind - 1]);
			return err_hint(e, "%s --help", path);
		} else {
			o = cmd_option(v, (size_t)picked);
			if (o->arg[0] && value_of(a, o))
				return err_set(e, ERR_CONFIG, "--%s occurs twice", o->name);
			cmd_set(a, o, optarg);
		}
	}
	return optind;
}

static int check_args(const struct cmd_verb *v, const char *path, int n, const struct cmd_args *a, struct err *e)
{
	const struct cmd_option *o;

	for (size_t i = 0; (o = cmd_option(v, i)); i++) {
		if (o->required && !value_of(a, o)) {
			(void)err_set(e, ERR_CONFIG, "--%s is missing", o->name);
			return err_hint(e, "%s --help", path);
		}
	}
	if (n == 0 && v->args.text && v->args.text[0] != '[')
		(void)err_set(e, ERR_CONFIG, "%s needs an argument: %s", path, v->args.text);
	else if (n > cmd_max_args(v))
		(void)err_set(e, ERR_CONFIG, "%s does not take the argument %s", path, a->words[cmd_max_args(v)]);
	else
		return 0;
	return err_hint(e, "%s --help", path);
}

static int unknown(const struct cmd_verb *v, const char *path, const char *word, struct err *e)
{
	const char *names[MAX_VERBS + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < MAX_VERBS && v->verbs[i]; i++)
		names[i] = v->verbs[i]->name;
	near = text_suggest(word, names);
	(void)err_set(e, ERR_CONFIG, "%s is not a verb of %s", word, path);
	return near ? err_hint(e, "did you mean: %s %s", path, near) : err_hint(e, "%s --help", path);
}

static int list(const struct cmd_verb *v, const struct cmd_args *a, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };

	if (machine_open(&m, &a->machine, e) < 0 &&
	    (!v->any_conf || !(last_good_open(&m, e) || machine_open_default(&m, e))))
		return -1;
	return v->list(&m, a, e);
}

static int run(const struct cmd_verb *v, const struct cmd_args *a, struct err *e)
{
	int rc;

	if (v->list) {
		probe_hasten_names(); /* a person waits */
		return list(v, a, e);
	}
	if (v->change) {
		rc = cmd_on_machine(a, true, v->change, e);
		return rc == 0 && a->exit_code ? CMD_NOTHING : rc < 0 ? -1 : CMD_DONE;
	}
	rc = v->run(a, e);
	if (rc == CMD_NOTHING)
		log_info("nothing to do");
	return rc == CMD_NOTHING && !a->exit_code ? CMD_DONE : rc;
}

/* --help, or "help VERB": of the verb that words name below v. */
static int help(const struct cmd_verb *v, const char *path, char **words, struct err *e)
{
	auto_free char *below = NULL;
	const struct cmd_verb *sub;

	if (!*words || !v->verbs) {
		cmd_help(stdout, v, path);
		return CMD_DONE;
	}
	sub = cmd_find(v, *words);
	if (!sub)
		return unknown(v, path, *words, e);
	below = xasprintf("%s %s", path, sub->name);
	return help(sub, below, words + 1, e);
}

int cmd_run(const struct cmd_verb *v, const char *path, int argc, char **argv, struct cmd_args *a, struct err *e)
{
	int at = parse(v, path, argc, argv, a, e);
	const struct cmd_verb *sub;
	auto_free char *below = NULL;

	if (at < 0)
		return -1;
	log_open(a->verbose);
	if (a->version || (!strchr(path, ' ') && argc > at && strcmp(argv[at], "version") == 0)) {
		(void)puts("etcd-cluster " VERSION);
		return CMD_DONE;
	}
	if (a->help || (v->verbs && argc > at && strcmp(argv[at], "help") == 0))
		return help(v, path, argv + at + (argc > at && !a->help), e);
	a->words = argv + at; /* ended by the NULL of argv: getopt puts the options before the arguments */
	if (!is_above(v, argc, argv))
		return check_args(v, path, argc - at, a, e) < 0 ? -1 : run(v, a, e);
	if (at >= argc) {
		cmd_help(stderr, v, path);
		return err_set(e, ERR_CONFIG, "%s needs a verb", path);
	}
	sub = cmd_find(v, argv[at]);
	if (!sub)
		return unknown(v, path, argv[at], e);
	below = xasprintf("%s %s", path, sub->name);
	return cmd_run(sub, below, argc - at, argv + at, a, e);
}

int cmd_on_machine(const struct cmd_args *a, bool lock, cmd_work *work, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };
	auto_close int held = -1;

	if (machine_open(&m, &a->machine, e) < 0)
		return -1;
	if (lock) {
		held = machine_lock(&m, e);
		if (held < 0)
			return -1;
	}
	return work(&m, a, e);
}

int cmd_number(const char *option, const char *text, unsigned int least, unsigned int most, unsigned int *to,
	       struct err *e)
{
	uint64_t value;

	if (!text)
		return 0;
	if (!text_parse_u64(text, least, most, &value))
		return err_set(e, ERR_CONFIG, "--%s %s is not a whole number from %u to %u", option, text, least, most);
	*to = (unsigned int)value;
	return 0;
}
