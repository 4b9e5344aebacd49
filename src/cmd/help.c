/* SPDX-License-Identifier: Apache-2.0
 *
 * --help, from the table of verbs.
 */
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/page.h"

#define INDENT	  2
#define HELP_FROM 28 /* the column where explanations of verbs and options begin */

/* "  --name NAME          What it is for." Only the first sentence. */
static void entry(FILE *to, const char *what, const char *help)
{
	const char *end = strstr(help, ". ");
	auto_free char *first = end ? xstrndup(help, (size_t)(end - help) + 1) : xstrdup(help);
	struct page p = { .to = to, .column = HELP_FROM, .indent = HELP_FROM };
	int used = fprintf(to, "%*s%s", INDENT, "", what);

	if (used >= HELP_FROM)
		(void)fprintf(to, "\n%*s", HELP_FROM, "");
	else
		(void)fprintf(to, "%*s", HELP_FROM - used, "");
	page_text(&p, first);
}

static char *option_text(const struct cmd_option *o, const char *before, const char *after)
{
	return xasprintf("%s--%s%s%s%s", before, o->name, o->arg[0] ? " " : "", o->arg, after);
}

static void usage(FILE *to, const struct cmd_verb *v, const char *path)
{
	struct page p = { .to = to, .indent = (int)strlen("usage: ") };
	const struct cmd_option *o;

	p.column = fprintf(to, "usage: %s", path);
	for (size_t i = 0; cmd_option(v, i + 1); i++) { /* without --help, the last */
		o = cmd_option(v, i);
		auto_free char *text = option_text(o, o->required ? "" : "[", o->required ? "" : "]");

		page_word(&p, text, strlen(text));
	}
	if (v->args.text)
		page_word(&p, v->args.text, strlen(v->args.text));
	(void)fputs("\n\n", to);
}

void cmd_help(FILE *to, const struct cmd_verb *v, const char *path)
{
	struct page about = { .to = to };
	const struct cmd_option *o;

	usage(to, v, path);
	page_text(&about, v->about);
	if (v->verbs)
		(void)fputs("\nVerbs:\n", to);
	for (const struct cmd_verb *const *sub = v->verbs; sub && *sub; sub++)
		entry(to, (*sub)->name, (*sub)->about);
	(void)fputs("\nOptions:\n", to);
	for (size_t i = 0; (o = cmd_option(v, i)); i++) {
		auto_free char *text = option_text(o, "", "");

		entry(to, text, o->help);
	}
	if (!v->verbs || v->run)
		(void)fprintf(to, "\nExample:\n%*s%s%s\n", INDENT, "", v->example ? "etcd-cluster " : "",
			      v->example ? v->example : path);
}
