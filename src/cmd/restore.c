/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd-cluster restore: back from what cannot be mended any more.
 */
#include "base/text.h"
#include "cmd/cmd.h"
#include "flow/recover.h"

static const char usage[] = "restore --force-new-cluster CLUSTER_ID [--dry-run]";

static int restore(const struct machine *m, const void *arg, struct err *e)
{
	uint64_t cluster_id = 0;
	const char *typed = arg;

	if (!typed) {
		(void)err_set(e, ERR_CONFIG, "restore needs --force-new-cluster CLUSTER_ID");
		return err_hint(e, "usage: etcd-cluster %s", usage);
	}
	if (!text_parse_hex(typed, &cluster_id)) {
		(void)err_set(e, ERR_CONFIG, "%s is no cluster ID (up to 16 hex digits)", typed);
		return err_hint(e, "CLUSTER_ID in %s is that of this machine", m->at.member_id);
	}
	return recover_run(m, cluster_id, e);
}

int cmd_restore(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	struct machine_options where = *o;
	const char *cluster_id = NULL;
	const struct cmd_option options[] = { { .name = "force-new-cluster", .value = &cluster_id },
					      { .name = "dry-run", .flag = &where.dry_run },
					      { 0 } };

	if (cmd_options(argc, argv, options, 0, 0, usage, e) < 0)
		return -1;
	return cmd_changed(cmd_on_machine(&where, true, restore, cluster_id, e));
}
