/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "base/text.h"
#include "cluster/health.h"
#include "cluster/membership.h"
#include "cluster/poll.h"
#include "config/key.h"
#include "enroll/client.h"
#include "flow/common.h"
#include "flow/join.h"
#include "member/aside.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "pki/origin.h"
#include "service/service.h"

#define LOOK_MS 5000U

/* The cluster that the addresses lead to; 0: nobody answers, and e says why. */
static uint64_t cluster_at(const struct machine *m, char *const *addresses, struct poll *r, struct err *e)
{
	char **urls = NULL;

	for (size_t i = 0; addresses[i]; i++) {
		auto_free char *address = NULL, *url = NULL;
		uint16_t port;

		if (!config_split_join(addresses[i], &address, &port))
			continue; /* config_load reports it */
		url = config_url(address, port ? port : m->conf.client_port);
		strv_add(&urls, url);
	}
	(void)poll_all(m, urls, LOOK_MS, r);
	for (size_t i = 0; i < r->n; i++)
		if (r->list[i].answers)
			return r->list[i].status.cluster_id;
	(void)poll_fail(r, e);
	return 0;
}

static int fail_member(const struct identity *id, const char *why, struct err *e)
{
	return err_set(e, ERR_CONFIG, "this machine is member " ID_FMT " (%s) of cluster " ID_FMT "%s", id->member_id,
		       id->name, id->cluster_id, why);
}

static int refuse(const struct identity *id, const char *why, struct err *e)
{
	(void)fail_member(id, why, e);
	return err_hint(e, "to give that up first: etcd-cluster leave (with --last when it is the only member)");
}

/* member-id first: when this is killed in between, join_enter looks at the data again. */
static int give_up(const struct machine *m, struct err *e)
{
	if (service_stop(m, e) < 0 || aside_move(m, m->at.member_id, e) < 0 || aside_move(m, m->at.joining, e) < 0 ||
	    aside_move(m, m->at.forming, e) < 0 || aside_move(m, m->at.recovered, e) < 0 ||
	    aside_move(m, m->at.host, e) < 0 || aside_move(m, m->at.mark, e) < 0 || aside_data(m, e) < 0)
		return -1;
	return 0;
}

/* Whether the members at the addresses have this one in their list; true, too, when no list could be had. */
static bool is_listed(const struct poll *r, uint64_t id)
{
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	struct err ignored = { 0 };
	struct grpc *g;

	for (size_t k = 0; (g = poll_voter(r, k)); k++)
		if (rpc_member_list(g, true, &list, &ignored) == 0)
			return membership_by_id(&list, id) != NULL;
	return true;
}

int join_removed(const struct machine *m, const struct identity *id, struct err *e)
{
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	auto_strv char **urls = NULL;
	auto_free char *host = NULL;
	struct err unasked = { 0 };
	uint16_t port;

	if (membership_list(m, &list, &unasked) < 0 || list.cluster_id != id->cluster_id ||
	    membership_by_id(&list, id->member_id))
		return 0;
	urls = membership_urls(&list);
	(void)err_set(e, ERR_CONFIG, "this machine's member " ID_FMT " was removed from its cluster", id->member_id);
	return err_hint(e, "to add it again, with the data moved aside: etcd-cluster join %s",
			urls && endpoint_split(urls[0], &host, &port) ? host : "ADDRESS");
}

/* Its own cluster is another one. Not while that has a quorum: it might need this member. */
static int give_up_cluster(const struct machine *m, const struct identity *id, const char *abandon, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	uint64_t typed = 0;

	if (member_survey(m, LOOK_MS, &s, e) < 0)
		return -1;
	if (s.agreed && s.cluster_id == id->cluster_id)
		return refuse(id, ", which has a quorum, not of the one to join", e);
	if (abandon && text_parse_hex(abandon, &typed) && typed == id->cluster_id)
		return give_up(m, e);
	(void)fail_member(id, ", not of the one to join", e);
	return err_hint(e, "to give up its data, which is moved aside: this command with --abandon " ID_FMT,
			id->cluster_id);
}

/* Its certificates are revoked, so no member answers it: the CA host says that it was removed. 1 so it is, 0, -1. */
static int is_refused(const struct machine *m, char *const *addresses, bool token, struct err *e)
{
	auto_buf struct buf list = { 0 };
	struct err why = { 0 };
	auto_free char *again = NULL, *words = NULL;

	if (pki_origin(m) != PKI_ENROLLED || enroll_ask_list(m, &list, &why) != ENROLL_KEY_REFUSED)
		return 0;
	words = strv_join(addresses, " ");
	again = xasprintf("etcd-cluster join %s", words);
	return !token && common_need_token(m, why.msg, again, e) < 0 ? -1 : 1;
}

int join_again(const struct machine *m, char *const *addresses, const char *abandon, bool token, struct err *e)
{
	cleanup(identity_free) struct identity id = { 0 };
	cleanup(poll_free) struct poll r = { 0 };
	struct err silent = { 0 };
	uint64_t cluster;
	int rc = datadir_whose(m, &id, e);

	if (rc <= 0)
		return rc;
	cluster = cluster_at(m, addresses, &r, &silent);
	if (cluster == 0 && m->conf.role != ROLE_SINGLE) {
		rc = is_refused(m, addresses, token, e);
		if (rc <= 0)
			return rc < 0 ? -1 : 1;
	} else if (cluster == 0) {
		auto_free char *why = xasprintf("; and %s", silent.msg);

		return refuse(&id, why, e);
	}
	if (cluster != 0 && cluster != id.cluster_id)
		return give_up_cluster(m, &id, abandon, e);
	if (cluster != 0 && is_listed(&r, id.member_id))
		return 1;
	log_info("member " ID_FMT " is no longer in the cluster; this machine is added again", id.member_id);
	return give_up(m, e);
}
