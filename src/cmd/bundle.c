/* SPDX-License-Identifier: Apache-2.0
 *
 * bundle: the certificates of another machine, to be copied there beforehand.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "pki/bundle.h"

/* How it gets there: by any means that keeps it secret, ssh for one. */
static void print_next(const struct machine *m, const struct pki_bundle *b, const char *address)
{
	if (pki_bundle_is_tar(b->out))
		log_info("next: ssh root@%s tar -C / -xpf - <%s", address, b->out);
	else
		log_info("next: tar -C %s -c . | ssh root@%s 'mkdir -p %s && tar -C %s -xpf -'", b->out, address,
			 m->at.pki + strlen(m->at.root), m->at.pki + strlen(m->at.root));
	log_info("then, there: etcd-cluster setup");
}

static int work(const struct machine *m, const void *arg, struct err *e)
{
	const struct pki_bundle *b = arg;
	auto_free char *name = NULL, *address = NULL;
	int rc = pki_bundle(m, b, &name, &address, e);

	if (rc < 0 || m->dry_run)
		return rc;
	(void)printf("%s\n", b->out);
	print_next(m, b, address);
	return rc;
}

int cmd_bundle(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	static const char usage[] = "bundle [--san X,...] --out DIR|FILE.tar [--dry-run] NAME=ADDRESS";
	struct machine_options mine = *o;
	struct pki_bundle bundle = { 0 };
	const char *sans = NULL;
	const struct cmd_option options[] = { { "san", NULL, &sans },
					      { "out", NULL, &bundle.out },
					      { "dry-run", &mine.dry_run, NULL },
					      { NULL, NULL, NULL } };
	int at = cmd_options(argc, argv, options, 1, 1, usage, e);
	auto_strv char **list = sans ? text_split(sans, ",") : NULL;

	if (at < 0)
		return -1;
	if (!bundle.out) {
		(void)err_set(e, ERR_CONFIG, "--out is missing: the keys have to go somewhere");
		return err_hint(e, "usage: etcd-cluster %s", usage);
	}
	bundle.member = argv[at];
	bundle.sans = list;
	return cmd_on_machine(&mine, true, work, &bundle, e) < 0 ? -1 : CMD_DONE;
}
