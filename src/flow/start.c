/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/run.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cluster/membership.h"
#include "enroll/token.h"
#include "flow/form.h"
#include "flow/join.h"
#include "member/datadir.h"
#include "member/host.h"
#include "member/last_good.h"
#include "pki/origin.h"
#include "service/service.h"

/*
 * How long a fresh member may take to answer: etcd needs well under a second, the first fsyncs of a slow disk may need
 * many. Then the timer runs setup again. With --wait the next run comes at once, and others get the lock in between.
 */
#define START_SECONDS	   60
#define START_SECONDS_WAIT 5

/* One look at the member, on loopback or an address of ours. Without a quorum it listens, but does not answer. */
#define PROBE_MS 2000

/* How often a starting member is looked at, and every how many looks systemd is asked whether it gave up. */
#define LOOK_MS	       20
#define LOOKS_PER_UNIT 25

/* Every how many looks the others, who may be booting as well, are asked whether this is still a member. */
#define LOOKS_REMOVED 100

/* How often systemd may start it again during one wait, before it counts as failed. */
#define MOST_RESTARTS 3

/* Whether to wait on after etcd has ended: for a learner, which first asks the others, and after a single kill. */
static bool may_come_back(const struct setup_run *r, int end, unsigned int restarts)
{
	return join_may_start(r->m) || (end == SERVICE_RESTARTS && restarts < MOST_RESTARTS);
}

/* A person sees what became of the learner. Without one it stays, so that no timer adds and removes it in turns. */
static int fail(const struct setup_run *r, const char *why, struct err *e)
{
	if (r->has_id && service_lost_log(r->m)) {
		(void)err_set(
			e, ERR_CONFIG,
			"etcd ends because its data is an older copy: the leader knows entries that it had before");
		return err_hint(e, "etcd-cluster replace");
	}
	if (!r->how->unattended)
		return join_undo(r->m, why, e);
	(void)err_set(e, ERR_HEALTH, "%s", why);
	return err_hint(e, "journalctl -u etcd.service -n 30 shows why");
}

/*
 * etcd votes as soon as it has begun its log, long before it is healthy: from then on lost data must not go unnoticed.
 * A machine that was added is known by its journal.
 */
static int note_identity(struct setup_run *r, struct err *e)
{
	struct identity id = { .name = r->m->conf.name };
	struct err unread = { 0 };

	if (r->has_id || r->m->dry_run || file_exists(r->m->at.joining) ||
	    datadir_look(r->m, &id.cluster_id, &id.member_id, &unread) <= 0)
		return 0;
	return identity_write(r->m, &id, e);
}

/* As a member that answers knows them, quorum or not; else, before the first start, MEMBERS; else 0. */
static size_t count_voters(const struct setup_run *r)
{
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	struct err unasked = { 0 };
	size_t n = 0;

	if (membership_look(r->m, PROBE_MS, &list, &unasked) < 0)
		return r->has_id || r->m->conf.role != ROLE_CLUSTER ? 0 : r->m->conf.n_members;
	for (size_t i = 0; i < list.n; i++)
		n += !list.list[i].is_learner;
	return n;
}

/* etcd needs longer. Always -1. */
static int not_healthy(const struct setup_run *r, const struct err *last, struct err *e)
{
	const size_t all = count_voters(r);

	if (all > 1)
		(void)err_set(e, ERR_PENDING, "etcd was started and has no quorum yet: %zu of the %zu members must run",
			      all / 2 + 1, all);
	else
		(void)err_set(e, ERR_PENDING, "etcd was started but is not healthy yet: %s",
			      last->msg[0] ? last->msg : "no leader");
	return err_hint(e, "journalctl -u etcd.service -n 30 shows more; setup runs again by itself");
}

/* Looks until the member is healthy, systemd has given up on it, or the time is over (ERR_PENDING). */
static int wait_healthy(struct setup_run *r, struct err *e)
{
	const long long end = clock_ms() + 1000LL * (r->how->wait ? START_SECONDS_WAIT : START_SECONDS);
	unsigned int before = 0, restarts = 0;
	auto_free char *ended = NULL;
	struct err last = { 0 };

	if (service_failed(r->m, &before, &ended, e) < 0)
		return -1;
	for (unsigned int look = 1; clock_ms() < end; look++) {
		auto_free char *why = NULL;
		int rc = 0;

		err_clear(&last);
		if (member_probe(r->m, PROBE_MS, &r->health, &last) == 0 && r->health.healthy)
			return 0;
		if (look % LOOKS_PER_UNIT == 0 || last.rpc == GRPC_DEADLINE_EXCEEDED) {
			rc = service_failed(r->m, &restarts, &why, e);
			if (rc < 0 || note_identity(r, e) < 0)
				return -1;
		}
		if (rc > 0 && !may_come_back(r, rc, restarts > before ? restarts - before : 0))
			return fail(r, why, e);
		if (look % LOOKS_REMOVED == 0 && r->has_id && join_removed(r->m, &r->id, e) < 0)
			return -1;
		clock_sleep(LOOK_MS);
	}
	return not_healthy(r, &last, e);
}

/* Writes down which member this machine is, so that lost data is noticed before etcd starts empty. */
static int remember(struct setup_run *r, struct err *e)
{
	const struct identity id = { .cluster_id = r->health.cluster_id,
				     .member_id = r->health.member_id,
				     .name = r->m->conf.name };

	if (r->has_id)
		return 0;
	log_info("member " ID_FMT " of cluster " ID_FMT " is healthy", id.member_id, id.cluster_id);
	return identity_write(r->m, &id, e) < 0 ? -1 : 1;
}

/* Without systemd a person starts etcd; a learner that runs then becomes a voter. */
static int start_by_hand(struct setup_run *r, struct err *e)
{
	const struct layout *at = &r->m->at;
	struct err silent = { 0 };
	int seen = 0;

	if (r->m->dry_run)
		return 0;
	if (form_start(r, e) < 0)
		return -1;
	if (r->has_id && form_is_open(r->m) && member_probe(r->m, PROBE_MS, &r->health, &silent) == 0 &&
	    r->health.healthy)
		seen = form_started(r->m, e);
	if (seen < 0)
		return -1;
	if (r->changed && at->root[0] == '\0')
		log_info("systemd does not run here: start %s/etcd yourself with the settings of %s", at->current,
			 at->etcd_env);
	if (r->has_id || !file_exists(at->joining))
		return seen;
	if (member_probe(r->m, PROBE_MS, &r->health, &silent) < 0) {
		(void)err_set(e, ERR_PENDING,
			      "this machine was added to its cluster, but its etcd has not been started yet");
		return err_hint(e, "start %s/etcd with the settings of %s, then: etcd-cluster setup", at->current,
				at->etcd_env);
	}
	return join_finish(r->m, e) < 0 ? -1 : remember(r, e);
}

/* etcd.service does it after each healthy start; here for an etcd that was started before, or without systemd. */
static void note_last_good(const struct machine *m)
{
	struct err lost = { 0 };

	if ((!m->live || !file_exists(m->at.last_good)) && !m->dry_run && last_good_write(m, &lost) < 0)
		log_error(LOG_WARNING, &lost);
}

static int start_unit(struct setup_run *r, struct err *e)
{
	int moved, noted, seen;

	if (!r->runs && r->has_id && r->how->unattended && service_was_stopped(r->m)) {
		if (join_removed(r->m, &r->id, e) < 0)
			return -1;
		(void)err_set(e, ERR_PENDING, "etcd.service was stopped, and only a person starts it again");
		return err_hint(e, "systemctl unmask etcd; systemctl start etcd");
	}
	/* When it moves, an etcd that still runs although it did not answer listens on the former address. */
	if (!r->runs && (form_start(r, e) < 0 || service_start(r->m, r->moves, e) < 0))
		return -1;
	if (!r->runs && r->m->dry_run)
		return 1;
	if (!r->health.healthy && wait_healthy(r, e) < 0) {
		if (e->class == ERR_PENDING)
			form_tell(r);
		return -1;
	}
	if (!r->has_id && join_finish(r->m, e) < 0)
		return -1;
	moved = move_settle(r, e);
	if (moved < 0)
		return -1;
	if (r->restart)
		log_warn("etcd still runs with its former settings; when it suits you: systemctl restart etcd");
	noted = remember(r, e);
	seen = noted < 0 ? -1 : form_started(r->m, e);
	if (seen < 0)
		return -1;
	return !r->runs || moved || noted || seen;
}

/* What a killed run left: a member that is healthy needs none. */
static void wipe_token(const struct machine *m)
{
	struct err lost = { 0 };

	if (!m->dry_run && pki_origin(m) == PKI_ENROLLED && token_wipe_file(m, &lost) < 0)
		log_error(LOG_WARNING, &lost);
}

int start_run(struct setup_run *r, struct err *e)
{
	int rc = r->m->live ? start_unit(r, e) : start_by_hand(r, e);

	if (rc >= 0 && r->health.healthy)
		note_last_good(r->m);
	if (rc >= 0 && r->health.healthy)
		wipe_token(r->m);
	if (rc >= 0 && r->health.healthy && !r->restart && host_write(r->m, true, e) < 0)
		return -1;
	return rc;
}
