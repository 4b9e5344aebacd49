/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "adapter/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cahost/order.h"
#include "cmd/cmd.h"

#define DEFAULT_HOURS 24

/* Who may use it: "client backup", "n4=10.0.0.4", "n4", "10.0.0.4", "MEMBERS", "anybody". The caller frees. */
static char *whom(const struct token_entry *t)
{
	if (t->client)
		return xasprintf("client %s", t->name);
	if (t->name && t->address)
		return xasprintf("%s=%s", t->name, t->address);
	if (t->name || t->address)
		return xstrdup(t->name ? t->name : t->address);
	return xstrdup(t->members ? "MEMBERS" : "anybody");
}

static int make(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_strv char **sans = a->san ? text_split(a->san, BLANKS ",") : NULL;
	auto_strv char **addresses = a->addresses ? text_split(a->addresses, BLANKS ",") : NULL;
	struct token_order order = { .client = a->client,
				     .name = a->name,
				     .address = a->address,
				     .from = a->from,
				     .addresses = addresses,
				     .sans = sans,
				     .uses = 1,
				     .hours = DEFAULT_HOURS,
				     .recovery = a->recovery };
	auto_token_entry struct token_entry t = { 0 };
	auto_free char *who = NULL, *server = config_url(m->conf.address, m->conf.enroll_port);
	char text[TOKEN_TEXT];

	if (cmd_number("uses", a->uses, 1, TOKEN_MAX_USES, &order.uses, e) < 0 ||
	    cmd_number("hours", a->hours, 1, TOKEN_MAX_HOURS, &order.hours, e) < 0 ||
	    token_issue(m, &order, text, &t, e) < 0)
		return -1;
	who = whom(&t);
	log_info("%s enrolment token, for %s, %u use%s, until %s", m->dry_run ? "would make an" : "this is the", who,
		 t.uses, t.uses == 1 ? "" : "s", clock_minute(t.expires).text);
	if (t.client)
		log_info("a client certificate can do everything to etcd unless RBAC is on (etcdctl auth enable)");
	if (m->dry_run)
		return 1;
	if (t.client)
		log_info(
			"on the other machine: put it into a file of mode 0600; then: etcd-cluster cert request --from "
			"%s --token-file FILE --out DIR %s",
			server + strlen("https://"), t.name);
	else
		log_info("on the other machine: put it into a file of mode 0600; then: etcd-cluster join --token-file "
			 "FILE %s",
			 m->conf.address);
	(void)printf("%s\n", text);
	explicit_bzero(text, sizeof(text));
	return 1;
}

static void list_json(const struct token_list *list, time_t now)
{
	struct json_object *array = json_new_array(), *used;

	for (const struct token_entry *t = list->entries; t < list->entries + list->n; t++) {
		struct json_object *o = json_object_in(array, NULL);

		json_text(o, "id", t->token.id);
		json_time(o, "made", t->made);
		json_time(o, "expires", t->expires);
		json_number(o, "uses", t->uses);
		json_number(o, "left", token_left(t, now));
		json_flag(o, "members", t->members);
		json_text(o, "client", t->client ? t->name : NULL);
		json_text(o, "name", t->client ? NULL : t->name);
		json_text(o, "address", t->address);
		json_text(o, "from", t->from);
		json_texts(o, "addresses", t->addresses);
		json_texts(o, "sans", t->sans);
		json_flag(o, "recovery", t->recovery);
		used = json_array_in(o, "used");
		for (size_t u = 0; u < t->n_used; u++) {
			struct json_object *use = json_object_in(used, NULL);

			json_text(use, "name", t->used[u].name);
			json_time(use, "time", t->used[u].at);
		}
	}
	json_print(array);
}

static void list_text(const struct token_list *list, time_t now)
{
	(void)printf("%-16s %9s  %-20s  %-24s %s\n", "ID", "USES LEFT", "EXPIRES", "FOR", "USED BY");
	for (const struct token_entry *t = list->entries; t < list->entries + list->n; t++) {
		auto_free char *who = whom(t);

		(void)printf("%s %9u  %s  %-24s", t->token.id, token_left(t, now), clock_minute(t->expires).text, who);
		for (size_t u = 0; u < t->n_used; u++)
			(void)printf(" %s", t->used[u].name);
		(void)puts(t->n_used > 0 ? "" : " -");
	}
}

static int list(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_token_list struct token_list all = { 0 };

	if (token_store_list(m, &all, e) < 0)
		return -1;
	(a->json ? list_json : list_text)(&all, m->now);
	return 0;
}

static int revoke(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	return token_revoke(m, a->words[0], e);
}

static const struct cmd_verb verb_new = {
	.name = "new",
	.about = "Makes an enrolment token and prints it. With the token another machine gets its certificates from "
		 "this CA host. The token cannot be printed again. Opens the enrolment port.",
	.example = "token new --name n4 --address 10.0.0.4",
	.options = CMD_OPTIONS(
		CMD_VALUE("client", "CN", CMD_TEXT, client,
			  "It is for a client certificate with this name, and goes with --hours only."),
		CMD_VALUE("name", "NAME", CMD_TEXT, name, "Only the machine with this name may use it."),
		CMD_VALUE("address", "ADDRESS", CMD_TEXT, address, "Only the machine with this address may use it."),
		CMD_VALUE("addresses", "LIST", CMD_TEXT, addresses,
			  "Its ADDRESSES: further IP addresses. Needs --name and --address."),
		CMD_VALUE("from", "IP", CMD_TEXT, from,
			  "It connects from this address, as behind NAT. Needs --name and --address."),
		CMD_OPTION_SAN,
		CMD_FLAG(
			"recovery", recovery,
			"It is good without a quorum, too: for a machine without which there is none. Needs --name and "
			"--address."),
		CMD_VALUE("uses", "N", CMD_TEXT, uses, "Number of machines that may use it; default: 1."),
		CMD_VALUE("hours", "N", CMD_TEXT, hours, "Hours until it expires; default: 24.")),
	.change = make,
};

static const struct cmd_verb verb_list = {
	.name = "list",
	.about = "Prints the tokens, who may use them and who has. Secrets are not printed.",
	.list = list,
};

static const struct cmd_verb verb_revoke = {
	.name = "revoke",
	.about = "Removes a token before it expires. Machines that enrolled with it keep their certificates.",
	.example = "token revoke 3f9a12c0d4e5b678",
	.args = { "ID", CMD_TOKEN },
	.change = revoke,
};

const struct cmd_verb cmd_token = {
	.name = "token",
	.about = "Makes, lists and revokes enrolment tokens on a CA host.",
	.args = { "VERB ..." },
	.verbs = (const struct cmd_verb *const[]){ &verb_new, &verb_list, &verb_revoke, NULL },
};
