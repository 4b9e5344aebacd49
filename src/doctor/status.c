/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/status.h"

#include <errno.h>
#include <unistd.h>

#include "adapter/probe.h"
#include "base/mem.h"
#include "doctor/parts.h"

/* Whether setup has ever got as far as having certificates to ask with; not being allowed to look is no "no". */
static bool was_set_up(const struct machine *m)
{
	auto_free char *cert = machine_pki_path(m, "etcdctl-etcd-client", "crt");

	return file_exists(cert) || file_exists(m->at.member_id) || (access(m->at.pki, X_OK) < 0 && errno == EACCES);
}

/* Without certificates nobody can be asked; setup's own words (its outcome) say what it waits for. */
static void check_not_set_up(struct status *s)
{
	bool waits = s->has_outcome && s->outcome.state == OUTCOME_PENDING;
	struct check_finding *f = check_bad(&s->report, ERR_HEALTH, "etcd has not been set up on this machine yet%s",
					    waits ? ": setup waits, and tries again by itself" : "");

	check_fix(f, "etcd-cluster setup%s", waits ? ", to try now; journalctl -u etcd-cluster-setup" : "");
}

/* Where the journal of a join stands, until the member votes. */
static void read_joining(const struct machine *m, struct status *s)
{
	auto_joining struct joining j = { 0 };
	struct err ignored = { 0 };

	s->joins = joining_read(m, &j, &ignored) > 0 && j.step != JOINING_MEMBER;
	s->joining = j.step;
}

void status_gather(const struct machine *m, unsigned int timeout_ms, struct status *s)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir);
	struct err e = { 0 };
	pid_t pid;
	int found;

	*s = (struct status){ 0 };
	found = outcome_read(m, &s->outcome, &e);
	s->has_outcome = found > 0;
	if (found < 0)
		check_error(&s->report, &e);
	s->has_release = release_current(m, &s->release, &e) > 0;
	if (m->conf.role == ROLE_NONE)
		return;
	read_joining(m, s);
	if (!was_set_up(m)) {
		check_not_set_up(s);
		return;
	}
	pid = probe_etcd(data, NULL);
	s->report.running = pid > 0;
	if (member_survey(m, timeout_ms, &s->survey, &e) < 0)
		check_error(&s->report, &e);
	else
		check_members(m, &s->survey, &s->report);
	check_release(m, &s->report);
	check_files(m, &s->report);
	if (pid > 0)
		check_process(m, pid, &s->report);
	if (pki_list(m, &s->certs, &s->n_certs, &e) < 0)
		s->n_certs = 0; /* check_files has said why */
}

void status_free(struct status *s)
{
	outcome_free(&s->outcome);
	release_free(&s->release);
	member_survey_free(&s->survey);
	pki_list_free(s->certs, s->n_certs);
	check_report_free(&s->report);
	*s = (struct status){ 0 };
}

const struct member *status_here(const struct status *s)
{
	for (size_t i = 0; i < s->survey.n; i++) {
		if (s->survey.list[i].here)
			return &s->survey.list[i];
	}
	return NULL;
}

bool status_removed(const struct status *s)
{
	const struct member *here = status_here(s);

	return here && !here->listed && !here->healthy && s->survey.agreed && s->survey.home_member != 0 &&
	       s->survey.home_cluster == s->survey.cluster_id;
}

int status_verdict(const struct machine *m, const struct status *s, struct err *e)
{
	const struct member *here = status_here(s);

	if (m->conf.role == ROLE_NONE)
		return 0;
	if ((!here || !here->healthy) && s->has_outcome && s->outcome.state == OUTCOME_PENDING) {
		(void)err_set(e, ERR_PENDING, "setup is not done yet: %s", s->outcome.message);
		return s->outcome.hint[0] ? err_hint(e, "%s", s->outcome.hint) : -1;
	}
	for (size_t i = 0; i < s->report.n; i++) {
		const struct check_finding *f = &s->report.list[i];

		if (f->level == CHECK_BAD && (f->class == ERR_HEALTH || !here || !here->healthy)) {
			(void)err_set(e, ERR_HEALTH, "%s", f->what);
			return f->fix[0] ? err_hint(e, "%s", f->fix) : -1;
		}
	}
	if (here && here->healthy)
		return 0;
	(void)err_set(e, ERR_HEALTH, "etcd is not healthy on this machine");
	return err_hint(e, "etcd-cluster setup");
}
