/* SPDX-License-Identifier: Apache-2.0
 *
 * ca: show, export, import.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "pki/ca.h"
#include "pki/check.h"

static void print_json(const struct pki_ca_view *v)
{
	auto_free char *subject = text_json(v->subject);
	auto_free char *type = v->key_type ? text_json(v->key_type) : xstrdup("null");

	(void)printf("{\"subject\":%s,\"serial\":\"%s\",\"not_before\":%lld,\"not_after\":%lld,\"key\":%s,"
		     "\"sha256\":\"%s\",\"spki_sha256\":\"%s\"}\n",
		     subject, v->serial, (long long)v->not_before, (long long)v->not_after, type, v->fingerprint,
		     v->spki);
}

static void print_table(const struct pki_ca_view *v)
{
	(void)printf("subject      %s\nserial       %s\nvalid        %s to %s\nkey          %s\n", v->subject,
		     v->serial, pki_date(v->not_before).text, pki_date(v->not_after).text,
		     v->key_type ? v->key_type : "not on this machine");
	(void)printf("sha256       %s\nspki sha256  %s\n", v->fingerprint, v->spki);
}

static int show_work(const struct machine *m, const void *arg, struct err *e)
{
	const bool *json = arg;
	struct pki_ca_view view = { 0 };
	int rc = pki_ca_show(m, &view, e);

	if (rc == 0)
		(*json ? print_json : print_table)(&view);
	pki_ca_view_free(&view);
	return rc;
}

static int ca_show(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	bool json = false;
	const struct cmd_option options[] = { { "json", &json, NULL }, { NULL, NULL, NULL } };

	if (cmd_options(argc, argv, options, 0, 0, "ca show [--json]", e) < 0)
		return -1;
	return cmd_on_machine(o, false, show_work, &json, e);
}

/* What export and import have in common. */
struct carriage {
	int (*run)(const struct machine *m, const char *file, const char *passphrase_file, struct err *e);
	const char *file;
	const char *passphrase;
};

static int carry_work(const struct machine *m, const void *arg, struct err *e)
{
	const struct carriage *c = arg;

	return c->run(m, c->file, c->passphrase, e);
}

static int carry(int argc, char **argv, const struct machine_options *o, const char *usage, struct carriage c,
		 struct err *e)
{
	struct machine_options mine = *o;
	const struct cmd_option options[] = { { "passphrase-file", NULL, &c.passphrase },
					      { "dry-run", &mine.dry_run, NULL },
					      { NULL, NULL, NULL } };
	int at = cmd_options(argc, argv, options, 1, 1, usage, e);

	if (at < 0)
		return -1;
	if (!c.passphrase) {
		(void)err_set(e, ERR_CONFIG, "--passphrase-file is missing: the CA's key travels encrypted only");
		return err_hint(e, "usage: etcd-cluster %s", usage);
	}
	c.file = argv[at];
	return cmd_changed(cmd_on_machine(&mine, true, carry_work, &c, e));
}

static int ca_export(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	return carry(argc, argv, o, "ca export --passphrase-file FILE [--dry-run] TO",
		     (struct carriage){ .run = pki_ca_export }, e);
}

static int ca_import(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	int rc = carry(argc, argv, o, "ca import --passphrase-file FILE [--dry-run] FROM",
		       (struct carriage){ .run = pki_ca_import }, e);

	if (rc == CMD_DONE)
		log_info("next: etcd-cluster setup");
	return rc;
}

int cmd_ca(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	static const struct cmd_sub subs[] = {
		{ "show", "[--json]", "name, dates and fingerprints of the CA", ca_show },
		{ "export", "--passphrase-file F TO", "certificate and encrypted key in one file", ca_export },
		{ "import", "--passphrase-file F FROM", "bring such a file to a machine without a CA", ca_import },
		{ NULL, NULL, NULL, NULL },
	};

	return cmd_dispatch(subs, argc, argv, o, e);
}
