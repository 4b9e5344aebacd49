/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "cmd/cmd.h"
#include "flow/recover.h"

static int work(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	uint64_t cluster_id = 0;

	if (!text_parse_hex(a->force_new_cluster, &cluster_id)) {
		(void)err_set(e, ERR_CONFIG, "%s is not a valid cluster ID (up to 16 hex digits)",
			      a->force_new_cluster);
		return err_hint(e, "CLUSTER_ID in %s is that of this machine", m->at.member_id);
	}
	return recover_run(m, cluster_id, e);
}

static const struct cmd_option options[] = {
	CMD_NEEDED("force-new-cluster", "CLUSTER_ID", CMD_TEXT, force_new_cluster,
		   "The cluster ID that status shows, as confirmation."),
	CMD_END,
};

const struct cmd_verb cmd_restore = {
	.name = "restore",
	.about = "Makes a cluster of one from the data of this machine when the quorum is lost for ever. "
		 "Writes that only other members had are lost; those members must never run with their "
		 "data again. Refused if there is a quorum or another member answers.",
	.example = "restore --force-new-cluster 9c1f03e1f0a2b7d4",
	.options = options,
	.change = work,
};
