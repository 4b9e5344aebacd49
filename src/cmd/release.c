/* SPDX-License-Identifier: Apache-2.0
 *
 * release: list, fetch, verify, install, use, rollback, prune.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "release/install.h"
#include "release/list.h"
#include "release/switch.h"

#define RESTART_HINT "etcd itself goes on with what it runs until: systemctl restart etcd"

/* The version that the argument, else cluster.conf, names. */
static int wanted_version(const struct machine *m, const char *arg, struct version *v, struct err *e)
{
	const char *text = arg ? arg : m->conf.release;

	if (text && version_parse(text, v))
		return 0;
	if (text)
		return err_set(e, ERR_CONFIG, "\"%.40s\" is no version of etcd that could be fetched", text);
	return err_set(e, ERR_CONFIG, "which version?");
}

static const char *state_of(const struct release_entry *entry)
{
	if (!entry->whole)
		return "damaged";
	return entry->current ? "current" : entry->previous ? "previous" : "installed";
}

static void print_text(const char *key, const char *value)
{
	auto_free char *text = value ? text_json(value) : xstrdup("null");

	(void)printf(",\"%s\":%s", key, text);
}

static void print_names(const char *key, char *const *names)
{
	(void)printf(",\n\"%s\":[", key);
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *text = text_json(names[i]);

		(void)printf("%s%s", i > 0 ? "," : "", text);
	}
	(void)fputs("]", stdout);
}

static void print_json(const struct release_list *l)
{
	(void)fputs("{\"releases\":[", stdout);
	for (size_t i = 0; i < l->n; i++) {
		const struct release_entry *entry = &l->entries[i];

		(void)printf("%s\n{\"name\":\"%s\",\"version\":\"" VERSION_FMT
			     "\",\"current\":%s,\"previous\":%s,\"whole\":%s",
			     i > 0 ? "," : "", entry->name, VERSION_ARGS(entry->record.version),
			     entry->current ? "true" : "false", entry->previous ? "true" : "false",
			     entry->whole ? "true" : "false");
		print_text("sha256", entry->record.sha256);
		print_text("source", entry->record.source);
		print_text("trust", entry->record.trust);
		(void)fputs("}", stdout);
	}
	(void)fputs("]", stdout);
	print_names("cached", l->cached);
	print_names("bundled", l->bundled);
	if (l->newest.major > 0)
		(void)printf(",\n\"newest_pinned\":\"" VERSION_FMT "\"}\n", VERSION_ARGS(l->newest));
	else
		(void)fputs(",\n\"newest_pinned\":null}\n", stdout);
}

static void print_table(const struct release_list *l)
{
	(void)printf("%-10s %-10s %s\n", "NAME", "STATE", "FROM");
	for (size_t i = 0; i < l->n; i++)
		(void)printf("%-10s %-10s %s\n", l->entries[i].name, state_of(&l->entries[i]),
			     l->entries[i].record.source ? l->entries[i].record.source : "the distribution");
	for (size_t i = 0; l->cached && l->cached[i]; i++)
		(void)printf("in the cache: %s\n", l->cached[i]);
	for (size_t i = 0; l->bundled && l->bundled[i]; i++)
		(void)printf("brought by a package: %s\n", l->bundled[i]);
	if (l->newest.major > 0)
		(void)printf("newest that this package pins: " VERSION_FMT "\n", VERSION_ARGS(l->newest));
}

static int list_work(const struct machine *m, const void *arg, struct err *e)
{
	const bool *json = arg;
	struct release_list l;
	int rc = release_list(m, &l, e);

	if (rc == 0)
		(*json ? print_json : print_table)(&l);
	release_list_free(&l);
	return rc;
}

static int verb_list(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	bool json = false;
	const struct cmd_option options[] = { { "json", &json, NULL }, { NULL, NULL, NULL } };

	if (cmd_options(argc, argv, options, 0, 0, "release list [--json]", e) < 0)
		return -1;
	return cmd_on_machine(o, false, list_work, &json, e) < 0 ? -1 : CMD_DONE;
}

static int fetch_work(const struct machine *m, const void *arg, struct err *e)
{
	auto_tarball struct tarball t = { .fd = -1 };
	struct version v = { 0 };

	if (wanted_version(m, arg, &v, e) < 0 || tarball_get(m, v, TARBALL_AGAIN, &t, e) < 0)
		return -1;
	if (t.fd < 0) /* a dry run */
		return 1;
	(void)printf("%s\n", t.path);
	return strcmp(t.source, t.path) != 0;
}

/* The parse that most subcommands share: --dry-run and at most one argument. *arg is NULL when it is not given. */
static int one_argument(int argc, char **argv, int least, const char *usage, struct machine_options *o,
			const char **arg, struct err *e)
{
	const struct cmd_option options[] = { { "dry-run", &o->dry_run, NULL }, { NULL, NULL, NULL } };
	int at = cmd_options(argc, argv, options, least, 1, usage, e);

	*arg = at >= 0 && at < argc ? argv[at] : NULL;
	return at < 0 ? -1 : 0;
}

static int verb_fetch(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	const char *arg;

	if (one_argument(argc, argv, 0, "release fetch [--dry-run] [VERSION]", &mine, &arg, e) < 0)
		return -1;
	return cmd_changed(cmd_on_machine(&mine, true, fetch_work, arg, e));
}

/* A tarball by its path; or a release by its name: what is installed, and its tarball in the cache, when they are there. */
static int verify_work(const struct machine *m, const void *arg, struct err *e)
{
	auto_tarball struct tarball t = { .fd = -1 };
	auto_free char *name = NULL, *dir = NULL, *file = NULL, *cached = NULL;
	struct version v;
	int checked = 0;

	if (arg && (strchr(arg, '/') || version_of_tarball(arg, &v))) {
		if (tarball_check(m, arg, &t, e) < 0)
			return -1;
		(void)printf("%s: good, as %s says\n", (const char *)arg, t.trust);
		return 0;
	}
	if (arg)
		name = release_name(arg, e);
	else if (release_link_name(m, "current", &name, e) == 0)
		(void)err_set(e, ERR_CONFIG, "no release is current: which one?");
	if (!name)
		return -1;
	dir = release_dir(m, name);
	file = version_parse(name, &v) ? tarball_name(v, e) : NULL;
	cached = file ? xasprintf("%s/%s", m->at.cache, file) : NULL;
	if (cached && file_exists(cached)) {
		if (tarball_check(m, cached, &t, e) < 0)
			return -1;
		(void)printf("%s: good, as %s says\n", cached, t.trust);
		checked++;
	}
	if (file_exists(dir) || checked == 0) {
		if (release_verify(m, name, e) < 0)
			return -1;
		(void)printf("%s: good, as installed\n", dir);
	}
	return 0;
}

static int verb_verify(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	int at = cmd_options(argc, argv, NULL, 0, 1, "release verify [VERSION|FILE]", e);

	if (at < 0)
		return -1;
	return cmd_on_machine(o, false, verify_work, at < argc ? argv[at] : NULL, e) < 0 ? -1 : CMD_DONE;
}

/* Installs; the first release of a machine becomes current. */
static int install_work(const struct machine *m, const void *arg, struct err *e)
{
	auto_free char *name = release_name(arg, e), *now = NULL;
	struct version v;
	int rc, used;

	if (!name || release_link_name(m, "current", &now, e) < 0)
		return -1;
	rc = version_parse(name, &v) ? release_install(m, v, TARBALL_AGAIN, e) : release_install_system(m, e);
	if (rc < 0 || now || m->dry_run)
		return rc;
	used = release_use(m, name, e);
	return used < 0 ? -1 : rc | used;
}

static int verb_install(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	const char *arg;

	if (one_argument(argc, argv, 1, "release install [--dry-run] VERSION|system", &mine, &arg, e) < 0)
		return -1;
	return cmd_changed(cmd_on_machine(&mine, true, install_work, arg, e));
}

static int use_work(const struct machine *m, const void *arg, struct err *e)
{
	auto_free char *name = release_name(arg, e);
	int rc = name ? release_use(m, name, e) : -1;

	if (rc > 0 && !m->dry_run)
		log_info("%s is current; " RESTART_HINT, name);
	return rc;
}

static int verb_use(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	const char *arg;

	if (one_argument(argc, argv, 1, "release use [--dry-run] VERSION|system", &mine, &arg, e) < 0)
		return -1;
	return cmd_changed(cmd_on_machine(&mine, true, use_work, arg, e));
}

static int rollback_work(const struct machine *m, const void *arg, struct err *e)
{
	int rc = release_rollback(m, e);

	(void)arg;
	if (rc > 0 && !m->dry_run)
		log_info("the previous release is current again; " RESTART_HINT);
	return rc;
}

static int verb_rollback(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	const struct cmd_option options[] = { { "dry-run", &mine.dry_run, NULL }, { NULL, NULL, NULL } };

	if (cmd_options(argc, argv, options, 0, 0, "release rollback [--dry-run]", e) < 0)
		return -1;
	return cmd_changed(cmd_on_machine(&mine, true, rollback_work, NULL, e));
}

static int prune_work(const struct machine *m, const void *arg, struct err *e)
{
	const uint64_t *keep = arg;

	return release_prune(m, (size_t)*keep, e);
}

static int verb_prune(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	const char *text = NULL;
	const struct cmd_option options[] = { { "dry-run", &mine.dry_run, NULL },
					      { "keep", NULL, &text },
					      { NULL, NULL, NULL } };
	uint64_t keep = 0;

	if (cmd_options(argc, argv, options, 0, 0, "release prune [--dry-run] [--keep N]", e) < 0)
		return -1;
	if (text && !text_parse_u64(text, 0, 1000, &keep))
		return err_set(e, ERR_CONFIG, "--keep: not a number from 0 to 1000");
	return cmd_changed(cmd_on_machine(&mine, true, prune_work, &keep, e));
}

int cmd_release(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	static const struct cmd_sub subs[] = {
		{ "list", "[--json]", "what is installed and cached", verb_list },
		{ "fetch", "[VERSION]", "a verified tarball into the cache", verb_fetch },
		{ "verify", "[VERSION|FILE]", "hash it again", verb_verify },
		{ "install", "VERSION|system", "beside the others", verb_install },
		{ "use", "VERSION|system", "make it current", verb_use },
		{ "rollback", "", "make the previous one current", verb_rollback },
		{ "prune", "[--keep N]", "remove those that are neither", verb_prune },
		{ NULL, NULL, NULL, NULL },
	};

	return cmd_dispatch(subs, argc, argv, o, e);
}
