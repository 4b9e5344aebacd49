/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "adapter/json.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "release/release.h"

#define RESTART_HINT "the running etcd changes with: systemctl restart etcd"
#define MAX_KEEP     1000

/* The version that the argument, else cluster.conf, names. */
static int wanted_version(const struct machine *m, const char *arg, struct version *v, struct err *e)
{
	const char *text = arg ? arg : m->conf.release;

	if (text && version_parse(text, v))
		return 0;
	if (text)
		return err_set(e, ERR_CONFIG, "\"%.40s\" is not a valid etcd version", text);
	(void)err_set(e, ERR_CONFIG, "neither an argument nor RELEASE in cluster.conf names an etcd version");
	return err_hint(e, "etcd-cluster release fetch --help");
}

static const char *state_of(const struct release_entry *entry)
{
	if (!entry->record.whole)
		return "damaged";
	return entry->current ? "current" : entry->previous ? "previous" : "installed";
}

static void list_json(const struct release_list *l)
{
	auto_free char *newest = l->newest.major > 0 ? xasprintf(VERSION_FMT, VERSION_ARGS(l->newest)) : NULL;
	struct json_object *top = json_new_object(), *releases = json_array_in(top, "releases");

	for (const struct release_entry *r = l->entries; r < l->entries + l->n; r++) {
		auto_free char *version = xasprintf(VERSION_FMT, VERSION_ARGS(r->record.version));
		struct json_object *o = json_object_in(releases, NULL);

		json_text(o, "name", r->name);
		json_text(o, "version", version);
		json_flag(o, "current", r->current);
		json_flag(o, "previous", r->previous);
		json_flag(o, "whole", r->record.whole);
		json_text(o, "sha256", r->record.sha256);
		json_text(o, "source", r->record.source);
		json_text(o, "trust", r->record.trust);
	}
	json_texts(top, "cached", l->cached);
	json_texts(top, "bundled", l->bundled);
	json_text(top, "newest_pinned", newest);
	json_print(top);
}

static void list_text(const struct release_list *l)
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

static int list(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	struct release_list l;
	int rc = release_list(m, &l, e);

	if (rc == 0)
		(a->json ? list_json : list_text)(&l);
	release_list_free(&l);
	return rc;
}

static int fetch(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	const char *version = a->words[0] ? a->words[0] : a->release;
	auto_tarball struct tarball t = { .fd = -1 };
	struct version v = { 0 };

	if (wanted_version(m, version, &v, e) < 0 || tarball_get(m, v, TARBALL_AGAIN, &t, e) < 0)
		return -1;
	if (t.fd < 0) /* a dry run */
		return 1;
	(void)printf("%s\n", t.path);
	return strcmp(t.source, t.path) != 0;
}

static int verify_archive(const struct machine *m, const char *path, struct err *e)
{
	auto_tarball struct tarball t = { .fd = -1 };

	if (tarball_check(m, path, &t, e) < 0)
		return -1;
	(void)printf("%s: good, as %s says\n", path, t.digest.source);
	return 0;
}

/* An archive by its path; or a release by its name: its archive in the cache, and what is installed. */
static int verify(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	const char *arg = a->words[0];
	auto_free char *name = NULL, *dir = NULL, *file = NULL, *cached = NULL;
	struct version v;

	if (arg && (strchr(arg, '/') || version_of_tarball(arg, &v)))
		return verify_archive(m, arg, e);
	if (arg)
		name = release_name(arg, e);
	else if (release_link_name(m, "current", &name, e) == 0)
		(void)err_set(e, ERR_CONFIG, "no release is current, so release verify needs a version");
	if (!name)
		return -1;
	dir = release_dir(m, name);
	file = version_parse(name, &v) ? version_tarball(v) : NULL;
	cached = file ? xasprintf("%s/%s", m->at.cache, file) : NULL;
	if (cached && file_exists(cached)) {
		if (verify_archive(m, cached, e) < 0)
			return -1;
		if (!file_exists(dir))
			return 0;
	}
	if (release_verify(m, name, e) < 0)
		return -1;
	(void)printf("%s: good, as installed\n", dir);
	return 0;
}

static int run_verify(const struct cmd_args *a, struct err *e)
{
	return cmd_on_machine(a, false, verify, e);
}

/* Installs; the first release of a machine becomes current. */
static int install(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_free char *name = release_name(a->words[0], e), *now = NULL;
	int rc, used;

	if (!name || release_link_name(m, "current", &now, e) < 0)
		return -1;
	rc = release_install(m, name, TARBALL_AGAIN, e);
	if (rc < 0 || now || m->dry_run)
		return rc;
	used = release_use(m, name, e);
	return used < 0 ? -1 : rc | used;
}

static int use(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_free char *name = release_name(a->words[0], e);
	int rc = name ? release_use(m, name, e) : -1;

	if (rc > 0 && !m->dry_run)
		log_info("%s is current; " RESTART_HINT, name);
	return rc;
}

static int rollback(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	int rc = release_rollback(m, e);

	(void)a;
	if (rc > 0 && !m->dry_run)
		log_info("the previous release is current again; " RESTART_HINT);
	return rc;
}

static int prune(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	unsigned int keep = 0;

	if (cmd_number("keep", a->keep, 0, MAX_KEEP, &keep, e) < 0)
		return -1;
	return release_prune(m, keep, e);
}

static const struct cmd_verb verb_list = {
	.name = "list",
	.about = "Prints the releases that are installed, cached and pinned.",
	.list = list,
};

static const struct cmd_verb verb_fetch = {
	.name = "fetch",
	.about = "Fetches the archive of a release into the cache and verifies it. Without VERSION: the "
		 "release in cluster.conf.",
	.example = "release fetch 3.6.14",
	.args = { "[VERSION]", CMD_RELEASE },
	.change = fetch,
};

static const struct cmd_verb verb_verify = {
	.name = "verify",
	.about = "Verifies an archive or an installed release again.",
	.example = "release verify 3.6.14",
	.args = { "[VERSION|FILE]", CMD_RELEASE_FILE },
	.run = run_verify,
};

static const struct cmd_verb verb_install = {
	.name = "install",
	.about = "Installs a release beside the others. Fetches it if it is not in the cache. The first "
		 "release of a machine becomes the current one. etcd is not restarted.",
	.example = "release install 3.6.14",
	.args = { "VERSION|system", CMD_RELEASE },
	.change = install,
};

static const struct cmd_verb verb_use = {
	.name = "use",
	.about = "Makes an installed release the current one. Refused if it cannot use the data. etcd is "
		 "not restarted.",
	.example = "release use 3.6.14",
	.args = { "VERSION|system", CMD_RELEASE },
	.change = use,
};

static const struct cmd_verb verb_rollback = {
	.name = "rollback",
	.about = "Makes the previous release the current one. etcd is not restarted.",
	.change = rollback,
};

static const struct cmd_verb verb_prune = {
	.name = "prune",
	.about = "Deletes all releases but the current and the previous one, and their archives in the cache.",
	.example = "release prune --keep 1",
	.options = CMD_OPTIONS(CMD_VALUE("keep", "N", CMD_TEXT, keep, "Keep the N newest of them; default: 0.")),
	.change = prune,
};

const struct cmd_verb cmd_release = {
	.name = "release",
	.about = "Fetches, verifies, installs and switches etcd releases. Releases are installed side by "
		 "side; the link `current` names the one in use. None of these verbs restarts etcd.",
	.args = { "VERB ..." },
	.verbs = (const struct cmd_verb *const[]){ &verb_list, &verb_fetch, &verb_verify, &verb_install, &verb_use,
						   &verb_rollback, &verb_prune, NULL },
};

/* etcdadm has it. */
const struct cmd_verb cmd_download = {
	.name = "download",
	.about = "The same as release fetch.",
	.example = "download --version 3.6.14",
	.options = CMD_OPTIONS(CMD_VALUE("version", "VERSION", CMD_RELEASE, release, "As the argument.")),
	.args = { "[VERSION]", CMD_RELEASE },
	.change = fetch,
};
