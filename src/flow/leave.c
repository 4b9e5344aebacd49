/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/leave.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "adapter/probe.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/edit.h"
#include "config/key.h"
#include "config/load.h"
#include "config/machine.h"
#include "member/aside.h"
#include "member/endpoint.h"
#include "member/health.h"
#include "member/identity.h"
#include "member/joining.h"
#include "member/membership.h"
#include "member/removal.h"
#include "service/outcome.h"
#include "service/service.h"

#define ASK_MS	 3000
#define REACH_MS 2000

/* A member that was removed ends by itself within a second; a leader that cannot reach its peers takes 7 s to let go (etcd 3.4). */
#define END_SECONDS 20

struct leaving {
	const struct machine *m;
	const struct leave_options *how;
	uint64_t cluster_id, member_id; /* what this machine is; 0: nothing */
	struct member_survey s;
	const struct member *own; /* in the list; NULL: it is not there any more */
};

/* --- Before anything is changed. */

/* Which member this machine is, or was about to become. */
static int who_am_i(struct leaving *l, struct err *e)
{
	cleanup(identity_free) struct identity id = { 0 };
	auto_joining struct joining journal = { 0 };
	int rc = identity_read(l->m, &id, e);

	if (rc < 0)
		return -1;
	if (rc > 0) {
		l->cluster_id = id.cluster_id;
		l->member_id = id.member_id;
		return 0;
	}
	rc = joining_read(l->m, &journal, e);
	if (rc < 0)
		return -1;
	l->cluster_id = journal.cluster_id;
	l->member_id = journal.member_id;
	return 0;
}

static bool anybody_answers(const struct leaving *l)
{
	for (size_t i = 0; i < l->s.n; i++) {
		if (l->s.list[i].answers)
			return true;
	}
	return false;
}

static int ask(struct leaving *l, struct err *e)
{
	/* A cluster that was being given up when we were killed has nobody left to ask. */
	bool resumes = l->how->last && l->m->conf.role == ROLE_NONE;

	if (member_survey(l->m, ASK_MS, &l->s, e) < 0) {
		if (!resumes || file_exists(l->m->at.pki))
			return -1;
		err_clear(e); /* the certificates to ask with were moved aside */
		return 0;
	}
	if (resumes && !anybody_answers(l))
		return 0;
	if (!l->s.agreed) {
		(void)err_set(e, ERR_HEALTH,
			      "no voting member that can be reached from here has a quorum: nobody can agree "
			      "that this machine leaves");
		return err_hint(
			e, "start etcd on the machines that are down, then run this again; etcd-cluster status shows "
			   "them");
	}
	if (l->s.cluster_id != l->cluster_id) {
		(void)err_set(e, ERR_CONFIG,
			      "who answers is cluster %016" PRIx64 ", but this machine is a member of %016" PRIx64,
			      l->s.cluster_id, l->cluster_id);
		return err_hint(e, "name a member of the right cluster with MEMBERS or JOIN in %s", l->m->at.conf);
	}
	l->own = removal_by_id(&l->s, l->member_id);
	return 0;
}

/* Whether some other member is a CA host: its enrolment port is open. */
static bool has_other_ca_host(const struct leaving *l)
{
	struct probe_target *ports = xcalloc(l->s.n + 1, sizeof(*ports));
	auto_strv char **hosts = NULL;
	bool open = false;
	size_t n = 0;

	for (size_t i = 0; i < l->s.n; i++) {
		const struct member *one = &l->s.list[i];
		auto_free char *host = NULL;
		uint16_t port;

		if (one->listed && one != l->own && one->peer_urls && endpoint_split(one->peer_urls[0], &host, &port))
			strv_add(&hosts, host);
	}
	for (; hosts && hosts[n]; n++)
		ports[n] = (struct probe_target){ .address = hosts[n], .port = l->m->conf.enroll_port };
	probe_reach(ports, n, REACH_MS);
	for (size_t i = 0; i < n; i++)
		open |= ports[i].error == 0;
	free(ports);
	return open;
}

/* The others need a CA key one day: for renewals, and for whoever joins. */
static int check_ca(const struct leaving *l, struct err *e)
{
	auto_free char *key = machine_pki_path(l->m, "ca", "key");

	if (l->how->ca_elsewhere || !file_exists(key) || has_other_ca_host(l))
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "the CA key is on this machine, and no other member has its enrolment port %u open: without it "
		      "the others "
		      "cannot renew their certificates, and nobody can join",
		      (unsigned int)l->m->conf.enroll_port);
	return err_hint(e, "etcd-cluster ca export here, ca import and setup on another member; or, when the key is "
			   "kept elsewhere: "
			   "etcd-cluster leave --ca-elsewhere");
}

/* The cluster may be given up by its only member: no voter, and no learner that is about to become one. */
static bool is_alone(const struct leaving *l)
{
	for (size_t i = 0; i < l->s.n; i++) {
		if (l->s.list[i].listed && &l->s.list[i] != l->own)
			return false;
	}
	return true;
}

static int check_leaving(const struct leaving *l, struct err *e)
{
	if (!l->own)
		return 0;
	if (l->how->last && is_alone(l))
		return 0;
	if (l->how->last) {
		(void)err_set(e, ERR_CONFIG, "%s is not the only member of its cluster", l->own->name);
		return err_hint(e, "etcd-cluster leave");
	}
	if (removal_check(&l->s, l->own, e) < 0)
		return e->class == ERR_CONFIG ? err_hint(e,
							 "to give the cluster up, all of it moved aside: etcd-cluster "
							 "leave --last; to let "
							 "it rest as it is: systemctl stop etcd, and ROLE=none in %s",
							 l->m->at.conf)
					      : -1;
	return check_ca(l, e);
}

/* --- Among the members. */

/* A leader hands its office over first, which spares the others an election. It is a courtesy: without it they elect one. */
static void hand_over(const struct leaving *l)
{
	const struct member *heir = NULL;
	auto_grpc struct grpc *g = NULL;
	struct err ignored = { 0 };

	for (size_t i = 0; i < l->s.n; i++) {
		const struct member *one = &l->s.list[i];

		if (one != l->own && one->listed && one->healthy && !one->learner &&
		    (!heir || one->status.raft_applied_index > heir->status.raft_applied_index))
			heir = one;
	}
	if (!heir || l->own->id != l->s.leader)
		return;
	g = endpoint_open(l->m, l->own->url, 0, ASK_MS, &ignored);
	if (!g || rpc_move_leader(g, heir->id, &ignored) < 0)
		log_debug("%s", ignored.msg);
	else
		log_info("%s leads the cluster now", heir->name);
}

static int take_out(const struct leaving *l, struct err *e)
{
	if (l->how->last)
		return 0; /* etcd does not remove its last member; the cluster ends with its data set aside */
	if (!l->own) {
		log_info("the cluster does not list this machine's member %016" PRIx64 " any more", l->member_id);
		return 0;
	}
	if (l->m->dry_run) {
		log_info("would remove this machine's member %016" PRIx64 " (%s) from the cluster", l->member_id,
			 l->own->name);
		return 0;
	}
	hand_over(l);
	if (membership_remove(l->m, l->member_id, e) < 0)
		return -1;
	log_info("member %016" PRIx64 " (%s) is out of the cluster", l->member_id, l->own->name);
	return 0;
}

/* --- On this machine. */

/* Under systemd it is stopped. Elsewhere it is not ours to stop, but etcd ends by itself when it hears that it was removed. */
static int stop(const struct machine *m, struct err *e)
{
	const struct timespec tick = { .tv_nsec = 100L * 1000 * 1000 };
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	time_t end = time(NULL) + END_SECONDS;
	pid_t pid;

	if (service_retry(m, false, e) < 0 || service_enroll_port(m, false, e) < 0 || service_stop(m, e) < 0)
		return -1;
	while (!m->dry_run && (pid = probe_etcd(data, NULL)) != 0) {
		if (time(NULL) >= end) {
			(void)err_set(e, ERR_FAIL, "etcd (process %d) still runs on %s", (int)pid, data);
			return err_hint(e, "stop it, then run this again");
		}
		(void)nanosleep(&tick, NULL);
	}
	return 0;
}

/* From here on setup leaves this machine alone, whatever kills us. */
static int be_idle(const struct machine *m, struct err *e)
{
	static const struct config_answer none[] = { { "ROLE", "none" } };

	return config_edit(&m->at, none, ARRAY_LEN(none), m->dry_run, e) < 0 ? -1 : 0;
}

static int put_aside(const struct leaving *l, struct err *e)
{
	const struct machine *m = l->m;

	/* With the last member its cluster ends, and the CA of that would be in the way of the next one's. */
	if (aside_membership(m, true, l->how->last, e) < 0)
		return -1;
	if (m->dry_run)
		return 0;
	return outcome_write(m, OUTCOME_IDLE, NULL, e) < 0 ? -1 : 0;
}

/* A drop-in wins over cluster.conf. */
static int check_role(const struct machine *m, struct err *e)
{
	struct config now cleanup(config_free) = { 0 };

	if (config_load(&m->at, &now, e) < 0)
		return -1;
	if (now.role != ROLE_NONE && !m->dry_run)
		log_warn("a file in %s says ROLE=%s: it wins over the ROLE=none in %s; change it there", m->at.conf_dir,
			 config_role_name(now.role), m->at.conf);
	return 0;
}

static int go(struct leaving *l, struct err *e)
{
	if (who_am_i(l, e) < 0)
		return -1;
	if (l->member_id == 0)
		return 0;
	if (ask(l, e) < 0 || check_leaving(l, e) < 0 || take_out(l, e) < 0 || be_idle(l->m, e) < 0 ||
	    stop(l->m, e) < 0 || put_aside(l, e) < 0 || check_role(l->m, e) < 0)
		return -1;
	if (l->how->last)
		log_info("cluster %016" PRIx64 " is given up; what it was is still here", l->cluster_id);
	else if (l->own)
		removal_report(&l->s, l->own);
	log_info("to come back: etcd-cluster join ADDRESS-OF-A-MEMBER");
	return 1;
}

int leave_run(const struct machine *m, const struct leave_options *how, struct err *e)
{
	struct leaving l = { .m = m, .how = how };
	int rc = go(&l, e);

	member_survey_free(&l.s);
	return rc;
}
