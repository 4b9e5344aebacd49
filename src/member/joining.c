/* SPDX-License-Identifier: Apache-2.0 */
#include "member/joining.h"

#include <inttypes.h>
#include <string.h>

#include "adapter/keyfile.h"
#include "base/text.h"
#include "config/check.h"

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

/* From JOINING_ADDED on the steps rely on the IDs and the members that the cluster answered with. */
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
		      "%s must have STEP (adding, added, started, member), CLUSTER_ID and MEMBER_ID (16 hex digits "
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
	buf_printf(&text, "STEP=%s\nCLUSTER_ID=" ID_FMT "\nMEMBER_ID=" ID_FMT "\n", steps[j->step], j->cluster_id,
		   j->member_id);
	if (keyfile_put(&text, "PEER_URL", j->peer_url, e) < 0 ||
	    (j->initial_cluster && keyfile_put(&text, "INITIAL_CLUSTER", j->initial_cluster, e) < 0))
		return -1;
	return machine_write(m, m->at.joining, FILE_MODE(0644), &text, e);
}

/* --- Rules. */

static bool is_usable_name(const struct rpc_members *list, const struct rpc_member *one, const char *own)
{
	size_t same = 0;

	for (size_t i = 0; i < list->n; i++)
		same += strcmp(list->list[i].name, one->name) == 0;
	return same == 1 && strcmp(one->name, own) != 0 && !config_check_name(one->name);
}

char *joining_cluster(const struct rpc_members *list, uint64_t id, const char *name)
{
	auto_buf struct buf b = { 0 };

	for (size_t i = 0; i < list->n; i++) {
		const struct rpc_member *one = &list->list[i];
		auto_free char *hex = xasprintf(ID_FMT, one->id);
		const char *label = hex;

		if (one->id == id)
			label = name;
		else if (is_usable_name(list, one, name))
			label = one->name;
		for (size_t k = 0; one->peer_urls && one->peer_urls[k]; k++)
			buf_printf(&b, "%s%s=%s", b.len > 0 ? "," : "", label, one->peer_urls[k]);
	}
	return xstrdup(buf_str(&b));
}

int joining_check_version(struct version own, char *const *theirs, struct err *e)
{
	struct version oldest = { 0 };
	bool known = false;

	for (size_t i = 0; theirs && theirs[i]; i++) {
		struct version one;

		if (!version_parse(theirs[i], &one) || (known && version_cmp(one, oldest) >= 0))
			continue;
		oldest = one;
		known = true;
	}
	if (!known || (own.major == oldest.major && (own.minor == oldest.minor || own.minor == oldest.minor + 1)))
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "this machine has etcd " VERSION_FMT ", the cluster runs " VERSION_FMT
		      ": a new member must be of the same minor version or the next one",
		      VERSION_ARGS(own), VERSION_ARGS(oldest));
	return err_hint(e, "write RELEASE=" VERSION_FMT " into cluster.conf, then: etcd-cluster setup",
			VERSION_ARGS(oldest));
}

enum joining_whose joining_whose(const struct joining *journal, const struct rpc_member *one, bool answers)
{
	const bool added = journal->step >= JOINING_ADDED && journal->member_id == one->id;

	if (answers)
		return added ? JOINING_RUNS : JOINING_FOREIGN;
	return one->is_learner ? JOINING_REMAINS : JOINING_FOREIGN;
}
