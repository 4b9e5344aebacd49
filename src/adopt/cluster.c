/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "adopt/plan.h"
#include "base/text.h"
#include "cluster/membership.h"
#include "member/datadir.h"
#include "member/endpoint.h"

#define ASK_MS 5000

/* Entries of its log that a healthy member may lack: what is under way (raft's default window is 512 messages). */
#define BEHIND 1000

/* The port and the host of a member's one peer URL. */
static int take_peer(const struct rpc_member *one, uint16_t port, char ***members, struct err *e)
{
	const char *url = one->peer_urls ? one->peer_urls[0] : "";
	auto_free char *host = NULL, *entry = NULL;
	uint16_t its;

	if (!membership_has_started(one))
		return err_set(e, ERR_HEALTH, "member " ID_FMT " was added to the cluster and has not started yet",
			       one->id);
	if (strv_len(one->peer_urls) != 1 || !text_starts(url, "https://") || !endpoint_split(url, &host, &its))
		return err_set(e, ERR_CONFIG, "member %s has not one https peer URL, but: %s", one->name, url);
	if (its != port)
		return err_set(e, ERR_CONFIG,
			       "member %s has the peer port %u, and this one %u: MEMBERS has one port for all",
			       one->name, its, port);
	entry = xasprintf("%s=%s", one->name, host);
	strv_add(members, entry);
	return 0;
}

static int take_list(struct adopt_plan *p, const struct rpc_members *list, struct err *e)
{
	auto_strv char **members = NULL;
	auto_free char *own = config_url(p->address, p->peer_port);

	p->voters = 0;
	for (size_t i = 0; i < list->n; i++) {
		const struct rpc_member *one = &list->list[i];

		if (take_peer(one, p->peer_port, &members, e) < 0)
			return -1;
		p->voters += !one->is_learner;
		if (one->id != p->member_id)
			continue;
		if (one->is_learner)
			return err_set(e, ERR_CONFIG, "member %s is a learner; make it a voter first", one->name);
		if (strcmp(one->name, p->name) != 0 || !strv_has(one->peer_urls, own))
			return err_set(e, ERR_CONFIG, "the cluster knows this member as %s at %s, and %s says %s at %s",
				       one->name, one->peer_urls[0], p->source.path, p->name, own);
	}
	free(p->members);
	strv_sort(members); /* the same line on every machine */
	p->members = list->n > 1 ? strv_join(members, ",") : NULL;
	return 0;
}

/* The data on this disk is that of the member that answers. */
static int check_data(const struct adopt_plan *p, struct err *e)
{
	uint64_t cluster = 0, member = 0;
	int rc = datadir_look(&p->m, &cluster, &member, e);

	if (rc < 0)
		return -1;
	if (rc > 0 && cluster == p->cluster_id && member == p->member_id)
		return 0;
	return err_set(e, ERR_CONFIG, "%s is not the data of the etcd that answers at %s (member " ID_FMT ")",
		       p->data_dir, p->client_url, p->member_id);
}

int adopt_ask(struct adopt_plan *p, struct err *e)
{
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	auto_grpc struct grpc *g = endpoint_open(&p->m, p->client_url, 0, ASK_MS, e);
	struct rpc_status status;

	if (!g || rpc_status(g, &status, e) < 0 || rpc_member_list(g, true, &list, e) < 0) {
		e->hint[0] = '\0';
		return err_hint(e, "that etcd must run while it is taken over: systemctl status %s",
				p->source.unit ? p->source.unit : "kubelet");
	}
	p->cluster_id = status.cluster_id;
	p->member_id = status.member_id;
	p->version = xstrdup(status.version);
	return take_list(p, &list, e) < 0 ? -1 : check_data(p, e);
}

/* How far the log of the leader is, among those that answer. */
static uint64_t newest(const struct member_survey *s)
{
	uint64_t top = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].answers && s->list[i].status.raft_index > top)
			top = s->list[i].status.raft_index;
	return top;
}

int adopt_may_stop(const struct machine *m, uint64_t member_id, bool allow_outage, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	size_t others = 0;

	if (member_survey(m, ASK_MS, &s, e) < 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		const struct member *one = &s.list[i];

		if (one->learner || one->id == member_id)
			continue;
		others++;
		if (!one->healthy)
			return err_set(e, ERR_HEALTH, "member %s is not healthy, so this one cannot stop: %s",
				       one->name, one->why.msg);
		if (one->status.raft_applied_index + BEHIND < newest(&s))
			return err_set(e, ERR_HEALTH, "member %s has not caught up yet, so this one cannot stop",
				       one->name);
	}
	if (!s.agreed)
		return err_set(e, ERR_HEALTH, "the cluster has no quorum, so nothing is stopped");
	if (others != 1 || allow_outage)
		return 0;
	(void)err_set(e, ERR_CONFIG, "with two voters nothing can be written while one of them stops");
	return err_hint(e, "to accept that for some seconds: etcd-cluster adopt --allow-outage");
}
