/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/members.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "adapter/probe.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/text.h"
#include "doctor/examine.h"
#include "flow/common.h"
#include "member/aside.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "service/service.h"

#define ASK_MS 2000

/* A large database is read in before etcd answers. */
#define HEALTHY_SECONDS 120
#define LOOK_MS		100

/* etcd.service's own limit (TimeoutStopSec=). */
#define END_SECONDS 90

struct recovery {
	const struct machine *m;
	uint64_t cluster_id, member_id; /* of the data */
	struct keyfile env;		/* etcd.env */
	char **others;			/* strv: peer URLs of the other members, as far as they are known */
	int64_t revision;		/* the newest that etcd reported here; 0: none */
};

static void recovery_free(struct recovery *r)
{
	keyfile_free(&r->env);
	strv_free(r->others);
}

/* --- Before anything is changed. */

/* The data here must be of the cluster that was typed, and etcd must be able to start on it. */
static int look_at_data(struct recovery *r, uint64_t typed, struct err *e)
{
	int rc = datadir_look(r->m, &r->cluster_id, &r->member_id, e);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		(void)err_set(e, ERR_CONFIG, "there is no data in %s%s", r->m->at.root, r->m->conf.data_dir);
		return err_hint(e, "run this on a machine that still has its data");
	}
	if (r->cluster_id != typed) {
		(void)err_set(e, ERR_CONFIG, "the data here belongs to cluster " ID_FMT ", not to " ID_FMT,
			      r->cluster_id, typed);
		return err_hint(e, "if this is the right machine: etcd-cluster restore --force-new-cluster " ID_FMT,
				r->cluster_id);
	}
	/* The typed ID replaces a missing member-id; one that is there must agree. */
	if (file_exists(r->m->at.member_id) && datadir_check(r->m, e) < 0)
		return -1;
	return doctor_can_start(r->m, e) < 0 ? -1 : keyfile_read(r->m->at.etcd_env, &r->env, e);
}

static void add_other(struct recovery *r, const char *url)
{
	auto_free char *own = config_url(r->m->conf.address, r->m->conf.peer_port);
	const char *in_use = keyfile_get(&r->env, "ETCD_INITIAL_ADVERTISE_PEER_URLS");

	if (strcmp(url, own) != 0 && (!in_use || strcmp(url, in_use) != 0))
		strv_add_once(&r->others, url);
}

static void add_host(struct recovery *r, const char *address)
{
	auto_free char *url = config_url(address, r->m->conf.peer_port);

	add_other(r, url);
}

/* No list could be had: those that etcd.env and cluster.conf name. */
static void others_by_files(struct recovery *r)
{
	const char *initial = keyfile_get(&r->env, "ETCD_INITIAL_CLUSTER");
	auto_strv char **parts = initial ? text_split(initial, BLANKS ",=") : NULL;
	const struct config *c = &r->m->conf;

	for (char **part = parts; part && *part; part++)
		if (strstr(*part, "://")) /* else it is a name */
			add_other(r, *part);
	for (size_t i = 0; i < c->n_members; i++)
		if (strcmp(c->members[i].name, c->name) != 0)
			add_host(r, c->members[i].address);
	for (char **join = c->join; join && *join; join++)
		add_host(r, *join);
}

static int refuse_alive(const char *who, struct err *e)
{
	(void)err_set(e, ERR_CONFIG, "%s still answers, and its data may be newer than that of this machine", who);
	return err_hint(e,
			"start the members that are down; if they are lost for ever, choose the machine to go on with "
			"(the highest revision in etcd-cluster status --json), stop etcd on the others, then run "
			"this again");
}

/* Refuses when another member of the survey answers; notes the peer URLs of those that do not. */
static int look_at_answers(struct recovery *r, const struct member_survey *s, struct err *e)
{
	bool listed = false;

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		listed |= one->listed;
		if (one->here && one->learner) {
			(void)err_set(e, ERR_CONFIG, "this machine is a learner, which may not have all data yet");
			return err_hint(e, "run this on a machine that was a voting member");
		}
		if (one->here && one->answers)
			r->revision = one->status.revision;
		if (one->here)
			continue;
		if (one->answers)
			return refuse_alive(one->name[0] ? one->name : one->url, e);
		for (char **url = one->peer_urls; url && *url; url++)
			add_other(r, *url);
	}
	if (!listed)
		others_by_files(r);
	return 0;
}

/* A member that was started without a quorum answers no client, but it answers its peers. */
static int look_at_peers(const struct recovery *r, struct err *e)
{
	size_t n = strv_len(r->others);
	auto_free struct probe_target *peers = xcalloc(n + 1, sizeof(*peers));
	auto_strv char **hosts = NULL;

	for (size_t i = 0; i < n; i++) {
		auto_free char *host = NULL;

		/* What is not a URL leads nowhere. */
		strv_add(&hosts, endpoint_split(r->others[i], &host, &peers[i].port) ? host : "");
		peers[i].address = hosts[i];
	}
	probe_reach(peers, n, ASK_MS);
	for (size_t i = 0; i < n; i++)
		if (peers[i].error == 0)
			return refuse_alive(r->others[i], e);
	return 0;
}

/* The member of this machine when it is healthy and no other is listed. */
static const struct member *only_member(const struct member_survey *s)
{
	const struct member *only = NULL;

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		if (one->listed && !one->here)
			return NULL;
		if (one->listed)
			only = one;
	}
	return only && only->healthy && !only->learner ? only : NULL;
}

/* 1: go on. 0: a healthy cluster of one, nothing to do. */
static int look_at_cluster(struct recovery *r, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	struct member_votes votes;

	if (member_survey(r->m, ASK_MS, &s, e) < 0)
		return -1;
	if (s.cluster_id == r->cluster_id && only_member(&s))
		return 0;
	if (!s.agreed)
		return look_at_answers(r, &s, e) < 0 || look_at_peers(r, e) < 0 ? -1 : 1;
	votes = member_count_votes(&s);
	(void)err_set(e, ERR_CONFIG, "the cluster has its quorum (%zu of %zu voting members are healthy)",
		      votes.healthy, votes.all);
	return err_hint(e, "etcd-cluster status; to remove a dead member: etcd-cluster remove MEMBER");
}

/* --- The forcing. */

static void warn(const struct recovery *r)
{
	log_warn("cluster " ID_FMT " goes on with the data of this machine alone", r->cluster_id);
	log_warn("writes that only other members had are lost, and the last write if etcd was killed here; clients may "
		 "see older values");
	for (size_t i = 0; r->others && r->others[i]; i++)
		log_warn("%s is no longer a member and must never run again with its data; on that machine: "
			 "etcd-cluster join %s",
			 r->others[i], r->m->conf.address);
}

/* etcd.env as a process gets it; its paths are those of the machine below the root. */
static char **environment(const struct recovery *r)
{
	char **env = NULL;

	strv_add(&env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; i < r->env.n; i++) {
		const struct keyfile_entry *one = &r->env.entries[i];
		auto_free char *line =
			xasprintf("%s=%s%s", one->key, one->value[0] == '/' ? r->m->at.root : "", one->value);

		if (strcmp(one->key, "ETCD_FORCE_NEW_CLUSTER") != 0)
			strv_add(&env, line);
	}
	strv_add(&env, "ETCD_FORCE_NEW_CLUSTER=true");
	return env;
}

/* etcd has ended: an error with the last line of its log. */
static int died(const char *log, struct err *e)
{
	auto_buf struct buf text = { 0 };
	auto_strv char **lines = NULL;
	struct err unread = { 0 };

	if (file_read(log, 16U << 20, &text, &unread) < 0)
		return err_set(e, ERR_FAIL, "etcd ended at once");
	lines = text_split(buf_str(&text), "\n");
	return err_set(e, ERR_FAIL, "etcd ended at once; the last line of its log: %.400s",
		       lines ? lines[strv_len(lines) - 1] : "");
}

static int survey_alone(struct recovery *r, struct err *e)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	const struct member *only;

	if (member_survey(r->m, ASK_MS, &s, e) < 0)
		return -1;
	only = only_member(&s);
	if (!only || only->id != r->member_id || s.cluster_id != r->cluster_id)
		return err_set(e, ERR_HEALTH, "etcd runs, but not as the only member of cluster " ID_FMT,
			       r->cluster_id);
	if (only->status.revision < r->revision)
		return err_set(e, ERR_HEALTH, "etcd came back with revision %" PRId64 ", it had %" PRId64,
			       only->status.revision, r->revision);
	r->revision = only->status.revision;
	return 0;
}

/* Until the member is healthy and alone. child: an etcd of ours and its log; NULL: that of the unit. */
static int wait_alone(struct recovery *r, const struct proc_child *child, const char *log, struct err *e)
{
	const long long end = clock_ms() + 1000LL * HEALTHY_SECONDS;
	struct member_health health = { 0 };
	struct err last = { 0 };

	while (clock_ms() < end) {
		auto_free char *why = NULL;

		err_clear(&last);
		if (member_probe(r->m, ASK_MS, &health, &last) == 0 && health.healthy)
			return survey_alone(r, e);
		if (child && proc_has_ended(child->pid))
			return died(log, e);
		if (!child && service_failed(r->m, NULL, &why, &last) > 0) {
			(void)err_set(e, ERR_HEALTH, "%s", why);
			return err_hint(e, "journalctl -u etcd.service -n 30 shows why");
		}
		clock_sleep(LOOK_MS);
	}
	return err_set(e, ERR_HEALTH, "etcd is not healthy after %d s: %s", HEALTHY_SECONDS,
		       last.msg[0] ? last.msg : "no leader yet");
}

/* etcd once with --force-new-cluster, as a child that never outlives us: the next start must not have the option. */
static int force(struct recovery *r, struct err *e)
{
	struct file_mode etcd = machine_mode_etcd(r->m, 0700);
	auto_free char *program = xasprintf("%s/etcd", r->m->at.current);
	auto_free char *path = xasprintf("%s/restore.log", r->m->at.run);
	auto_strv char **env = environment(r);
	const char *const argv[] = { program, NULL };
	struct err ignored = { 0 };
	struct proc_child child;
	auto_close int log = -1;
	int rc;

	if (file_remove_tree(path, e) < 0)
		return -1;
	log = file_create(path, FILE_MODE(0600), e);
	if (log < 0 || proc_start(&(struct proc_run){ .argv = argv,
						      .timeout = HEALTHY_SECONDS + END_SECONDS,
						      .tied = true,
						      .env = env,
						      .log = log,
						      .uid = etcd.uid == (uid_t)-1 ? 0 : etcd.uid,
						      .gid = etcd.gid == (gid_t)-1 ? 0 : etcd.gid },
				  &child, e) < 0)
		return -1;
	rc = wait_alone(r, &child, path, e);
	if (proc_end(&child, END_SECONDS, rc < 0 ? &ignored : e) < 0 || rc < 0)
		return err_hint(e, "the log of etcd is in %s", path);
	return 0;
}

/* As on every other day. */
static int start_again(struct recovery *r, struct err *e)
{
	const struct identity id = { .cluster_id = r->cluster_id, .member_id = r->member_id, .name = r->m->conf.name };

	if (identity_write(r->m, &id, e) < 0)
		return -1;
	if (!r->m->live) {
		log_info("systemd does not run here: start %s/etcd yourself with the settings of %s", r->m->at.current,
			 r->m->at.etcd_env);
		return 0;
	}
	return service_start(r->m, false, e) < 0 ? -1 : wait_alone(r, NULL, NULL, e);
}

int recover_run(const struct machine *m, uint64_t cluster_id, struct err *e)
{
	struct recovery r cleanup(recovery_free) = { .m = m };
	int rc;

	if (look_at_data(&r, cluster_id, e) < 0)
		return -1;
	rc = look_at_cluster(&r, e);
	if (rc <= 0)
		return rc;
	if (aside_copy_room(m, e) < 0)
		return -1;
	warn(&r);
	if (common_stop(m, 0, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would copy the data, and start etcd with --force-new-cluster");
		return 1;
	}
	if (aside_copy(m, e) < 0 || force(&r, e) < 0 || start_again(&r, e) < 0)
		return -1;
	log_info("member " ID_FMT " is now the only one of cluster " ID_FMT ", at revision %" PRId64, r.member_id,
		 r.cluster_id, r.revision);
	return 1;
}
