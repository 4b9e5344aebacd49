/* SPDX-License-Identifier: Apache-2.0 */
#include "member/joining_rules.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "config/check.h"

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
		auto_free char *hex = xasprintf("%016" PRIx64, one->id);
		const char *called = one->id == id ? name : is_usable_name(list, one, name) ? one->name : hex;

		for (size_t k = 0; one->peer_urls && one->peer_urls[k]; k++)
			buf_printf(&b, "%s%s=%s", b.len > 0 ? "," : "", called, one->peer_urls[k]);
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
