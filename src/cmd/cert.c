/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "adapter/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cahost/order.h"
#include "cahost/record.h"
#include "cluster/membership.h"
#include "cmd/cmd.h"
#include "config/check.h"
#include "config/key.h"
#include "enroll/client_cert.h"
#include "flow/certify.h"
#include "flow/common.h"
#include "member/endpoint.h"
#include "pki/check.h"
#include "pki/export.h"
#include "pki/list.h"
#include "pki/origin.h"

#define LOOK_MS	    2000
#define KUBEADM_DIR "/etc/kubernetes/pki/etcd" /* the container of the API server can see it */

static void list_json(const struct machine *m, const struct pki_entry *list)
{
	struct json_object *array = json_new_array();

	for (const struct pki_entry *c = list; c < list + PKI_ENTRIES; c++) {
		struct json_object *o = json_object_in(array, NULL);

		json_text(o, "name", c->name);
		json_text(o, "path", c->path);
		json_flag(o, "present", c->present);
		if (c->present) {
			json_text(o, "subject", c->info.subject);
			json_text(o, "issuer", c->info.issuer);
			json_text(o, "serial", c->info.serial);
			json_time(o, "not_before", c->info.not_before);
			json_time(o, "not_after", c->info.not_after);
			json_number(o, "days_left", pki_days_left(m, c->info.not_after));
			json_texts(o, "sans", c->info.sans);
		}
		if (c->source)
			json_text(o, "source", c->source);
		json_text(o, "problem", c->problem);
		json_text(o, "fix", c->fix);
	}
	json_print(array);
}

static void list_text(const struct machine *m, const struct pki_entry *list)
{
	(void)printf("signed by: %s\n\n%-22s %9s  %s\n", list[0].source, "NAME", "DAYS LEFT", "SUBJECT");
	for (const struct pki_entry *c = list; c < list + PKI_ENTRIES; c++) {
		if (c->present)
			(void)printf("%-22s %9lld  %s\n", c->name, pki_days_left(m, c->info.not_after),
				     c->info.subject);
		else
			(void)printf("%-22s %9s  -\n", c->name, "-");
		if (c->problem)
			(void)printf("  %s%s%s\n", c->problem, c->fix ? "; " : "", c->fix ? c->fix : "");
	}
}

static void list_clients(const struct machine *m, const struct enroll_records *all)
{
	for (const struct enroll_record *r = all->list; r < all->list + all->n; r++)
		(void)printf("%-22s %9lld  %-23s  %s\n", r->name, pki_days_left(m, enroll_record_end(r)),
			     clock_minute(r->visits.n > 0 ? r->visits.list[0].time : r->time).text,
			     r->kind == ENROLL_ISSUED ? "cert issue"
			     : r->visits.n > 0	      ? r->visits.list[0].source
						      : "-");
}

static int list(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	cleanup(enroll_records_free) struct enroll_records clients = { 0 }, issued = { 0 };
	struct pki_entry *entries = pki_list(m);
	struct err unread = { 0 };

	(void)e;
	(a->json ? list_json : list_text)(m, entries);
	if (!a->json && pki_origin(m) == PKI_CA) {
		if (enroll_records_read(m, ENROLL_CLIENT, &clients, &unread) < 0 ||
		    enroll_records_read(m, ENROLL_ISSUED, &issued, &unread) < 0)
			log_error(LOG_WARNING, &unread);
		if (clients.n + issued.n > 0)
			(void)printf("\n%-22s %9s  %-23s  %s\n", "CLIENT", "DAYS LEFT", "LAST RENEWAL", "FROM");
		list_clients(m, &clients);
		list_clients(m, &issued);
	}
	pki_list_free(entries);
	return 0;
}

static int issue(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_strv char **sans = a->san ? text_split(a->san, BLANKS ",") : NULL;
	const struct pki_order order = { .profile = a->words[0],
					 .name = a->name,
					 .sans = sans,
					 .dir = a->out ? a->out : ".",
					 .allow_root = a->allow_root,
					 .record = issue_record };
	const bool client = strcmp(order.profile, pki_profile(PKI_ETCDCTL)->verb) == 0;
	auto_free char *path = NULL;

	if (issue_check(m, client ? order.name : NULL, e) < 0 || pki_issue(m, &order, &path, e) < 0)
		return -1;
	if (!m->dry_run)
		(void)printf("%s\n", path);
	return 1;
}

static int renew(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	int rc = certify_renew(m, a->words[0] ? a->words : NULL, a->force, e), came;
	struct err unasked = { 0 };

	came = rc < 0 ? 0 : common_revocations(m, &unasked);
	if (came < 0)
		log_debug("%s", unasked.msg);
	return rc < 0 ? -1 : rc || came > 0;
}

/*
 * The `etcd:` part of kubeadm's ClusterConfiguration: the client URLs of all voting members, as the members know them
 * or, when none answers, as cluster.conf does.
 */
static void print_kubeadm(const struct machine *m)
{
	struct rpc_members all cleanup(rpc_members_free) = { 0 };
	auto_strv char **voters = NULL;
	struct err nobody = { 0 };

	if (!m->dry_run && membership_look(m, LOOK_MS, &all, &nobody) == 0)
		for (size_t i = 0; i < all.n; i++)
			if (!all.list[i].is_learner) /* a learner does not serve clients */
				strv_add_all(&voters, all.list[i].client_urls);
	if (!voters)
		voters = endpoint_all(m);
	(void)puts("# Belongs into kubeadm's ClusterConfiguration, and the files into " KUBEADM_DIR ".\n"
		   "etcd:\n  external:\n    endpoints:");
	for (char **url = voters; url && *url; url++)
		(void)printf("      - \"%s\"\n", *url);
	(void)puts("    caFile: " KUBEADM_DIR "/ca.crt\n"
		   "    certFile: " KUBEADM_DIR "/apiserver-etcd-client.crt\n"
		   "    keyFile: " KUBEADM_DIR "/apiserver-etcd-client.key");
}

static int export_to(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	int rc = pki_export(m, a->words[0], e);

	if (rc >= 0)
		print_kubeadm(m);
	return rc;
}

static int work_request(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_free char *host = NULL, *url = NULL, *dir = NULL;
	struct client_want want = { .cn = a->words[0], .token_file = a->token_file, .force = a->force };
	const char *why = pki_check_cn(want.cn);
	uint16_t port = 0;

	if (why)
		return err_set(e, ERR_CONFIG, "%s %s", want.cn, why);
	if (!config_split_join(a->from, &host, &port) || config_check_address(host))
		return err_set(e, ERR_CONFIG, "--from %s is not ADDRESS or ADDRESS:PORT", a->from);
	/* The directory may have to be exchanged as a whole, which "." cannot. */
	dir = realpath(a->out, NULL);
	want.dir = dir ? dir : a->out;
	url = config_url(host, port ? port : m->conf.enroll_port);
	want.server = url + strlen("https://");
	return client_cert(m, &want, e);
}

static int request(const struct cmd_args *a, struct err *e)
{
	int rc = cmd_on_machine(a, false, work_request, e);

	return rc < 0 ? -1 : rc > 0 ? CMD_DONE : CMD_NOTHING;
}

static int revoke(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	const struct member client = { .name = a->words[0] };
	int rc = client_revoke(m, client.name, e);
	struct err unasked = { 0 };

	if (rc <= 0 || m->dry_run)
		return rc;
	log_info("the certificates of %s are revoked", client.name);
	if (member_survey(m, LOOK_MS, &s, &unasked) < 0)
		log_debug("%s", unasked.msg);
	common_revoke(m, &s, &client);
	return 1;
}

static const struct cmd_verb verb_list = {
	.name = "list",
	.about = "Prints the certificates of this machine with days left, problems and fixes; on a CA host the "
		 "clients, too.",
	.list = list,
};

static const struct cmd_verb verb_issue = {
	.name = "issue",
	.about = "Makes a key and a certificate for another host or a client. Prints the path of the "
		 "certificate. Needs ca.key.",
	.example = "cert issue --name backup --out /root/backup client",
	.options =
		CMD_OPTIONS(CMD_VALUE("name", "NAME", CMD_TEXT, name, "Name in the certificate."), CMD_OPTION_SAN,
			    CMD_VALUE("out", "DIR", CMD_DIR, out, "Directory for the files; default: the current one."),
			    CMD_FLAG("allow-root", allow_root, "Allow the name root, which has all rights in etcd.")),
	.args = { "server|peer|client|apiserver|healthcheck", CMD_WORDS },
	.change = issue,
};

static const struct cmd_verb verb_renew = {
	.name = "renew",
	.about = "Renews the certificates that end soon, or only the named ones. Checks by a handshake "
		 "that etcd serves them. Keys stay, etcd is not restarted. A timer runs this every day.",
	.example = "cert renew --force server",
	.options = CMD_OPTIONS(CMD_FLAG("force", force, "Renew even if it is not due.")),
	.args = { "[NAME...]", CMD_CERT },
	.change = renew,
};

static const struct cmd_verb verb_request = {
	.name = "request",
	.about =
		"Gets a client certificate from a CA host, with a token, and renews it with its key when it ends soon. "
		"Writes CN.key, CN.crt and ca.crt. Needs no etcd and no cluster.conf here. The token file is wiped "
		"after use.",
	.example = "cert request --from 10.0.0.1 --token-file /root/token --out /etc/backup/pki backup",
	.options = CMD_OPTIONS(CMD_NEEDED("from", "CA-HOST", CMD_TEXT, from,
					  "Address of the CA host; with :PORT unless that is ENROLL_PORT."),
			       CMD_NEEDED("out", "DIR", CMD_DIR, out, "Directory for the files."),
			       CMD_VALUE("token-file", "FILE", CMD_FILE, token_file, "File with the token."),
			       CMD_FLAG("force", force, "Get a new one even if it is not due.")),
	.args = { "CN", CMD_TEXT },
	.dry_run = true,
	.run = request,
};

static const struct cmd_verb verb_revoke = {
	.name = "revoke",
	.about = "Revokes every certificate that a client got with a token of this CA host, or that cert issue made "
		 "for this name. Its key is refused for good; the name needs a token that is made later.",
	.example = "cert revoke backup",
	.args = { "CN", CMD_TEXT },
	.change = revoke,
};

static const struct cmd_verb verb_export = {
	.name = "export",
	.about = "Writes the certificates that kubeadm needs in pki/etcd into a directory. Prints the etcd "
		 "part of its ClusterConfiguration.",
	.example = "cert export /root/kubeadm",
	.args = { "DIR", CMD_DIR },
	.change = export_to,
};

const struct cmd_verb cmd_cert = {
	.name = "cert",
	.about = "Lists, issues, requests, renews, revokes and exports certificates.",
	.args = { "VERB ..." },
	.verbs = (const struct cmd_verb *const[]){ &verb_list, &verb_issue, &verb_request, &verb_renew, &verb_revoke,
						   &verb_export, NULL },
};
