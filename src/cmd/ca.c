/* SPDX-License-Identifier: Apache-2.0 */

#include "pki/ca.h"
#include "adapter/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "cahost/copy.h"
#include "cahost/order.h"
#include "cmd/cmd.h"

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

const struct cmd_verb cmd_ca = {
	.name = "ca",
	.about = "Shows, exports, imports and takes over the certificate authority (CA).",
	.args = { "VERB ..." },
	.verbs = (const struct cmd_verb *const[]){ &verb_show, &verb_export, &verb_import, &verb_takeover, NULL },
};
