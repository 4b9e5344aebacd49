/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cahost/record.h"
#include "cahost/token_store.h"
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

/* So that the enrolment server knows the machine. The keys that it had before are refused from now on. */
static int put_record(const struct machine *m, const struct pki_bundled *made, char **sans, struct err *e)
{
	cleanup(enroll_grants_free) struct enroll_grants grants = { 0 };
	auto_close int lock = token_store_lock(m, e);

	enroll_grants_add(&grants, made->end, made->serials, m->now);
	const struct enroll_record r = { .name = made->name,
					 .address = made->address,
					 .sans = sans,
					 .key = made->key,
					 .since = m->now,
					 .time = m->now,
					 .grants = grants };

	return lock < 0 || enroll_record_bury(m, ENROLL_MACHINE, made->name, e) < 0 || enroll_record_write(m, &r, e) < 0
		       ? -1
		       : 0;
}

static int work(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	auto_strv char **sans = a->san ? text_split(a->san, BLANKS ",") : NULL;
	const struct pki_bundle b = { .member = a->words[0], .sans = sans, .out = a->out };
	cleanup(pki_bundled_free) struct pki_bundled made;
	int rc = pki_bundle(m, &b, &made, e);

	if (rc < 0 || m->dry_run)
		return rc;
	if (put_record(m, &made, sans, e) < 0)
		return -1;
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
