/* SPDX-License-Identifier: Apache-2.0 */
#include "change/restart.h"

#include <signal.h>
#include <string.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cluster/gate.h"
#include "doctor/examine.h"
#include "flow/common.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "service/service.h"

/* Others restart meanwhile, one after the other. */
#define LOCK_WAIT_S 300
/* After the restart of another member its connections, and a busy machine, need a moment. */
#define GATE_WAIT_S 60
/* A large database is read from the disk at the start. */
#define BACK_S 600

#define PROBE_MS       2000
#define LOOK_MS	       50
#define LOOKS_PER_UNIT 10

/* How often systemd may start it again before that counts as failed. */
#define MOST_RESTARTS 3

struct restart {
	const struct machine *m;
	const struct restart_how *how;
	struct identity id;
	pid_t before; /* the process that is to end; 0: none runs */
	struct member_survey s;
	struct lock lock;
};

static void restart_free(struct restart *r)
{
	identity_free(&r->id);
	member_survey_free(&r->s);
	lock_free(&r->lock);
}

static pid_t find_etcd(const struct machine *m)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	pid_t pid = service_pid(m);

	return pid != 0 ? pid : probe_etcd(data, NULL);
}

/* --- Before anything is stopped. */

static int look(struct restart *r, struct err *e)
{
	auto_free char *now = endpoint_peer_in_use(r->m), *wanted = endpoint_peer(&r->m->conf);
	int rc = identity_read(r->m, &r->id, e);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		(void)err_set(e, ERR_CONFIG, "this machine is not a member of a cluster");
		return err_hint(e, "etcd-cluster setup");
	}
	if (now && strcmp(now, wanted) != 0) {
		(void)err_set(e, ERR_CONFIG, "cluster.conf gives this member another address (%s instead of %s)",
			      wanted, now);
		return err_hint(e, "etcd-cluster setup moves it");
	}
	r->before = find_etcd(r->m);
	return r->before != PROBE_PID_UNKNOWN
		       ? 0
		       : err_set(e, ERR_FAIL, "an etcd answers here, but its process cannot be seen: run this as root");
}

/* An etcd that would not start again is not stopped. */
static int prepare(const struct restart *r, struct err *e)
{
	cleanup(doctor_report_free) struct doctor_report report = { 0 };

	if (common_write_env(r->m, e) < 0)
		return -1;
	doctor_start(r->m, true, &report);
	return doctor_verdict(&report, e) < 0 ? err_wrap(e, "etcd would not start again") : 0;
}

/* --- The restart. */

static int stop_and_start(const struct restart *r, struct err *e)
{
	if (r->m->live)
		return r->before ? service_restart(r->m, e) : service_start(r->m, false, e);
	if (r->before && kill(r->before, SIGTERM) < 0 && errno != ESRCH)
		return err_sys(e, ERR_FAIL, "cannot end etcd, process %d", (int)r->before);
	log_info("systemd does not run here: what supervises etcd must start it again");
	return 0;
}

static int not_back(const char *why, struct err *e)
{
	(void)err_set(e, ERR_HEALTH, "etcd was stopped and does not come back: %s", why);
	return err_hint(e,
			"journalctl -u etcd.service -n 30 shows why; no other member stops until it is healthy again");
}

/* Another process than before answers as this member, and its read needed all that a quorum had. */
static int wait_back(const struct restart *r, struct err *e)
{
	const long long end = clock_ms() + BACK_S * 1000LL;
	unsigned int before = 0, restarts = 0;
	struct err last = { 0 };
	auto_free char *ended = NULL;

	if (service_failed(r->m, &before, &ended, e) < 0)
		return -1;
	for (unsigned int n = 1; clock_ms() < end; n++) {
		auto_free char *why = NULL;
		struct member_health h;
		int rc = 0;

		clock_sleep(LOOK_MS);
		err_clear(&last);
		if (find_etcd(r->m) != r->before && member_probe(r->m, PROBE_MS, &h, &last) == 0 && h.healthy &&
		    h.cluster_id == r->id.cluster_id && h.member_id == r->id.member_id)
			return 0;
		if (n % LOOKS_PER_UNIT == 0)
			rc = service_failed(r->m, &restarts, &why, e);
		if (rc < 0)
			return -1;
		if (rc > SERVICE_GOOD && (rc != SERVICE_RESTARTS || restarts >= before + MOST_RESTARTS))
			return not_back(why, e);
	}
	return not_back(last.msg[0] ? last.msg : "it is not healthy", e);
}

/* Up to the last look. A leader that was moved may be unknown to some for a moment, so the gate waits again. */
static int pass_gate(struct restart *r, struct err *e)
{
	const bool allow = r->how->allow_outage;

	if (gate_wait(r->m, allow, GATE_WAIT_S, &r->s, e) < 0)
		return -1;
	gate_hand_over(r->m, &r->s);
	return gate_wait(r->m, allow, GATE_WAIT_S, &r->s, e) < 0 || gate_last(r->m, &r->lock, allow, &r->s, e) < 0 ? -1
														   : 0;
}

/* A run that was killed may have left the lock; a learner has none. */
static int finish(struct restart *r, struct err *e)
{
	if (wait_back(r, e) < 0)
		return -1;
	if (r->lock.cluster == 0 &&
	    (gate_check(r->m, true, &r->s, e) < 0 || lock_take(r->m, &r->s, "restart", 0, &r->lock, e) < 0)) {
		log_debug("%s", e->msg);
		err_clear(e);
	}
	lock_release(r->m, &r->lock);
	log_info("etcd was restarted, and is healthy and in sync");
	return 1;
}

static int run(struct restart *r, struct err *e)
{
	const time_t started = r->before > 0 ? probe_started(r->before) : 0;

	if (r->how->since != 0 && started > r->how->since) {
		r->before = 0;
		return finish(r, e);
	}
	if (prepare(r, e) < 0)
		return -1;
	if (r->before == 0) {
		log_info("etcd does not run; it is started");
		return r->m->dry_run ? 1 : stop_and_start(r, e) < 0 ? -1 : finish(r, e);
	}
	if (gate_wait(r->m, r->how->allow_outage, GATE_WAIT_S, &r->s, e) < 0 ||
	    lock_take(r->m, &r->s, "restart", LOCK_WAIT_S, &r->lock, e) < 0)
		return -1;
	if (r->m->dry_run) {
		log_info("would restart etcd now: every other voting member is healthy");
		return 1;
	}
	if (pass_gate(r, e) < 0) {
		lock_release(r->m, &r->lock);
		return -1;
	}
	return stop_and_start(r, e) < 0 ? -1 : finish(r, e);
}

int restart_run(const struct machine *m, const struct restart_how *how, struct err *e)
{
	struct restart r cleanup(restart_free) = { .m = m, .how = how };

	return look(&r, e) < 0 ? -1 : run(&r, e);
}
