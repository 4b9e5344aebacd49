/* SPDX-License-Identifier: Apache-2.0 */
#include "member/quorum.h"

struct member_votes quorum_without(struct member_votes now, bool voter, bool healthy)
{
	struct member_votes left = now;

	if (!voter)
		return left;
	left.all -= left.all > 0;
	left.healthy -= healthy && left.healthy > 0;
	left.quorum = left.all / 2 + 1;
	return left;
}

enum removal quorum_check_removal(struct member_votes now, bool voter, bool healthy)
{
	struct member_votes left = quorum_without(now, voter, healthy);

	if (voter && now.all <= 1)
		return REMOVAL_LAST;
	/* The change is an entry of the log: the voters of today must agree to it, the one that goes among them. */
	if (now.healthy < now.quorum)
		return REMOVAL_NO_QUORUM;
	return left.healthy < left.quorum ? REMOVAL_TOO_FEW : REMOVAL_OK;
}

size_t quorum_spare(struct member_votes votes)
{
	return votes.all == 0 ? 0 : (votes.all - 1) / 2;
}

int quorum_refuse(enum removal verdict, struct member_votes now, const char *name, struct err *e)
{
	struct member_votes left = quorum_without(now, true, false);

	switch (verdict) {
	case REMOVAL_OK:
		return 0;
	case REMOVAL_LAST:
		return err_set(e, ERR_CONFIG, "%s is the only voting member: the cluster would end with it", name);
	case REMOVAL_NO_QUORUM:
		(void)err_set(e, ERR_HEALTH,
			      "no quorum: %zu of %zu voting members are healthy, %zu must agree to a removal",
			      now.healthy, now.all, now.quorum);
		return err_hint(
			e, "start etcd on the machines that are down; if they are lost for ever, on one that is left: "
			   "etcd-cluster restore --force-new-cluster CLUSTER_ID");
	case REMOVAL_TOO_FEW:
		break;
	}
	(void)err_set(
		e, ERR_HEALTH,
		"without %s too few healthy voting members would be left: %zu of %zu are healthy now, and %zu would be "
		"needed of the other %zu",
		name, now.healthy, now.all, left.quorum, left.all);
	return err_hint(e, "repair or remove the members that are down first: etcd-cluster status shows them");
}
