/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/removal.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

struct member_votes removal_votes_left(struct member_votes now, bool voter, bool healthy)
{
	struct member_votes left = now;

	if (!voter)
		return left;
	left.all -= left.all > 0;
	left.healthy -= healthy && left.healthy > 0;
	left.quorum = left.all / 2 + 1;
	return left;
}

size_t removal_spare(struct member_votes votes)
{
	return votes.healthy > votes.quorum ? votes.healthy - votes.quorum : 0;
}

int removal_judge(struct member_votes now, bool voter, bool healthy, const char *name, struct err *e)
{
	const struct member_votes left = removal_votes_left(now, voter, healthy);

	if (voter && now.all <= 1)
		return err_set(e, ERR_CONFIG, "%s is the only voting member: the cluster would end with it", name);
	/* The removal is an entry of the log: the voters of today must agree to it, the one that goes among them. */
	if (now.healthy < now.quorum) {
		(void)err_set(e, ERR_HEALTH,
			      "no quorum: %zu of %zu voting members are healthy, %zu must agree to a removal",
			      now.healthy, now.all, now.quorum);
		return err_hint(
			e, "start etcd on the machines that are down; if they are lost for ever, on one that is left: "
			   "etcd-cluster restore --force-new-cluster CLUSTER_ID");
	}
	if (left.healthy >= left.quorum)
		return 0;
	(void)err_set(
		e, ERR_HEALTH,
		"without %s too few healthy voting members would be left: %zu of %zu are healthy now, and %zu would be "
		"needed of the other %zu",
		name, now.healthy, now.all, left.quorum, left.all);
	return err_hint(e, "repair or remove the members that are down first: etcd-cluster status shows them");
}

int removal_pick(const struct member_survey *s, const char *what, const struct member **one, struct err *e)
{
	uint64_t id = 0;
	bool is_id = text_parse_hex(what, &id);

	*one = NULL;
	for (const struct member *it = s->list; it < s->list + s->n; it++) {
		if (!it->listed || (strcmp(it->name, what) != 0 && !(is_id && it->id == id)))
			continue;
		if (*one) {
			(void)err_set(e, ERR_CONFIG,
				      "%s can mean the member " ID_FMT " at %s and the member " ID_FMT " at %s", what,
				      (*one)->id, (*one)->url, it->id, it->url);
			return err_hint(e, "name the one by its ID");
		}
		*one = it;
	}
	return *one != NULL;
}

const struct member *removal_by_id(const struct member_survey *s, uint64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].listed && s->list[i].id == id)
			return &s->list[i];
	return NULL;
}

int removal_check(const struct member_survey *s, const struct member *one, struct err *e)
{
	return removal_judge(member_count_votes(s), !one->learner, one->healthy, one->name[0] ? one->name : "it", e);
}

void removal_report(const struct member_survey *s, const struct member *gone)
{
	const struct member_votes left = removal_votes_left(member_count_votes(s), !gone->learner, gone->healthy);

	log_info("%zu voting member%s left, of which %zu may fail", left.all, left.all == 1 ? " is" : "s are",
		 removal_spare(left));
}
