/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cahost/order.h"
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

static int work(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_strv char **sans = a->san ? text_split(a->san, BLANKS ",") : NULL;
	const struct pki_bundle b = { .member = a->words[0], .sans = sans, .out = a->out, .record = bundle_record };
	cleanup(pki_signed_free) struct pki_signed made = { .name = NULL };
	int rc = issue_check(m, NULL, e) < 0 ? -1 : pki_bundle(m, &b, &made, e);

	if (rc < 0 || m->dry_run)
		return rc;
	(void)printf("%s\n", b.out);
	print_next(m, &b, made.address);
	return rc;
}

const struct cmd_verb cmd_bundle = {
	.name = "bundle",
	.about = "Makes the certificates of another machine, to be copied there. Needs ca.key. A directory is for "
		 "/etc/etcd/pki there; an archive is unpacked below /. NAME=ADDRESS must agree with MEMBERS.",
	.example = "bundle --out /root/n2 n2=10.0.0.2",
	.options = CMD_OPTIONS(CMD_OPTION_SAN, CMD_NEEDED("out", "DIR|FILE.tar", CMD_FILE, out,
							  "Directory or archive to make; must not exist.")),
	.args = { "NAME=ADDRESS" },
	.change = work,
};
