/* SPDX-License-Identifier: Apache-2.0 */
#include "member/joining.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/keyfile.h"
#include "base/mem.h"
#include "base/text.h"

static const char *const steps[] = { [JOINING_ADDING] = "adding",
				     [JOINING_ADDED] = "added",
				     [JOINING_STARTED] = "started",
				     [JOINING_MEMBER] = "member" };

static bool parse_step(const char *s, enum joining_step *step)
{
	for (size_t i = 0; s && i < ARRAY_LEN(steps); i++) {
		if (strcmp(s, steps[i]) == 0) {
			*step = (enum joining_step)i;
			return true;
		}
	}
	return false;
}

/* What the steps rely on: an ID and the members from the moment on that the cluster has said them. */
static bool is_whole(const struct joining *j)
{
	return j->peer_url && (j->step == JOINING_ADDING || (j->cluster_id && j->member_id && j->initial_cluster));
}

int joining_read(const struct machine *m, struct joining *j, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };
	const char *peer, *cluster;

	*j = (struct joining){ 0 };
	if (keyfile_read(m->at.joining, &k, e) < 0)
		return err_absent(e);
	peer = keyfile_get(&k, "PEER_URL");
	cluster = keyfile_get(&k, "INITIAL_CLUSTER");
	j->peer_url = peer ? xstrdup(peer) : NULL;
	j->initial_cluster = cluster ? xstrdup(cluster) : NULL;
	if (parse_step(keyfile_get(&k, "STEP"), &j->step) &&
	    text_parse_id(keyfile_get(&k, "CLUSTER_ID"), &j->cluster_id) &&
	    text_parse_id(keyfile_get(&k, "MEMBER_ID"), &j->member_id) && is_whole(j))
		return 1;
	joining_free(j);
	(void)err_set(e, ERR_CONFIG,
		      "%s does not say STEP (adding, added, started, member), CLUSTER_ID and MEMBER_ID (16 hex digits "
		      "each), PEER_URL and INITIAL_CLUSTER",
		      m->at.joining);
	return err_hint(e, "etcd-cluster status on a member shows whether this machine is one");
}

void joining_free(struct joining *j)
{
	free(j->peer_url);
	free(j->initial_cluster);
	*j = (struct joining){ 0 };
}

int joining_write(const struct machine *m, const struct joining *j, struct err *e)
{
	auto_buf struct buf text = { 0 };

	buf_puts(&text, "# How this machine was added to its cluster; written by etcd-cluster, see etcd-cluster(8), "
			"FILES.\n");
	buf_printf(&text, "STEP=%s\nCLUSTER_ID=%016" PRIx64 "\nMEMBER_ID=%016" PRIx64 "\n", steps[j->step],
		   j->cluster_id, j->member_id);
	if (keyfile_put(&text, "PEER_URL", j->peer_url, e) < 0 ||
	    (j->initial_cluster && keyfile_put(&text, "INITIAL_CLUSTER", j->initial_cluster, e) < 0))
		return -1;
	return machine_write(m, m->at.joining, FILE_MODE(0644), &text, e);
}
