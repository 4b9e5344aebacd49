/* SPDX-License-Identifier: Apache-2.0
 *
 * token: new, list, revoke.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/report.h"
#include "enroll/token_issue.h"

#define DEFAULT_HOURS 24

/* "2026-11-21 10:15", in UTC. */
struct minute {
	char text[24];
};
static struct minute minute_of(time_t when)
{
	struct minute m = { .text = "?" };
	struct tm tm;

	if (gmtime_r(&when, &tm))
		(void)strftime(m.text, sizeof(m.text), "%Y-%m-%d %H:%M", &tm);
	return m;
}

/* Who may use it: "n4=10.0.0.4", "n4", "10.0.0.4", "MEMBERS", "anybody". The caller frees. */
static char *whom(const struct token_entry *t)
{
	if (t->name && t->address)
		return xasprintf("%s=%s", t->name, t->address);
	if (t->name || t->address)
		return xstrdup(t->name ? t->name : t->address);
	return xstrdup(t->members ? "MEMBERS" : "anybody");
}

/* --- new */

static int new_work(const struct machine *m, const void *arg, struct err *e)
{
	auto_token_entry struct token_entry t = { 0 };
	auto_free char *who = NULL;
	char text[TOKEN_TEXT];
	int rc = token_issue(m, arg, text, &t, e);

	if (rc < 0)
		return -1;
	who = whom(&t);
	log_info("%s enrolment token, for %s, %u use%s, until %s UTC", m->dry_run ? "would make an" : "this is the",
		 who, t.uses, t.uses == 1 ? "" : "s", minute_of(t.expires).text);
	if (m->dry_run)
		return rc;
	log_info("on the other machine: put it into a file of mode 0600; then: etcd-cluster join --token-file FILE %s",
		 m->conf.address);
	(void)printf("%s\n", text);
	explicit_bzero(text, sizeof(text));
	return rc;
}

static int number(const char *option, const char *text, unsigned int max, unsigned int *to, struct err *e)
{
	uint64_t value;

	if (!text)
		return 0;
	if (!text_parse_u64(text, 1, max, &value))
		return err_set(e, ERR_CONFIG, "--%s %s is not a whole number from 1 to %u", option, text, max);
	*to = (unsigned int)value;
	return 0;
}

static int token_make(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	struct token_order order = { .uses = 1, .hours = DEFAULT_HOURS };
	const char *sans = NULL, *uses = NULL, *hours = NULL;
	const struct cmd_option options[] = { { "name", NULL, &order.name }, { "address", NULL, &order.address },
					      { "san", NULL, &sans },	     { "uses", NULL, &uses },
					      { "hours", NULL, &hours },     { "dry-run", &mine.dry_run, NULL },
					      { NULL, NULL, NULL } };
	auto_strv char **list = NULL;

	if (cmd_options(argc, argv, options, 0, 0,
			"token new [--name NAME] [--address ADDRESS] [--san X,...] [--uses N] [--hours N] [--dry-run]",
			e) < 0 ||
	    number("uses", uses, TOKEN_MAX_USES, &order.uses, e) < 0 ||
	    number("hours", hours, TOKEN_MAX_HOURS, &order.hours, e) < 0)
		return -1;
	list = sans ? text_split(sans, ",") : NULL;
	order.sans = list;
	return cmd_on_machine(&mine, true, new_work, &order, e) < 0 ? -1 : CMD_DONE;
}

/* --- list */

static void print_json(const struct token_entry *list, size_t n, time_t now)
{
	(void)fputs("[", stdout);
	for (size_t i = 0; i < n; i++) {
		const struct token_entry *t = &list[i];

		(void)printf("%s\n{\"id\":\"%s\",\"made\":%lld,\"expires\":%lld,\"uses\":%u,\"left\":%u,\"members\":%s,"
			     "\"name\":",
			     i > 0 ? "," : "", t->token.id, (long long)t->made, (long long)t->expires, t->uses,
			     token_left(t, now), t->members ? "true" : "false");
		report_json_string(t->name);
		(void)fputs(",\"address\":", stdout);
		report_json_string(t->address);
		(void)fputs(",\"sans\":[", stdout);
		for (char **s = t->sans; s && *s; s++) {
			(void)fputs(s == t->sans ? "" : ",", stdout);
			report_json_string(*s);
		}
		(void)fputs("],\"used\":[", stdout);
		for (size_t u = 0; u < t->n_used; u++) {
			(void)fputs(u > 0 ? ",{\"name\":" : "{\"name\":", stdout);
			report_json_string(t->used[u].name);
			(void)printf(",\"time\":%lld}", (long long)t->used[u].at);
		}
		(void)fputs("]}", stdout);
	}
	(void)fputs("\n]\n", stdout);
}

static void print_table(const struct token_entry *list, size_t n, time_t now)
{
	(void)printf("%-16s %9s  %-16s  %-24s %s\n", "ID", "USES LEFT", "EXPIRES (UTC)", "FOR", "USED BY");
	for (size_t i = 0; i < n; i++) {
		const struct token_entry *t = &list[i];
		auto_free char *who = whom(t);

		(void)printf("%s %9u  %s  %-24s", t->token.id, token_left(t, now), minute_of(t->expires).text, who);
		for (size_t u = 0; u < t->n_used; u++)
			(void)printf(" %s", t->used[u].name);
		(void)puts(t->n_used > 0 ? "" : " -");
	}
}

static int list_work(const struct machine *m, const void *arg, struct err *e)
{
	const bool *json = arg;
	struct token_entry *list = NULL;
	size_t n = 0;
	int rc = token_store_list(m, &list, &n, e);

	if (rc == 0)
		(*json ? print_json : print_table)(list, n, m->now);
	token_list_free(list, n);
	return rc;
}

static int token_list(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	bool json = false;
	const struct cmd_option options[] = { { "json", &json, NULL }, { NULL, NULL, NULL } };

	if (cmd_options(argc, argv, options, 0, 0, "token list [--json]", e) < 0)
		return -1;
	return cmd_on_machine(o, false, list_work, &json, e);
}

/* --- revoke */

static int revoke_work(const struct machine *m, const void *arg, struct err *e)
{
	return token_revoke(m, arg, e);
}

static int token_take_back(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options mine = *o;
	const struct cmd_option options[] = { { "dry-run", &mine.dry_run, NULL }, { NULL, NULL, NULL } };
	int at = cmd_options(argc, argv, options, 1, 1, "token revoke [--dry-run] ID", e);

	if (at < 0)
		return -1;
	return cmd_changed(cmd_on_machine(&mine, true, revoke_work, argv[at], e));
}

int cmd_token(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	static const struct cmd_sub subs[] = {
		{ "new", "[--name N] [--address A] …", "a secret that lets a machine in; printed once", token_make },
		{ "list", "[--json]", "which there are, for whom, and who used them", token_list },
		{ "revoke", "ID", "end one before its time", token_take_back },
		{ NULL, NULL, NULL, NULL },
	};

	return cmd_dispatch(subs, argc, argv, o, e);
}
