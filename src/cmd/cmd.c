/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define MAX_OPTIONS 16

static void sub_usage(FILE *to, const struct cmd_sub *subs, const char *verb)
{
	(void)fprintf(to, "usage: etcd-cluster %s …\n", verb);
	for (; subs->name; subs++)
		(void)fprintf(to, "  %s %-10s %-24s %s\n", verb, subs->name, subs->args, subs->what);
}

int cmd_dispatch(const struct cmd_sub *subs, int argc, char **argv, const struct machine_options *o, struct err *e)
{
	const char *names[MAX_OPTIONS + 1] = { NULL };
	const char *near;

	if (argc < 2) {
		sub_usage(stderr, subs, argv[0]);
		return err_set(e, ERR_CONFIG, "%s needs a second word", argv[0]);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		sub_usage(stdout, subs, argv[0]);
		return CMD_DONE;
	}
	for (size_t i = 0; i < MAX_OPTIONS && subs[i].name; i++) {
		if (strcmp(subs[i].name, argv[1]) == 0)
			return subs[i].run(argc - 1, argv + 1, o, e);
		names[i] = subs[i].name;
	}
	near = text_suggest(argv[1], names);
	(void)err_set(e, ERR_CONFIG, "unknown: %s %s", argv[0], argv[1]);
	if (near)
		return err_hint(e, "did you mean: etcd-cluster %s %s", argv[0], near);
	return err_hint(e, "etcd-cluster %s --help lists them", argv[0]);
}

static int take(const struct cmd_option *option, const char *value, struct err *e)
{
	if (option->flag) {
		*option->flag = true;
		return 0;
	}
	if (*option->value)
		return err_set(e, ERR_CONFIG, "--%s is given twice", option->name);
	*option->value = value;
	return 0;
}

int cmd_options(int argc, char **argv, const struct cmd_option *options, int min_args, int max_args, const char *usage,
		struct err *e)
{
	static const struct cmd_option none[] = { { 0 } };
	struct option table[MAX_OPTIONS + 2] = { { .name = "help", .val = 'h' } };
	int which, picked = 0;

	if (!options)
		options = none;
	for (int i = 0; i < MAX_OPTIONS && options[i].name; i++)
		table[i + 1] = (struct option){ .name = options[i].name,
						.has_arg = options[i].flag ? no_argument : required_argument };
	optind = 0; /* a fresh scan: main has used getopt before (getopt(3), NOTES) */
	opterr = 0;
	while ((which = getopt_long(argc, argv, ":", table, &picked)) != -1) {
		if (which == 'h') {
			(void)printf("usage: etcd-cluster %s\n", usage);
			exit(CMD_DONE);
		}
		if (which == ':' || which == '?') {
			(void)err_set(e, ERR_CONFIG, which == ':' ? "%s needs a value" : "%s: no such option",
				      argv[optind - 1]);
			return err_hint(e, "usage: etcd-cluster %s", usage);
		}
		if (take(&options[picked - 1], optarg, e) < 0)
			return -1;
	}
	if (argc - optind < min_args || argc - optind > max_args) {
		(void)err_set(e, ERR_CONFIG,
			      argc - optind < min_args ? "%s: an argument is missing" : "%s: too many arguments",
			      argv[0]);
		return err_hint(e, "usage: etcd-cluster %s", usage);
	}
	return optind;
}

int cmd_on_machine(const struct machine_options *o, bool change, cmd_work *work, const void *arg, struct err *e)
{
	auto_close int lock = -1;
	struct machine m;
	int rc = machine_open(&m, o, e);

	if (rc == 0 && change) {
		lock = machine_lock(&m, e);
		rc = lock < 0 ? -1 : 0;
	}
	if (rc == 0)
		rc = work(&m, arg, e);
	machine_free(&m);
	return rc;
}

int cmd_answer(const struct machine_options *o, const struct config_answer *answers, size_t n, struct err *e)
{
	struct machine m cleanup(machine_free) = { .dry_run = o->dry_run };
	auto_close int lock = -1;
	auto_free struct config_answer *given = xcalloc(n + 1, sizeof(*given));
	size_t n_given = 0;

	for (size_t i = 0; i < n; i++)
		if (answers[i].value)
			given[n_given++] = answers[i];
	layout_init(&m.at, o->root, o->config);
	lock = machine_lock(&m, e);
	if (lock < 0)
		return -1;
	return config_edit(&m.at, given, n_given, o->dry_run, e);
}

int cmd_changed(int rc)
{
	return rc < 0 ? -1 : rc > 0 ? CMD_DONE : CMD_NOTHING;
}
