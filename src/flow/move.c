/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/run.h"

#include <string.h>

#include "base/log.h"
#include "cluster/membership.h"
#include "member/endpoint.h"
#include "member/host.h"

/* For the answer of the member on this machine. */
#define ASK_MS 2000

/* True when no other member is known: by the list of the etcd that runs here, else by the files. */
static bool is_alone(const struct setup_run *r)
{
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	auto_strv char **candidates = NULL;
	struct err ignored = { 0 };

	if (r->runs && membership_list(r->m, &list, &ignored) == 0)
		return list.n == 1;
	candidates = endpoint_all(r->m);
	return strv_len(candidates) <= 1;
}

/* From an address that others reach to one that only this machine does. */
static int refuse_loopback(const struct setup_run *r, const char *former, struct err *e)
{
	auto_free char *host = NULL;
	uint16_t port;

	if (!config_is_loopback(r->m->conf.address) || !endpoint_split(former, &host, &port) ||
	    config_is_loopback(host))
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "this member cannot move from %s to the loopback address %s: the others could not "
		      "reach it",
		      former, r->m->conf.address);
	return err_hint(e, "set ADDRESS=%s in %s, then: etcd-cluster setup", host, r->m->at.conf);
}

int move_check(struct setup_run *r, struct err *e)
{
	auto_free char *now = endpoint_peer(&r->m->conf), *former = endpoint_peer_in_use(r->m);
	int known;

	r->moves = r->has_id && former && strcmp(former, now) != 0;
	if (!r->moves || is_alone(r))
		return 0;
	if (refuse_loopback(r, former, e) < 0)
		return -1;
	if (r->runs && endpoint_is_here(former)) {
		(void)err_set(
			e, ERR_CONFIG,
			"this member cannot move from %s to %s while etcd runs and the others reach it at the old "
			"address",
			former, now);
		return err_hint(e, "if a short interruption is acceptable: systemctl stop etcd; etcd-cluster setup");
	}
	r->runs = false; /* without the former address it answers on loopback, and no peer reaches it */
	r->health = (struct member_health){ 0 };
	known = r->how->adopt ? 1 : host_is_known(r->m, e);
	if (known != 0)
		return known < 0 ? -1 : 0;
	(void)err_set(e, ERR_CONFIG,
		      "this member cannot move from %s to %s by itself: %s is missing, so it may be a copy", former,
		      now, r->m->at.host);
	return err_hint(e, "if no other machine runs this member: etcd-cluster setup --adopt-machine");
}

int move_announce(struct setup_run *r, struct err *e)
{
	auto_free char *now = endpoint_peer(&r->m->conf);
	int rc;

	if (!r->moves || r->runs)
		return 0; /* one that runs is alone, and gets the URL itself in move_settle */
	if (r->m->dry_run) {
		log_info("would give the cluster the new peer URL %s of this member", now);
		return 1;
	}
	rc = is_alone(r) ? 0 : membership_update(r->m, r->id.member_id, now, e);
	if (rc > 0)
		log_info("the cluster has the new peer URL %s of this member", now);
	if (rc < 0 && e->class == ERR_HEALTH)
		e->class = ERR_PENDING;
	return rc;
}

int move_settle(struct setup_run *r, struct err *e)
{
	auto_free char *now = endpoint_peer(&r->m->conf), *in_use = endpoint_peer_in_use(r->m);
	auto_free char *own = endpoint_own(r->m);
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	auto_grpc struct grpc *g = NULL;
	struct err unasked = { 0 };
	const struct rpc_member *self;

	if (!r->has_id || r->restart || !in_use || strcmp(in_use, now) != 0)
		return 0; /* etcd is not there yet */
	/* Only the member here is asked, so a healthy machine has nothing to wait for. */
	g = endpoint_open(r->m, own, 0, ASK_MS, &unasked);
	if (!g || rpc_member_list(g, false, &list, &unasked) < 0) {
		log_debug("%s", unasked.msg);
		return 0;
	}
	self = membership_by_id(&list, r->id.member_id);
	if (!self || membership_by_peer(&list, now) == self)
		return 0;
	log_info("the cluster dials this member at %s; its peer URL becomes %s",
		 self->peer_urls ? self->peer_urls[0] : "no address", now);
	if (r->m->dry_run)
		return 1;
	return membership_update(r->m, r->id.member_id, now, e);
}
