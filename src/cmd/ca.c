/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "adapter/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "pki/ca.h"
#include "pki/check.h"

static void show_json(const struct pki_ca_view *v)
{
	struct json_object *o = json_new_object();

	json_text(o, "subject", v->subject);
	json_text(o, "serial", v->serial);
	json_number(o, "not_before", v->not_before);
	json_number(o, "not_after", v->not_after);
	json_text(o, "key", v->key_type);
	json_text(o, "sha256", v->fingerprint);
	json_text(o, "spki_sha256", v->spki);
	json_print(o);
}

static void show_text(const struct pki_ca_view *v)
{
	(void)printf("subject      %s\nserial       %s\nvalid        %s to %s\nkey          %s\n", v->subject,
		     v->serial, clock_day(v->not_before).text, clock_day(v->not_after).text,
		     v->key_type ? v->key_type : "not on this machine");
	(void)printf("sha256       %s\nspki sha256  %s\n", v->fingerprint, v->spki);
}

static int show(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	struct pki_ca_view view = { 0 };
	int rc = pki_ca_show(m, &view, e);

	if (rc == 0)
		(a->json ? show_json : show_text)(&view);
	pki_ca_view_free(&view);
	return rc;
}

static int export_to(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	return pki_ca_export(m, a->words[0], a->passphrase_file, e);
}

static int import_from(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	int rc = pki_ca_import(m, a->words[0], a->passphrase_file, e);

	if (rc > 0)
		log_info("next: etcd-cluster setup");
	return rc;
}

static const struct cmd_option passphrase[] = {
	CMD_NEEDED("passphrase-file", "FILE", CMD_FILE, passphrase_file,
		   "Its first line is the passphrase of the encrypted key."),
	CMD_END,
};

static const struct cmd_verb verb_show = {
	.name = "show",
	.about = "Prints name, dates, key type and fingerprints of the certificate authority.",
	.list = show,
};

static const struct cmd_verb verb_export = {
	.name = "export",
	.about = "Writes its certificate and its encrypted key into one file. An existing file is refused.",
	.example = "ca export --passphrase-file /root/passphrase /root/ca.pem",
	.options = passphrase,
	.args = { "TO", CMD_FILE },
	.change = export_to,
};

static const struct cmd_verb verb_import = {
	.name = "import",
	.about = "Brings an exported file to a machine without a CA. Another CA is never replaced.",
	.example = "ca import --passphrase-file /root/passphrase /root/ca.pem",
	.options = passphrase,
	.args = { "FROM", CMD_FILE },
	.change = import_from,
};

const struct cmd_verb cmd_ca = {
	.name = "ca",
	.about = "Shows, exports and imports the certificate authority.",
	.args = { "VERB ..." },
	.verbs = (const struct cmd_verb *const[]){ &verb_show, &verb_export, &verb_import, NULL },
};
