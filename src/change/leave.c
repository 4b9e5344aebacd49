/* SPDX-License-Identifier: Apache-2.0 */
#include "change/members.h"

#include "adapter/probe.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/membership.h"
#include "cluster/removal.h"
#include "config/key.h"
#include "flow/common.h"
#include "member/aside.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "member/joining.h"
#include "service/outcome.h"
#include "service/service.h"

#define MOVE_MS	 3000
#define REACH_MS 2000

/* A removed member ends by itself within a second; a leader that cannot reach its peers takes 7 s (etcd 3.4). */
#define END_SECONDS 20

struct leaving {
	const struct machine *m;
	bool last;
	uint64_t cluster_id, member_id; /* what this machine is; 0: nothing */
	struct member_survey s;
	const struct member *own; /* in the list; NULL: it was removed already */
};

static void leaving_free(struct leaving *l)
{
	member_survey_free(&l->s);
}

/* In the list, and not this machine's. */
static bool is_other(const struct leaving *l, const struct member *one)
{
	return one->listed && one != l->own;
}

/* --- Before anything is changed. */

/* Which member this machine is, or was about to become. */
static int who_am_i(struct leaving *l, struct err *e)
{
	cleanup(identity_free) struct identity id = { 0 };
	auto_joining struct joining journal = { 0 };
	int rc = identity_read(l->m, &id, e);

	if (rc == 0 && joining_read(l->m, &journal, e) < 0)
		return -1;
	l->cluster_id = rc > 0 ? id.cluster_id : journal.cluster_id;
	l->member_id = rc > 0 ? id.member_id : journal.member_id;
	return rc < 0 ? -1 : 0;
}

static int ask(struct leaving *l, struct err *e)
{
	/* A killed `leave --last` goes on: its cluster may have nobody left to answer, and no certificates to ask with. */
	const bool resumes = l->last && l->m->conf.role == ROLE_NONE;

	if (common_survey(l->m, &l->s, e) < 0) {
		const bool nobody = l->s.n > 0 ? l->s.cluster_id == 0 : !file_exists(l->m->at.pki);

		if (!resumes || !nobody)
			return -1;
		err_clear(e);
		return 0;
	}
	if (l->s.cluster_id != l->cluster_id) {
		(void)err_set(e, ERR_CONFIG,
			      "the members that answer are of cluster " ID_FMT ", this machine is a member of " ID_FMT,
			      l->s.cluster_id, l->cluster_id);
		return err_hint(e, "name a member of the right cluster with MEMBERS or JOIN in %s", l->m->at.conf);
	}
	l->own = removal_by_id(&l->s, l->member_id);
	return 0;
}

/* Whether another member is a CA host: its enrolment port is open. */
static bool has_other_ca_host(const struct leaving *l)
{
	auto_strv char **hosts = NULL;

	for (const struct member *one = l->s.list; one < l->s.list + l->s.n; one++) {
		auto_free char *host = NULL;
		uint16_t port;

		if (is_other(l, one) && one->peer_urls && endpoint_split(one->peer_urls[0], &host, &port))
			strv_add(&hosts, host);
	}
	return probe_listening(hosts, l->m->conf.enroll_port, REACH_MS);
}

/* The others need the CA key: to renew certificates, and to let machines join. */
static int check_ca(const struct leaving *l, bool elsewhere, struct err *e)
{
	auto_free char *key = machine_pki_path(l->m, "ca", "key");

	if (elsewhere || !file_exists(key) || has_other_ca_host(l))
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "the CA key is on this machine, and no other member has its enrolment port %u open: without the "
		      "key the others cannot renew their certificates, and no machine can join",
		      (unsigned int)l->m->conf.enroll_port);
	return err_hint(e, "etcd-cluster ca export here; ca import, setup and ca takeover on another member; if the "
			   "key is kept elsewhere: etcd-cluster leave --ca-elsewhere");
}

/* No other voter, and no learner that is about to become one. */
static bool is_alone(const struct leaving *l)
{
	for (const struct member *one = l->s.list; one < l->s.list + l->s.n; one++)
		if (is_other(l, one))
			return false;
	return true;
}

static int check_leaving(const struct leaving *l, bool ca_elsewhere, struct err *e)
{
	if (!l->own || (l->last && is_alone(l)))
		return 0;
	if (l->last) {
		(void)err_set(e, ERR_CONFIG, "%s is not the only member of its cluster", l->own->name);
		return err_hint(e, "etcd-cluster leave");
	}
	if (removal_check(&l->s, l->own, e) == 0)
		return check_ca(l, ca_elsewhere, e);
	if (e->class != ERR_CONFIG)
		return -1;
	return err_hint(e,
			"to give the cluster up and move all of it aside: etcd-cluster leave --last; to stop it and "
			"keep it: systemctl stop etcd, and ROLE=none in %s",
			l->m->at.conf);
}

/* --- Among the members. */

/* A leader hands over to the member with the newest log, which spares the others an election. Failing is harmless. */
static void hand_over(const struct leaving *l)
{
	const struct member *heir = NULL;
	auto_grpc struct grpc *g = NULL;
	struct err ignored = { 0 };

	for (const struct member *one = l->s.list; one < l->s.list + l->s.n; one++)
		if (is_other(l, one) && one->healthy && !one->learner &&
		    (!heir || one->status.raft_applied_index > heir->status.raft_applied_index))
			heir = one;
	if (!heir || l->own->id != l->s.leader)
		return;
	g = endpoint_open(l->m, l->own->url, 0, MOVE_MS, &ignored);
	if (!g || rpc_change(g, "Maintenance/MoveLeader", heir->id, NULL, &ignored) < 0)
		log_debug("%s", ignored.msg);
	else
		log_info("%s is the leader of the cluster now", heir->name);
}

static int take_out(const struct leaving *l, struct err *e)
{
	if (l->last)
		return 0; /* etcd does not remove its last member; the cluster ends when its data is moved aside */
	if (!l->own) {
		log_info("this machine's member " ID_FMT " was removed from the cluster already", l->member_id);
		return 0;
	}
	if (l->m->dry_run) {
		log_info("would remove this machine's member " ID_FMT " (%s) from the cluster", l->member_id,
			 l->own->name);
		return 0;
	}
	hand_over(l);
	if (membership_remove(l->m, l->member_id, e) < 0 || common_forget(l->m, l->own->name, l->member_id, e) < 0)
		return -1;
	log_info("member " ID_FMT " (%s) was removed from the cluster", l->member_id, l->own->name);
	common_revoke(l->m, &l->s, l->own);
	return 0;
}

/* --- On this machine. */

/* With the last member its cluster ends, and its CA would be in the way of the next cluster's. */
static int put_aside(const struct leaving *l, struct err *e)
{
	if (aside_membership(l->m, true, l->last, e) < 0)
		return -1;
	return l->m->dry_run || outcome_write(l->m, OUTCOME_IDLE, NULL, 0, e) >= 0 ? 0 : -1;
}

/* A drop-in overrides cluster.conf. */
static int check_role(const struct machine *m, struct err *e)
{
	struct config now cleanup(config_free) = { 0 };

	if (config_load(&m->at, &now, e) < 0)
		return -1;
	if (now.role != ROLE_NONE && !m->dry_run)
		log_warn("a file in %s sets ROLE=%s and overrides ROLE=none in %s; change it there", m->at.conf_dir,
			 config_role_name(now.role), m->at.conf);
	return 0;
}

static int write_idle(const struct machine *m, struct err *e)
{
	static const struct config_answer none = { "ROLE", "none" };

	/* From here on setup leaves this machine alone, whatever kills this run. */
	if (config_edit(&m->at, &none, 1, m->dry_run, e) < 0 || service_retry(m, false, e) < 0)
		return -1;
	return service_enroll_port(m, false, e) < 0 ? -1 : 0;
}

int leave_run(const struct machine *m, bool last, bool ca_elsewhere, struct err *e)
{
	struct leaving l cleanup(leaving_free) = { .m = m, .last = last };

	if (who_am_i(&l, e) < 0)
		return -1;
	if (l.member_id == 0)
		return 0;
	if (ask(&l, e) < 0 || check_leaving(&l, ca_elsewhere, e) < 0 || take_out(&l, e) < 0)
		return -1;
	if (write_idle(m, e) < 0)
		return -1;
	/* Without systemd, etcd ends by itself when it learns that it was removed. */
	if (common_stop(m, END_SECONDS, e) < 0 || put_aside(&l, e) < 0 || check_role(m, e) < 0)
		return -1;
	if (last)
		log_info("cluster " ID_FMT " is given up; its data and certificates are moved aside", l.cluster_id);
	else if (l.own)
		removal_report(&l.s, l.own);
	log_info("to come back: etcd-cluster join ADDRESS-OF-A-MEMBER");
	return 1;
}

int reset_run(const struct machine *m, bool ca_elsewhere, struct err *e)
{
	const char *const rest[] = { m->at.etcdctl_env, m->at.last_good, m->at.external };
	struct leaving l cleanup(leaving_free) = { .m = m, .last = true };

	if (who_am_i(&l, e) < 0 || (l.member_id != 0 && ask(&l, e) < 0))
		return -1;
	if (l.member_id != 0 && leave_run(m, is_alone(&l), ca_elsewhere, e) < 0)
		return -1;
	if (write_idle(m, e) < 0 || common_stop(m, END_SECONDS, e) < 0 || aside_membership(m, true, true, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		if (aside_move(m, rest[i], e) < 0)
			return -1;
	return m->dry_run || outcome_write(m, OUTCOME_IDLE, NULL, 0, e) >= 0 ? 1 : -1;
}
