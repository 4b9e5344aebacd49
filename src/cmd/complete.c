/* SPDX-License-Identifier: Apache-2.0
 *
 * What the shell offers next (scripts/completion.bash), from the table of verbs and from files of this machine.
 * It uses no network and prints no errors: what cannot be read has no candidates.
 */
#include <string.h>

#include "adapter/keyfile.h"
#include "adapter/probe.h"
#include "base/text.h"
#include "cahost/token_store.h"
#include "cmd/cmd.h"
#include "pki/profile.h"
#include "release/name.h"

static void offer(const char *candidate, const char *begun)
{
	if (text_starts(candidate, begun))
		(void)puts(candidate);
}

/* The names of MEMBERS, or of what etcd was started with where a machine has joined. */
static void offer_members(const struct machine *m, const char *begun)
{
	auto_keyfile struct keyfile env = { 0 };
	auto_strv char **initial = NULL;
	const char *text = NULL;
	struct err ignored = { 0 };

	for (size_t i = 0; i < m->conf.n_members; i++)
		offer(m->conf.members[i].name, begun);
	if (m->conf.n_members == 0 && keyfile_read(m->at.etcd_env, &env, &ignored) == 0)
		text = keyfile_get(&env, "ETCD_INITIAL_CLUSTER");
	initial = text ? text_split(text, BLANKS ",") : NULL;
	for (char **one = initial; one && *one; one++) {
		(*one)[strcspn(*one, "=")] = '\0';
		offer(*one, begun);
	}
}

static void offer_releases(const struct machine *m, const char *begun)
{
	auto_strv char **names = release_names(m);

	for (char **name = names; name && *name; name++)
		if (strcmp(*name, "system") != 0)
			offer(**name == 'v' ? *name + 1 : *name, begun);
}

static void offer_tokens(const struct machine *m, const char *begun)
{
	auto_token_list struct token_list list = { 0 };
	struct err ignored = { 0 };
	int rc = token_store_list(m, &list, &ignored);

	for (size_t i = 0; rc == 0 && i < list.n; i++)
		offer(list.entries[i].token.id, begun);
}

static void offer_certs(const struct machine *m, const char *begun)
{
	(void)m;
	for (int i = 0; i < PKI_LEAVES; i++)
		offer(pki_profile(i)->name, begun);
}

/* The placeholder has the words: "server|peer", "VERSION|system". */
static void offer_words(const char *placeholder, const char *begun)
{
	auto_strv char **words = text_split(placeholder, BLANKS "|");

	for (char **word = words; word && *word; word++)
		if (**word >= 'a' && **word <= 'z')
			offer(*word, begun);
}

static void offer_kind(const struct cmd_args *a, enum cmd_kind kind, const char *placeholder, const char *begun)
{
	static void (*const from_machine[])(const struct machine *m, const char *begun) = {
		[CMD_MEMBER] = offer_members,	     [CMD_TOKEN] = offer_tokens, [CMD_RELEASE] = offer_releases,
		[CMD_RELEASE_FILE] = offer_releases, [CMD_CERT] = offer_certs,
	};
	struct machine m cleanup(machine_free) = { 0 };
	struct err ignored = { 0 };

	if (kind == CMD_WORDS || kind == CMD_RELEASE)
		offer_words(placeholder, begun);
	if (kind == CMD_FILE || kind == CMD_RELEASE_FILE)
		(void)puts(":file");
	if (kind == CMD_DIR)
		(void)puts(":dir");
	if (!from_machine[kind])
		return;
	probe_hasten_names();
	/* A mistake in cluster.conf hides the members that it names, not what is installed. */
	if (machine_open(&m, &a->machine, &ignored) < 0)
		err_clear(&ignored);
	from_machine[kind](&m, begun);
}

static const struct cmd_option *find_option(const struct cmd_verb *v, const char *word)
{
	const struct cmd_option *o;

	for (size_t i = 0; (o = cmd_option(v, i)); i++)
		if (text_starts(word, "--") && strcmp(word + 2, o->name) == 0)
			return o;
	return NULL;
}

static void offer_options(const struct cmd_verb *v, const char *begun)
{
	const struct cmd_option *o;

	for (size_t i = 0; (o = cmd_option(v, i)); i++) {
		auto_free char *text = xasprintf("--%s", o->name);

		offer(text, begun);
	}
}

int cmd_complete(const struct cmd_verb *v, char **words)
{
	const struct cmd_option *valued = NULL; /* the option that the next word is the value of */
	struct cmd_args a = { 0 };
	const char *begun;
	int n = 0;

	if (!words[0])
		return CMD_DONE;
	for (; words[1]; words++) {
		if (strcmp(words[0], "=") == 0) /* bash divides --out=DIR into three words */
			continue;
		if (valued) {
			cmd_set(&a, valued, words[0]);
			valued = NULL;
		} else if (words[0][0] == '-') {
			valued = find_option(v, words[0]);
			if (valued && !valued->arg[0])
				valued = NULL;
		} else if (v->verbs && (!v->run || cmd_find(v, words[0]))) {
			v = cmd_find(v, words[0]);
			if (!v)
				return CMD_DONE;
		} else {
			n++;
		}
	}
	begun = strcmp(words[0], "=") == 0 ? "" : words[0];
	/* Before ":file", which the script replaces by names behind them. */
	for (const struct cmd_verb *const *sub = v->verbs; !valued && begun[0] != '-' && sub && *sub; sub++)
		offer((*sub)->name, begun);
	if (valued)
		offer_kind(&a, valued->kind, valued->arg, begun);
	else if (begun[0] == '-')
		offer_options(v, begun);
	else if ((!v->verbs || v->run) && n < cmd_max_args(v))
		offer_kind(&a, v->args.kind, v->args.text, begun);
	return CMD_DONE;
}
