/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/examine.h"

#include <unistd.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "doctor/foreign.h"
#include "doctor/parts.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "service/service.h"

#define SURVEY_MS 2000

int doctor_can_start(const struct machine *m, struct err *e)
{
	cleanup(doctor_report_free) struct doctor_report r = { 0 };

	doctor_release(m, &r);
	doctor_pki(m, &r);
	return doctor_verdict(&r, e);
}

int doctor_before_start(const struct machine *m, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	cleanup(doctor_report_free) struct doctor_report r = { 0 };

	doctor_ports(m, probe_etcd(data, NULL), &r);
	doctor_space(m, &r);
	return doctor_verdict(&r, e);
}

/* Setup has made certificates to ask with; also true when we may not look. */
static bool was_set_up(const struct machine *m)
{
	auto_free char *cert = machine_pki_path(m, ENDPOINT_PAIR, "crt");

	return file_exists(cert) || file_exists(m->at.member_id) || (access(m->at.pki, X_OK) < 0 && errno == EACCES);
}

/* Before the first setup etcd does not run yet; afterwards that is a fault, which doctor_members reports, too. */
static void check_stopped(const struct machine *m, bool thorough, struct doctor_report *r)
{
	cleanup(identity_free) struct identity id = { 0 };
	struct err e = { 0 };
	int known = identity_read(m, &id, &e);

	if (known < 0)
		doctor_error(r, "member_id_unreadable", &e);
	else if (known > 0 && service_lost_log(m))
		doctor_bad(r, ERR_HEALTH, "data_older",
			   "etcd ends because its data is an older copy: the leader knows entries that it had before "
			   "-> etcd-cluster replace");
	else if (!thorough)
		return;
	else if (known == 0)
		doctor_warn(r, "not_started",
			    "etcd does not run, and has not been healthy here yet -> etcd-cluster setup");
	else
		doctor_bad(r, ERR_HEALTH, "etcd_down",
			   "etcd does not run -> systemctl start etcd; if it does not stay up: journalctl -u etcd -n "
			   "50");
}

/* Asks the members. The pid of this machine's etcd: root in a container may not see its files; an answer proves it. */
static pid_t ask(const struct machine *m, struct doctor_exam *x, struct err *unasked)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	pid_t pid = probe_etcd(data, NULL);

	if (member_survey(m, SURVEY_MS, &x->survey, unasked) == 0)
		err_clear(unasked);
	for (size_t i = 0; i < x->survey.n; i++)
		if (x->survey.list[i].here)
			x->here = &x->survey.list[i];
	if (pid == 0 && x->here && x->here->answers)
		pid = PROBE_PID_UNKNOWN;
	x->report.running = pid != 0;
	return pid;
}

static bool is_suspect(const struct doctor_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->list[i].level != DOCTOR_OK)
			return true;
	return false;
}

/* What takes seconds: the disk is measured, and the ports of the other machines are tried. */
static void look_closely(const struct machine *m, pid_t pid, struct doctor_exam *x)
{
	doctor_ports(m, pid, &x->report);
	doctor_host(m, &x->report);
	doctor_peers(m, x);
	doctor_ca(m, x);
}

static void examine(const struct machine *m, bool thorough, struct doctor_exam *x)
{
	struct doctor_report *r = &x->report;
	struct err unasked = { 0 };
	pid_t pid = ask(m, x, &unasked);

	x->certs = pki_list(m);
	doctor_ca_host(m, x);
	doctor_files(m, x);
	doctor_space(m, r);
	/* A second look at each certificate and the log would double the time of an answer without any finding. */
	if (thorough || !r->running || is_suspect(r))
		doctor_start(m, thorough || x->survey.agreed, r);
	else
		doctor_machine(m, r);
	doctor_backup(m, x);
	if (thorough)
		look_closely(m, pid, x);
	if (!r->running)
		check_stopped(m, thorough, r);
	if (pid > 0)
		doctor_process(m, pid, r);
	/* check_stopped has reported it. */
	if (thorough && !r->running && !x->survey.agreed)
		return;
	if (unasked.class != ERR_NONE)
		doctor_error(r, "members_not_asked", &unasked);
	else {
		doctor_members(m, &x->survey, r);
		/* The etcd of this machine has the numbers of all; one that is silent would cost a time limit again. */
		if (x->survey.agreed && x->here && x->here->answers)
			doctor_revocation(m, &x->survey, r);
	}
}

/* How the last setup ended, and whether another one comes. */
static void look_at_setup(const struct machine *m, struct doctor_exam *x)
{
	const long long left = x->outcome.next_ms - clock_ms();

	if (outcome_is_settled(&x->outcome))
		return;
	x->interrupted = x->outcome.state == OUTCOME_RUNNING && !machine_is_locked(m);
	x->retries = service_retry_is_on(m);
	x->next_ms = left > 0 ? left : 0;
	if (!x->retries && (x->interrupted || x->outcome.state != OUTCOME_RUNNING))
		doctor_warn(&x->report, "setup_not_retried",
			    "setup does not try again: etcd-cluster-setup.timer does not run -> systemctl "
			    "start etcd-cluster.target");
}

static void look(const struct machine *m, bool thorough, struct doctor_exam *x)
{
	auto_joining struct joining j = { 0 };
	struct err e = { 0 };
	int found;

	*x = (struct doctor_exam){ 0 };
	doctor_broken(m, DOCTOR_BAD, &x->report);
	found = outcome_read(m, &x->outcome, &e);
	x->has_outcome = found > 0;
	if (found < 0)
		doctor_error(&x->report, "outcome_unreadable", &e);
	if (found > 0)
		look_at_setup(m, x);
	x->has_release = release_current(m, &x->release, &e) > 0;
	doctor_adopted(m, &x->report);
	if (file_exists(m->at.adopt)) {
		doctor_warn(
			&x->report, "beside_other_etcd",
			"etcd-cluster is idle: another etcd is on this machine, as %s says -> etcd-cluster adopt "
			"--dry-run shows how it is taken over; to have a new member instead, remove the other etcd, "
			"then: rm %s && systemctl enable etcd-cluster.target && etcd-cluster setup",
			m->at.adopt, m->at.adopt);
		return;
	}
	if (m->conf.role == ROLE_NONE) {
		doctor_ok(&x->report, "idle", "ROLE=none: etcd-cluster is installed and idle");
		return;
	}
	x->joins = joining_read(m, &j, &e) > 0 && j.step != JOINING_MEMBER;
	x->joining = j.step;
	if (!thorough && !was_set_up(m)) {
		doctor_space(m, &x->report);
		/* Without certificates no member can be asked; the outcome of setup names what it waits for. */
		bool waits = x->has_outcome && !outcome_is_settled(&x->outcome) && x->retries;

		doctor_bad(&x->report, ERR_HEALTH, "not_set_up",
			   "etcd has not been set up on this machine yet%s -> etcd-cluster setup%s",
			   waits ? ": setup waits, and tries again by itself" : "",
			   waits ? ", to try now; journalctl -u etcd-cluster-setup" : "");
		return;
	}
	examine(m, thorough, x);
}

void doctor_examine(const struct machine *m, bool thorough, struct doctor_exam *x)
{
	look(m, thorough, x);
	doctor_sort(&x->report);
}

void doctor_exam_free(struct doctor_exam *x)
{
	outcome_free(&x->outcome);
	release_free(&x->release);
	member_survey_free(&x->survey);
	pki_list_free(x->certs);
	active_free(&x->active);
	enroll_records_free(&x->enrolled);
	backup_state_free(&x->backups.here);
	free(x->backups.file);
	free(x->backups.member);
	enroll_records_free(&x->clients);
	doctor_report_free(&x->report);
	*x = (struct doctor_exam){ 0 };
}

bool doctor_removed(const struct doctor_exam *x)
{
	return x->here && !x->here->listed && !x->here->healthy && x->survey.agreed && x->survey.home_member != 0 &&
	       x->survey.home_cluster == x->survey.cluster_id;
}

int doctor_health(const struct machine *m, const struct doctor_exam *x, struct err *e)
{
	bool healthy = x->here && x->here->healthy;

	if (m->broken.class != ERR_NONE) {
		(void)err_set(e, m->no_conf ? m->broken.class : ERR_HEALTH, "%s", m->broken.msg);
		return err_hint(e, "%s", m->broken.hint);
	}
	if (m->conf.role == ROLE_NONE)
		return 0;
	if (!healthy && x->has_outcome &&
	    (x->outcome.state == OUTCOME_PENDING || x->outcome.state == OUTCOME_RUNNING)) {
		(void)err_set(e, ERR_PENDING, "setup is not done yet: %s",
			      x->outcome.state == OUTCOME_RUNNING ? x->outcome.step : x->outcome.message);
		return err_hint(e, "%s", x->outcome.hint);
	}
	for (size_t i = 0; i < x->report.n; i++) {
		const struct doctor_finding *f = &x->report.list[i];

		if (f->class == ERR_HEALTH || (f->level == DOCTOR_BAD && !healthy)) {
			(void)err_set(e, ERR_HEALTH, "%s", f->what);
			return err_hint(e, "%s", f->fix);
		}
	}
	if (healthy)
		return 0;
	(void)err_set(e, ERR_HEALTH, "etcd is not healthy on this machine");
	return err_hint(e, "etcd-cluster setup");
}

const char *doctor_member_role(const struct doctor_exam *x, const struct member *one)
{
	if (one->learner)
		return "learner";
	if (!one->answers)
		return "-";
	return one->id == x->survey.leader ? "leader" : "follower";
}

const char *doctor_member_health(const struct doctor_exam *x, const struct member *one)
{
	if (one->healthy)
		return "healthy";
	if (one->here && doctor_removed(x))
		return "removed";
	if (one->answers)
		return "no quorum";
	return one->here && !one->listed && x->survey.agreed ? "no member" : "down";
}
