/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 */
#include "flow/setup.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "core/check.h"
#include "core/datadir.h"
#include "core/env.h"
#include "core/identity.h"
#include "core/member.h"
#include "core/outcome.h"
#include "core/pki.h"
#include "core/release.h"
#include "core/service.h"

/*
 * How long a fresh single member may take to answer: etcd itself needs well under a second; a slow disk's first fsyncs may need
 * many. After that the timer looks again, so nothing is lost by giving up.
 */
#define START_SECONDS 60

/* One look at the member; it is on loopback or on an address of ours. */
#define PROBE_MS 2000

/* How often a starting member is looked at, and every how many looks systemd is asked whether it gave up. */
#define LOOK_MS	       20
#define LOOKS_PER_UNIT 25

/* What the steps learn from each other. */
struct road {
	const struct machine *m;
	const struct setup_options *how;
	struct identity id; /* of the member that this machine is, once there is one */
	bool has_id;
	struct member_health health; /* the last answer of etcd */
	bool runs;		     /* it answered before we changed anything */
	bool changed;		     /* some step did something */
	bool restart;		     /* etcd runs with settings that are no longer those of its files */
};

/* Folds the 1 / 0 / -1 of a step into the road. */
static int took(struct road *r, int rc)
{
	if (rc > 0)
		r->changed = true;
	return rc < 0 ? -1 : 0;
}

static int check_role(const struct machine *m, struct err *e)
{
	if (m->conf.role == ROLE_SINGLE || m->conf.role == ROLE_CLUSTER)
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "%s: ROLE=%s is not supported by this version of etcd-cluster, which sets up single members and "
		      "new clusters",
		      m->at.conf, config_role_name(m->conf.role));
	return err_hint(e, "write ROLE=single, ROLE=cluster or ROLE=none there, then: etcd-cluster setup");
}

/* Everything that can say no says it here, before anything is changed. */
static int look_first(struct road *r, struct err *e)
{
	struct err silent = { 0 };
	int rc;

	rc = identity_read(r->m, &r->id, e);
	if (rc < 0)
		return -1;
	r->has_id = rc > 0;
	if (datadir_check(r->m, e) < 0)
		return -1;
	if (r->m->at.root[0] != '\0')
		return 0; /* below a root there are files, but no ports and no etcd */
	if (file_exists(r->m->at.etcd_env))
		r->runs = member_probe(r->m, PROBE_MS, &r->health, &silent) == 0 && r->health.answers;
	if (r->runs && r->has_id && r->health.cluster_id != r->id.cluster_id) {
		(void)err_set(e, ERR_CONFIG,
			      "the etcd that answers on port %u belongs to cluster %016" PRIx64
			      ", this machine's member to %016" PRIx64,
			      (unsigned int)r->m->conf.client_port, r->health.cluster_id, r->id.cluster_id);
		return err_hint(e, "stop the other etcd, or choose another CLIENT_PORT in %s", r->m->at.conf);
	}
	return r->runs ? 0 : check_before_start(r->m, e);
}

/*
 * Certificates come before the release here although etcd needs both: they need no network, so a machine that
 * waits for its mirror has done all the rest. *pending keeps what the release is waiting for.
 */
static int prepare(struct road *r, struct err *pending, struct err *e)
{
	const enum release_step step = r->how->local ? RELEASE_LOCAL : RELEASE_ANY;
	struct err later = { 0 };
	int rc;

	if (took(r, pki_ensure(r->m, r->how->local, e)) < 0 || took(r, datadir_prepare(r->m, e)) < 0 ||
	    took(r, service_paths(r->m, e)) < 0)
		return -1;
	rc = release_ensure(r->m, step, r->has_id, &later);
	if (rc < 0) {
		*(later.class == ERR_PENDING ? pending : e) = later;
		return later.class == ERR_PENDING ? 0 : -1;
	}
	return took(r, rc);
}

static int render(struct road *r, struct err *e)
{
	struct release release cleanup(release_free) = { 0 };
	auto_strv char **options = NULL;
	auto_free char *peer_cn = NULL;
	int rc = release_current(r->m, &release, e);

	if (rc <= 0)
		return rc; /* none yet: a dry run, or the release is pending */
	peer_cn = pki_peer_cn(r->m, e);
	if (!peer_cn)
		return r->m->dry_run ? 0 : -1; /* a dry run issued none */
	if (release_options(r->m, &release, &options, e) < 0)
		return -1;
	rc = env_ensure(r->m, &(struct env_input){ .version = release.version, .options = options, .peer_cn = peer_cn },
			e);
	if (rc > 0 && r->runs)
		r->restart = true;
	return took(r, rc);
}

/* Looks until the member is healthy, systemd has given up on it, or the time is over. */
static int wait_healthy(struct road *r, struct err *e)
{
	const struct timespec tick = { .tv_nsec = LOOK_MS * 1000L * 1000L };
	time_t end = time(NULL) + START_SECONDS;
	struct err last = { 0 };

	for (unsigned int look = 1; time(NULL) < end; look++) {
		auto_free char *why = NULL;
		int rc = 0;

		err_clear(&last);
		if (member_probe(r->m, PROBE_MS, &r->health, &last) == 0 && r->health.healthy)
			return 0;
		if (look % LOOKS_PER_UNIT == 0)
			rc = service_failed(r->m, &why, e);
		if (rc < 0)
			return -1;
		if (rc > 0) {
			(void)err_set(e, ERR_HEALTH, "%s", why);
			return err_hint(e, "journalctl -u etcd.service -n 30 tells why; then: etcd-cluster setup");
		}
		(void)nanosleep(&tick, NULL);
	}
	(void)err_set(e, ERR_PENDING, "etcd was started but is not healthy after %d s: %s", START_SECONDS,
		      last.msg[0] ? last.msg : "no leader yet");
	return err_hint(e, "journalctl -u etcd.service -n 30 tells more; setup looks again by itself");
}

/* Writes down which member this machine is, so that lost data is noticed before etcd forgets what it promised. */
static int remember(struct road *r, struct err *e)
{
	const struct identity id = { .cluster_id = r->health.cluster_id,
				     .member_id = r->health.member_id,
				     .name = r->m->conf.name };

	if (r->has_id)
		return 0;
	log_info("member %016" PRIx64 " of cluster %016" PRIx64 " is healthy", id.member_id, id.cluster_id);
	r->changed = true;
	return identity_write(r->m, &id, e);
}

static int start(struct road *r, struct err *e)
{
	if (!r->m->live) {
		if (r->changed && !r->m->dry_run && r->m->at.root[0] == '\0')
			log_info("systemd does not run here: start %s/etcd yourself with the settings of %s",
				 r->m->at.current, r->m->at.etcd_env);
		return 0;
	}
	if (!r->runs) {
		r->changed = true;
		if (service_start(r->m, e) < 0)
			return -1;
		if (r->m->dry_run)
			return 0;
	}
	if (!r->health.healthy && wait_healthy(r, e) < 0)
		return -1;
	if (r->restart)
		log_warn("etcd still runs with its former settings; when it suits you: systemctl restart etcd");
	return remember(r, e);
}

static int walk(struct road *r, struct err *e)
{
	auto_close int lock = -1;
	struct err pending = { 0 };

	if (check_role(r->m, e) < 0)
		return -1;
	lock = machine_lock(r->m, e);
	if (lock < 0 || look_first(r, e) < 0 || prepare(r, &pending, e) < 0)
		return -1;
	if (pending.class == ERR_NONE || r->runs) {
		if (render(r, e) < 0)
			return -1;
		if (!r->how->local && start(r, e) < 0)
			return -1;
	}
	if (pending.class != ERR_NONE) {
		*e = pending;
		return -1;
	}
	return r->changed ? SETUP_DONE : SETUP_NOTHING;
}

/* How it ended goes to status, and to the retry timer; a machine that cannot even be told so still gets the error itself. */
static void record(const struct machine *m, int rc, const struct err *why)
{
	enum outcome_state state = OUTCOME_READY;
	struct err lost = { 0 };

	if (rc < 0)
		state = why->class == ERR_PENDING ? OUTCOME_PENDING : OUTCOME_FAILED;
	else if (m->conf.role == ROLE_NONE)
		state = OUTCOME_IDLE;
	rc = outcome_write(m, state, state == OUTCOME_READY || state == OUTCOME_IDLE ? NULL : why, &lost);
	if (rc < 0 || (rc > 0 && service_retry(m, state == OUTCOME_PENDING, &lost) < 0))
		log_error(LOG_LEVEL_WARN, &lost);
}

int setup_run(const struct machine_options *where, const struct setup_options *how, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct road road = { .m = &m, .how = how };
	int rc = machine_open(&m, where, e);

	if (rc == 0)
		rc = m.conf.role == ROLE_NONE ? SETUP_NOTHING : walk(&road, e);
	identity_free(&road.id);
	if (!m.dry_run && !how->local)
		record(&m, rc, e);
	return rc;
}
