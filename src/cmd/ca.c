/* SPDX-License-Identifier: Apache-2.0 */

#include "pki/ca.h"
#include "adapter/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "cahost/copy.h"
#include "cahost/order.h"
#include "cmd/cmd.h"
#include "flow/rotate.h"

static int show(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_pair struct pki_pair ca = { 0 };
	const struct x509_info *info = &ca.info;
	auto_free char *key = NULL, *sha256 = NULL, *spki = NULL;
	struct json_object *o;

	if (pki_ca_load(m, &ca, e) < 0)
		return -1;
	key = ca.key ? x509_key_describe(ca.key) : NULL;
	sha256 = x509_fingerprint(ca.cert);
	spki = x509_spki_fingerprint(ca.cert);
	if (!a->json) {
		(void)printf("subject      %s\nserial       %s\nvalid        %s to %s\nkey          %s\n"
			     "sha256       %s\nspki sha256  %s\n",
			     info->subject, info->serial, clock_day(info->not_before).text,
			     clock_day(info->not_after).text, key ? key : "not on this machine", sha256, spki);
		return CMD_DONE;
	}
	o = json_new_object();
	json_text(o, "subject", info->subject);
	json_text(o, "serial", info->serial);
	json_number(o, "not_before", info->not_before);
	json_number(o, "not_after", info->not_after);
	json_text(o, "key", key);
	json_text(o, "sha256", sha256);
	json_text(o, "spki_sha256", spki);
	json_print(o);
	return CMD_DONE;
}

static int export_to(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_buf struct buf records = { 0 };

	if (enroll_records_export(m, &records, e) < 0)
		return -1;
	return pki_ca_export(m, a->words[0], a->passphrase_file, &records, e);
}

static int import_from(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_buf struct buf records = { 0 };
	int ca = pki_ca_import(m, a->words[0], a->passphrase_file, &records, e), known;
	time_t exported;

	if (ca < 0 || m->dry_run)
		return ca;
	known = enroll_records_import(m, &records, &exported, e);
	if (known < 0 || takeover_imported(m, ca > 0, exported, e) < 0)
		return -1;
	if (ca > 0)
		log_info("next: etcd-cluster setup");
	return ca || known;
}

static int takeover(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	int rc = takeover_run(m, a->ca_host_fenced, e);

	if (rc == 0)
		log_info("nothing to do: this machine is the CA host");
	return rc;
}

/* --- rotate. */

static const char *const stages[] = {
	[PKI_STEADY] = "steady", [PKI_TRUSTING] = "trusting", [PKI_ROTATING] = "rotating", [PKI_ABORTED] = "aborted"
};
static const char *const kinds[] = {
	[ROTATE_MEMBER] = "member", [ROTATE_MACHINE] = "machine", [ROTATE_CLIENT] = "client"
};
static const char *const whose[] = {
	[ROTATE_UNKNOWN] = "unknown", [ROTATE_ISSUING] = "issuing", [ROTATE_OTHER] = "other"
};

static bool is_ready(const struct rotate_status *s)
{
	bool ready = s->agreed;

	for (size_t i = 0; i < s->n; i++)
		ready = ready && !s->list[i].problem;
	return ready;
}

static void status_json(const struct rotate_status *s)
{
	struct json_object *o = json_new_object(), *array;

	json_text(o, "stage", stages[s->files.stage]);
	json_text(o, "issuing_ca", s->files.ca.info.subject);
	json_time(o, "issuing_ca_not_after", s->files.ca.info.not_after);
	json_text(o, "other_ca", s->files.other_name);
	json_flag(o, "quorum", s->agreed);
	json_flag(o, "ready", is_ready(s));
	array = json_array_in(o, "parties");
	for (const struct rotate_party *p = s->list; p < s->list + s->n; p++) {
		struct json_object *one = json_object_in(array, NULL);

		json_text(one, "kind", kinds[p->kind]);
		json_text(one, "name", p->name);
		json_text(one, "presents", whose[p->presents]);
		json_texts(one, "trusts", p->trusts);
		json_text(one, "problem", p->problem);
		json_text(one, "fix", p->problem ? p->fix : NULL);
	}
	json_print(o);
}

static void status_text(const struct rotate_status *s)
{
	(void)printf("stage        %s\nissuing CA   %s\n", stages[s->files.stage], s->files.ca.info.subject);
	if (s->files.other_name)
		(void)printf("other CA     %s\n", s->files.other_name);
	if (!s->agreed)
		(void)puts("no quorum answers, so it is not known who the members are");
	if (s->n > 0)
		(void)printf("\n%-8s %-22s %-9s %s\n", "KIND", "NAME", "PRESENTS", "TRUSTS");
	for (const struct rotate_party *p = s->list; p < s->list + s->n; p++) {
		auto_free char *trusts = p->trusts ? strv_join(p->trusts, ", ") : NULL;

		(void)printf("%-8s %-22s %-9s %s\n", kinds[p->kind], p->name, whose[p->presents],
			     trusts ? trusts : "-");
		if (p->problem)
			(void)printf("  %s -> %s\n", p->problem, p->fix);
	}
	if (s->files.stage != PKI_STEADY && is_ready(s))
		(void)printf("\nall are ready: etcd-cluster ca rotate%s\n",
			     s->files.stage == PKI_TRUSTING ? "" : " --finish");
}

static int rotate_status(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_rotate_status struct rotate_status s = { 0 };

	if (rotate_look(m, &s, e) < 0)
		return -1;
	if (a->json)
		status_json(&s);
	else
		status_text(&s);
	return CMD_DONE;
}

static int rotate_change(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	if (a->finish)
		return rotate_finish(m, e);
	return a->abort ? rotate_abort(m, e) : rotate_begin(m, e);
}

static int rotate(const struct cmd_args *a, struct err *e)
{
	int rc;

	if (a->status + a->finish + a->abort > 1)
		return err_set(e, ERR_CONFIG, "--status, --finish and --abort do not go together");
	if (a->json && !a->status)
		return err_set(e, ERR_CONFIG, "--json goes with --status only");
	if (a->status)
		return cmd_on_machine(a, false, rotate_status, e);
	rc = cmd_on_machine(a, true, rotate_change, e);
	return rc < 0 ? -1 : rc > 0 ? CMD_DONE : CMD_NOTHING;
}

#define OPTION_PASSPHRASE                                                                                              \
	CMD_NEEDED("passphrase-file", "FILE", CMD_FILE, passphrase_file, "Its first line is the passphrase of the key.")

static const struct cmd_verb verb_show = {
	.name = "show",
	.about = "Prints subject, dates, key type and fingerprints of the CA.",
	.list = show,
};

static const struct cmd_verb verb_export = {
	.name = "export",
	.about = "Writes the certificate and the encrypted key of the CA into one file, with the records of who got "
		 "certificates and who was removed. An existing file is refused.",
	.example = "ca export --passphrase-file /root/passphrase /root/ca.pem",
	.options = CMD_OPTIONS(OPTION_PASSPHRASE),
	.args = { "TO", CMD_FILE },
	.change = export_to,
};

static const struct cmd_verb verb_import = {
	.name = "import",
	.about = "Installs an exported CA on a machine that has none. Another CA is never replaced. Records of the "
		 "file are added to those that are there. The machine is a standby, until ca takeover.",
	.example = "ca import --passphrase-file /root/passphrase /root/ca.pem",
	.options = CMD_OPTIONS(OPTION_PASSPHRASE),
	.args = { "FROM", CMD_FILE },
	.change = import_from,
};

static const struct cmd_verb verb_takeover = {
	.name = "takeover",
	.about =
		"Makes this machine, which has the CA key, the CA host: from now on it alone signs for other machines. "
		"Needs a quorum. The former CA host becomes a standby.",
	.options =
		CMD_OPTIONS(CMD_FLAG("ca-host-fenced", ca_host_fenced,
				     "Go on without a quorum. Confirm that the former CA host is off, or cut off from "
				     "all other machines.")),
	.change = takeover,
};

static const struct cmd_verb verb_rotate = {
	.name = "rotate",
	.about = "Puts a new CA in place of that of the CA host, without an outage. The former CA signs the key of the "
		 "new one, so that whoever trusts either accepts all certificates. Members and clients follow by "
		 "themselves. The former CA is trusted until --finish.",
	.example = "ca rotate --status",
	.options =
		CMD_OPTIONS(CMD_FLAG("status", status, "Show who presents certificates of which CA, and trusts which."),
			    CMD_FLAG("finish", finish,
				     "Trust the issuing CA alone. Refused while anybody presents something else, or "
				     "does not answer."),
			    CMD_FLAG("abort", abort, "Issue with the former CA again, before --finish."),
			    CMD_FLAG("json", json, "Print JSON, with --status.")),
	.dry_run = true,
	.run = rotate,
};

const struct cmd_verb cmd_ca = {
	.name = "ca",
	.about = "Shows, exports, imports, takes over and rotates the certificate authority (CA).",
	.args = { "VERB ..." },
	.verbs = (const struct cmd_verb *const[]){ &verb_show, &verb_export, &verb_import, &verb_takeover, &verb_rotate,
						   NULL },
};
