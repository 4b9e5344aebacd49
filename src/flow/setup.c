/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/setup.h"

#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cahost/server.h"
#include "cluster/mark.h"
#include "doctor/examine.h"
#include "doctor/foreign.h"
#include "flow/certify.h"
#include "flow/common.h"
#include "flow/form.h"
#include "flow/join.h"
#include "flow/recover.h"
#include "flow/retry.h"
#include "flow/unused.h"
#include "member/datadir.h"
#include "member/host.h"
#include "member/joining.h"
#include "pki/origin.h"
#include "release/release.h"
#include "service/outcome.h"
#include "service/schedule.h"
#include "service/service.h"

/* One look at the member, which is on loopback or an address of ours. */
#define PROBE_MS 2000

/*
 * How long setup waits for other machines: with --wait long enough for people who install them one after the other,
 * else a moment. Then the timer goes on.
 */
#define WAIT_SECONDS   (20 * 60)
#define ANSWER_SECONDS 10

/* Whose data is here, and whether this is the machine of that member. */
static int look_at_member(struct setup_run *r, struct err *e)
{
	int rc = identity_read(r->m, &r->id, e);

	if (rc < 0)
		return -1;
	r->has_id = rc > 0;
	if (!r->has_id && foreign_check(r->m, e) < 0)
		return -1;
	/* Only the cluster knows whose data a joining machine has: join_enter asks. */
	if (!join_wanted(r->m, r->how->replace) && datadir_check(r->m, e) < 0)
		return -1;
	if (!r->has_id || r->how->replace)
		return 0;
	return r->how->adopt ? 0 : host_check(r->m, e);
}

/* Whether the etcd that answers on this machine is that member. */
static int look_at_etcd(struct setup_run *r, struct err *e)
{
	struct err silent = { 0 };

	if (file_exists(r->m->at.etcd_env))
		r->runs = member_probe(r->m, PROBE_MS, &r->health, &silent) == 0;
	if (!r->runs || !r->has_id ||
	    (r->health.cluster_id == r->id.cluster_id && r->health.member_id == r->id.member_id))
		return 0;
	(void)err_set(e, ERR_CONFIG,
		      "the etcd that answers on port %u is member " ID_FMT " of cluster " ID_FMT
		      ", this machine's is member " ID_FMT " of cluster " ID_FMT,
		      (unsigned int)r->m->conf.client_port, r->health.member_id, r->health.cluster_id, r->id.member_id,
		      r->id.cluster_id);
	return err_hint(e, "stop the other etcd, or choose another CLIENT_PORT in %s", r->m->at.conf);
}

/* All that can be refused before anything is changed. */
static int look_first(struct setup_run *r, struct err *e)
{
	int rc = look_at_member(r, e);

	if (rc < 0)
		return -1;
	if (r->m->at.root[0] != '\0') /* below a root there are files, but no ports and no etcd */
		return r->has_id && r->how->adopt && host_write(r->m, true, e) < 0 ? -1 : 0;
	if (look_at_etcd(r, e) < 0 || move_check(r, e) < 0)
		return -1;
	if (r->has_id && !r->runs && !r->how->replace && mark_check(r->m, !r->how->local, e) < 0)
		return -1;
	/* A move is recorded when the others know of it, or by a person's word; but never for a refused copy. */
	if (r->has_id && host_write(r->m, r->how->adopt, e) < 0)
		return -1;
	rc = r->runs || r->moves ? 0 : doctor_before_start(r->m, e);
	if (rc < 0)
		r->others = *e; /* when it is pending: a network that comes in a moment */
	return rc;
}

static int give_up_unused(struct setup_run *r, struct err *e)
{
	return unused_give_up(r->m, false, r->how->local, e);
}

static int finish_recovery(struct setup_run *r, struct err *e)
{
	return recover_finish(r->m, e);
}

/*
 * This machine is about to be added by ROLE=join or replace. A machine that was added has its journal, and keeps its
 * keys; so does a new disk that joins by itself, because its slot was never used (form_enter).
 */
static bool is_to_be_added(const struct setup_run *r)
{
	auto_joining struct joining journal = { 0 };
	struct err unread = { 0 };

	return !r->how->local && joining_read(r->m, &journal, &unread) >= 0 && journal.step < JOINING_ADDED &&
	       join_wanted(r->m, r->m->conf.replace);
}

/* While forming waits for others, no CA is made and none is asked; certificates of another origin are looked after. */
static int get_certificates(struct setup_run *r, struct err *e)
{
	auto_free char *ca = machine_pki_path(r->m, "ca", "crt");

	if (r->others.class != ERR_NONE && !file_exists(ca))
		return 0;
	if (is_to_be_added(r) &&
	    common_fresh_keys(r->m, false, r->how->replace ? "etcd-cluster replace" : "etcd-cluster setup", e) < 0)
		return -1;
	return certify(r->m, r->how->local, form_makes_ca(r), e);
}

/* With a copied or external CA nobody is asked. A report needs them, and so does the server that takes it. */
static int sign_own(struct setup_run *r, struct err *e)
{
	const enum pki_origin origin = pki_origin(r->m);
	const bool own = origin == PKI_CA || origin == PKI_EXTERNAL;

	return !r->m->dry_run && own ? certify(r->m, r->how->local, false, e) : 0;
}

static int open_enrolment(struct setup_run *r, struct err *e)
{
	return enroll_open(r->m, e);
}

static int make_directories(struct setup_run *r, struct err *e)
{
	int data = datadir_prepare(r->m, e), paths, timer;

	if (data < 0)
		return -1;
	paths = service_paths(r->m, e);
	timer = paths < 0 ? -1 : schedule_set(r->m, e);
	return timer < 0 ? -1 : data || paths || timer;
}

static int install_release(void *run, void *unused, struct err *e)
{
	const struct setup_run *r = run;
	const enum tarball_from there = r->how->unattended ? TARBALL_ANY : TARBALL_AGAIN;

	(void)unused;
	return release_ensure(r->m, r->how->local ? TARBALL_CACHE : there, r->has_id, e);
}

/* Beside the steps before it: the last machine of a cluster would keep the others waiting while it unpacks. */
static int begin_release(struct setup_run *r, struct err *e)
{
	return r->runs || r->m->dry_run ? 0 : jail_start(NULL, install_release, r, 0, &r->fetcher, e);
}

static int get_release(struct setup_run *r, struct err *e)
{
	struct jail_child child = r->fetcher;

	r->fetcher.pid = 0;
	return child.pid ? jail_finish(&child, NULL, e) : install_release(r, NULL, e);
}

/* A step before it has failed. What was downloaded is asked for again. */
static void end_release(struct setup_run *r)
{
	struct err ended = { 0 };

	if (!r->fetcher.pid)
		return;
	(void)kill(r->fetcher.pid, SIGKILL);
	if (jail_finish(&r->fetcher, NULL, &ended) < 0)
		log_debug("%s", ended.msg);
}

static int write_env(struct setup_run *r, struct err *e)
{
	int rc;

	if ((r->moves && r->how->local) || !form_is_decided(r))
		return 0; /* the others have to know the new address first; and initial-cluster is in the record */
	rc = common_write_env(r->m, e);
	if (rc > 0 && r->runs)
		r->restart = true;
	return rc;
}

/* What a step that fails with ERR_PENDING waits for. Others: setup looks again in a moment. Release: the timer does. */
enum wait { ENDS, WAITS_FOR_OTHERS, WAITS_FOR_RELEASE };

/* When a step is skipped. An etcd that runs needs no new release. */
enum { NEVER = 0, IF_LOCAL = 1, WITHOUT_OTHERS = 2, WITHOUT_RELEASE = 4 };

/*
 * All of setup, in order. Each step returns 1 changed, 0 nothing to do, -1. Forming and certificates come before the
 * release: a machine that waits for its mirror holds nobody up. The membership changes just before etcd starts, since
 * that is not easily taken back.
 */
static const struct step {
	const char *name; /* for status */
	int (*take)(struct setup_run *r, struct err *e);
	enum wait wait;
	unsigned int skip;
} steps[] = {
	{ "recovery", finish_recovery, ENDS, NEVER },
	{ "former-cluster", give_up_unused, ENDS, NEVER },
	{ "check", look_first, ENDS, NEVER },
	{ "directories", make_directories, ENDS, NEVER },
	{ "certificates", sign_own, WAITS_FOR_OTHERS, NEVER },
	{ "release", begin_release, ENDS, IF_LOCAL },
	{ "enrolment", open_enrolment, ENDS, IF_LOCAL },
	{ "forming", form_agree, WAITS_FOR_OTHERS, NEVER },
	{ "certificates", get_certificates, WAITS_FOR_OTHERS, NEVER },
	{ "forming", form_commit, WAITS_FOR_OTHERS, IF_LOCAL | WITHOUT_OTHERS },
	{ "release", get_release, WAITS_FOR_RELEASE, NEVER },
	{ "join", form_enter, WAITS_FOR_OTHERS, IF_LOCAL | WITHOUT_OTHERS | WITHOUT_RELEASE },
	{ "move", move_announce, WAITS_FOR_OTHERS, IF_LOCAL | WITHOUT_OTHERS | WITHOUT_RELEASE },
	{ "settings", write_env, ENDS, WITHOUT_OTHERS | WITHOUT_RELEASE },
	{ "start", start_run, WAITS_FOR_OTHERS, IF_LOCAL | WITHOUT_OTHERS | WITHOUT_RELEASE },
};

static bool is_skipped(const struct step *s, const struct setup_run *r)
{
	return (s->skip & IF_LOCAL && r->how->local) || (s->skip & WITHOUT_OTHERS && r->others.class != ERR_NONE) ||
	       (s->skip & WITHOUT_RELEASE && r->release.class != ERR_NONE && !r->runs);
}

/* A step that has to wait does not hold up the next ones. */
static int put_off(struct setup_run *r, const struct step *s, struct err *e)
{
	struct err *why = s->wait == WAITS_FOR_OTHERS ? &r->others : &r->release;

	if (s->wait == ENDS || e->class != ERR_PENDING)
		return -1;
	if (why->class == ERR_NONE) /* the first reason counts */
		*why = *e;
	err_clear(e);
	return 0;
}

/* All reasons why it is not done yet, and what to do about each. */
static int not_yet(const struct setup_run *r, struct err *e)
{
	const char *hint = r->others.hint, *also = r->release.hint;

	*e = r->others.class != ERR_NONE ? r->others : r->release;
	if (r->others.class == ERR_NONE || r->release.class == ERR_NONE)
		return -1;
	(void)err_set(e, ERR_PENDING, "%s; and %s", r->others.msg, r->release.msg);
	return hint[0] && also[0] ? err_hint(e, "%s; and for the release: %s", hint, also)
				  : err_hint(e, "%s", hint[0] ? hint : also);
}

static int take_steps(struct setup_run *r, struct attempt *a, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int rc = 0;

		if (!is_skipped(&steps[i], r)) {
			attempt_step(a, r, i, steps[i].name);
			rc = steps[i].take(r, e);
		}
		if (rc < 0 && put_off(r, &steps[i], e) < 0)
			return -1;
		r->changed = r->changed || rc > 0;
		if (rc > 0 && steps[i].take == give_up_unused && r->m->dry_run)
			return SETUP_DONE; /* the further steps depend on what was not done */
	}
	if (r->others.class != ERR_NONE || r->release.class != ERR_NONE)
		return not_yet(r, e);
	return r->changed ? SETUP_DONE : SETUP_NOTHING;
}

/* ROLE=none, or beside another etcd: nothing is done here, and the enrolment server is closed. */
static int stand_idle(const struct machine *m, const struct setup_options *how, struct err *e)
{
	int rc = how->local ? 0 : enroll_open(m, e);

	if (file_exists(m->at.adopt))
		log_info("setup is idle: another etcd is on this machine, as %s says", m->at.adopt);
	if (rc < 0)
		return -1;
	return rc > 0 ? SETUP_DONE : SETUP_NOTHING;
}

/* All steps, under the lock until the end is recorded. */
static int run_locked(struct setup_run *r, struct attempt *a, struct err *e)
{
	auto_close int lock = machine_lock(r->m, e);
	int rc = lock < 0 ? -1 : take_steps(r, a, e);

	end_release(r);
	attempt_end(a, r->m, lock >= 0, rc, e);
	return rc;
}

/* One look from the beginning: cluster.conf may have changed. */
static int run_once(const struct machine_options *where, struct attempt *a, struct err *e)
{
	struct machine m cleanup(machine_free) = { 0 };
	struct setup_run run = { .m = &m, .how = a->how };
	int rc = machine_open(&m, where, e);

	/* From before the first step on: whatever ends this run, the timer tries again. */
	if (!a->again && !a->idle && (rc < 0 || m.conf.role != ROLE_NONE))
		attempt_timer(a, &m, true);
	if (rc < 0 || m.conf.role == ROLE_NONE) {
		if (rc < 0)
			run.others = *e; /* when it is pending: an address or a name, which the network brings */
		else
			rc = stand_idle(&m, a->how, e);
		attempt_end(a, &m, true, rc, e);
	} else {
		m.conf.replace = m.conf.replace || a->how->replace;
		rc = run_locked(&run, a, e);
	}
	a->again = rc < 0 && e->class == ERR_PENDING && run.others.class != ERR_NONE && run.release.class == ERR_NONE &&
		   !a->how->local && !m.dry_run && (a->how->wait || m.at.root[0] == '\0');
	a->forms = run.form != FORM_NOTHING;
	identity_free(&run.id);
	form_end(&run);
	return rc;
}

int setup_run(const struct machine_options *where, const struct setup_options *how, struct err *e)
{
	struct machine here cleanup(machine_free) = { 0 };
	struct attempt a cleanup(attempt_free) = { 0 };
	struct retry retry;
	int rc;

	machine_locate(&here, where);
	attempt_begin(&a, &here, how);
	if (!attempt_is_due(&a, &here)) {
		attempt_timer(&a, &here, true); /* the target may have been stopped and started */
		return SETUP_DONE;
	}
	retry_begin(&retry, how->wait ? WAIT_SECONDS : ANSWER_SECONDS);
	if (how->unattended && a.has_before)
		(void)snprintf(retry.logged, sizeof(retry.logged), "%s", a.before.message);
	while ((rc = run_once(where, &a, e)) < 0 && a.again) {
		retry.brief = a.forms;
		if (!retry_pause(&retry, e))
			break;
		attempt_wait_conf(&a, &here);
		err_clear(e);
	}
	if (!a.idle || !a.is_settled)
		attempt_timer(&a, &here, !a.is_settled);
	if (rc < 0 && how->unattended && a.has_before && outcome_is_same(&a.before, e)) {
		rc = (int)e->class; /* it was printed then */
		err_clear(e);
	}
	return rc;
}
