/* SPDX-License-Identifier: Apache-2.0
 *
 * cert: list, issue, renew, export.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/kubeadm.h"
#include "flow/certify.h"
#include "pki/export.h"
#include "pki/list.h"

static long long days_left(const struct pki_entry *c, time_t now)
{
	return ((long long)c->not_after - (long long)now) / DAY;
}

static void print_member(const char *key, const char *value)
{
	auto_free char *text = value ? text_json(value) : xstrdup("null");

	(void)printf(",\"%s\":%s", key, text);
}

static void print_json(const struct pki_entry *list, size_t n, time_t now)
{
	(void)fputs("[", stdout);
	for (size_t i = 0; i < n; i++) {
		const struct pki_entry *c = &list[i];
		auto_free char *name = text_json(c->name);

		(void)printf("%s\n{\"name\":%s", i > 0 ? "," : "", name);
		print_member("path", c->path);
		(void)printf(",\"present\":%s", c->present ? "true" : "false");
		if (c->present) {
			print_member("subject", c->subject);
			print_member("issuer", c->issuer);
			print_member("serial", c->serial);
			(void)printf(",\"not_before\":%lld,\"not_after\":%lld,\"days_left\":%lld,\"sans\":[",
				     (long long)c->not_before, (long long)c->not_after, days_left(c, now));
			for (char **san = c->sans; san && *san; san++) {
				auto_free char *text = text_json(*san);

				(void)printf("%s%s", san == c->sans ? "" : ",", text);
			}
			(void)fputs("]", stdout);
		}
		if (c->source)
			print_member("source", c->source);
		print_member("problem", c->problem);
		print_member("fix", c->fix);
		(void)fputs("}", stdout);
	}
	(void)fputs("\n]\n", stdout);
}

static void print_table(const struct pki_entry *list, size_t n, time_t now)
{
	if (n > 0 && list[0].source)
		(void)printf("signed by: %s\n\n", list[0].source);
	(void)printf("%-22s %9s  %s\n", "NAME", "DAYS LEFT", "SUBJECT");
	for (size_t i = 0; i < n; i++) {
		const struct pki_entry *c = &list[i];

		if (c->present)
			(void)printf("%-22s %9lld  %s\n", c->name, days_left(c, now), c->subject);
		else
			(void)printf("%-22s %9s  -\n", c->name, "-");
		if (c->problem)
			(void)printf("  %s%s%s\n", c->problem, c->fix ? "; " : "", c->fix ? c->fix : "");
	}
}

static int list_work(const struct machine *m, const void *arg, struct err *e)
{
	const bool *json = arg;
	struct pki_entry *list = NULL;
	size_t n = 0;

	(void)e;
	pki_list(m, &list, &n);
	(*json ? print_json : print_table)(list, n, m->now);
	pki_list_free(list, n);
	return 0;
}

static int cert_list(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	bool json = false;
	const struct cmd_option options[] = { { "json", &json, NULL }, { NULL, NULL, NULL } };

	if (cmd_options(argc, argv, options, 0, 0, "cert list [--json]", e) < 0)
		return -1;
	return cmd_on_machine(o, false, list_work, &json, e);
}

static int issue_work(const struct machine *m, const void *arg, struct err *e)
{
	auto_free char *path = NULL;
	int rc = pki_issue(m, arg, &path, e);

	if (rc > 0 && !m->dry_run)
		(void)printf("%s\n", path);
	return rc;
}

static int cert_issue(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	struct pki_order order = { 0 };
	const char *sans = NULL, *dir = NULL;
	const struct cmd_option options[] = { { "name", NULL, &order.name },
					      { "san", NULL, &sans },
					      { "out", NULL, &dir },
					      { "allow-root", &order.allow_root, NULL },
					      { "dry-run", &mine.dry_run, NULL },
					      { NULL, NULL, NULL } };
	int at = cmd_options(argc, argv, options, 1, 1,
			     "cert issue [--name NAME] [--san X,...] [--out DIR] [--allow-root] [--dry-run] "
			     "server|peer|client|apiserver|healthcheck",
			     e);
	auto_strv char **list = sans ? text_split(sans, ",") : NULL;

	if (at < 0)
		return -1;
	order.profile = argv[at];
	order.sans = list;
	order.dir = dir ? dir : ".";
	return cmd_on_machine(&mine, true, issue_work, &order, e) < 0 ? -1 : CMD_DONE;
}

struct renewal {
	char *const *names; /* NULL: all */
	bool force;
};

static int renew_work(const struct machine *m, const void *arg, struct err *e)
{
	const struct renewal *r = arg;

	return certify_renew(m, r->names, r->force, e);
}

static int cert_renew(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	struct renewal renewal = { 0 };
	const struct cmd_option options[] = { { "force", &renewal.force, NULL },
					      { "dry-run", &mine.dry_run, NULL },
					      { NULL, NULL, NULL } };
	int at = cmd_options(argc, argv, options, 0, 16, "cert renew [--force] [--dry-run] [NAME...]", e);

	if (at < 0)
		return -1;
	renewal.names = at < argc ? argv + at : NULL;
	return cmd_changed(cmd_on_machine(&mine, true, renew_work, &renewal, e));
}

static int export_work(const struct machine *m, const void *arg, struct err *e)
{
	auto_buf struct buf snippet = { 0 };
	int rc = pki_export(m, arg, e);

	if (rc < 0)
		return -1;
	cmd_kubeadm(m, &snippet);
	(void)fputs(buf_str(&snippet), stdout);
	return rc;
}

static int cert_export(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	const struct cmd_option options[] = { { "dry-run", &mine.dry_run, NULL }, { NULL, NULL, NULL } };
	int at = cmd_options(argc, argv, options, 1, 1, "cert export [--dry-run] DIR", e);

	if (at < 0)
		return -1;
	return cmd_changed(cmd_on_machine(&mine, true, export_work, argv[at], e));
}

int cmd_cert(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	static const struct cmd_sub subs[] = {
		{ "list", "[--json]", "days left, problems, and what mends them", cert_list },
		{ "issue", "PROFILE [--name N] …", "a pair for another host or a client", cert_issue },
		{ "renew", "[--force] [NAME…]", "what is due, without restarting etcd", cert_renew },
		{ "export", "DIR", "what kubeadm wants in pki/etcd", cert_export },
		{ NULL, NULL, NULL, NULL },
	};

	return cmd_dispatch(subs, argc, argv, o, e);
}
