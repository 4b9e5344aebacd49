/* SPDX-License-Identifier: Apache-2.0
 *
 * status and check: two views of one examination (doctor/examine.h).
 */
#include "doctor/examine.h"

#include <inttypes.h>
#include <string.h>

#include "adapter/json.h"
#include "base/clock.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/status_backup.h"
#include "config/key.h"
#include "member/last_good.h"
#include "pki/check.h"
#include "pki/crl.h"

/* How far it has come in joining a cluster, for programs and for people. */
static const struct {
	const char *name, *text;
} joining_words[] = {
	[JOINING_ADDING] = { "adding", "about to be added to the cluster" },
	[JOINING_ADDED] = { "added", "added as a learner; etcd has not answered here yet" },
	[JOINING_STARTED] = { "started", "started as a learner; it votes once it has all data" },
	[JOINING_MEMBER] = { "member", "" },
};

/* Each finding of at least this level, and below it the command that fixes it; `before` comes before the first one. */
static void print_report(const struct doctor_report *r, enum doctor_level least, const char *before)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->list[i];

		if (f->level < least)
			continue;
		(void)printf("%s%-4s  %s\n", before, doctor_level_name(f->level), f->what);
		before = "";
		if (f->fix[0])
			(void)printf("      -> %s\n", f->fix);
	}
}

/* The same as objects in an array. */
static void json_report(const struct doctor_report *r, enum doctor_level least, struct json_object *array)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->list[i];
		struct json_object *o;

		if (f->level < least)
			continue;
		o = json_object_in(array, NULL);
		json_text(o, "level", doctor_level_name(f->level));
		json_text(o, "what", f->what);
		json_text(o, "fix", f->fix[0] ? f->fix : NULL);
	}
}

/*
 * The exit code after print_report: of a verdict (-1 with e) that was printed among the findings only the class is
 * left. Any other rc is returned as it is.
 */
static int after_report(const struct doctor_report *r, int rc, struct err *e)
{
	for (size_t i = 0; rc < 0 && i < r->n; i++) {
		if (strcmp(r->list[i].what, e->msg) == 0) {
			rc = (int)e->class;
			err_clear(e);
		}
	}
	return rc;
}

static char *size_text(long long bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= 1024 && i + 1 < ARRAY_LEN(units); i++)
		n /= 1024;
	return xasprintf(n < 10 && i > 0 && n != (double)(long long)n ? "%.1f %s" : "%.0f %s", n, units[i]);
}

static long long percent_of(const struct machine *m, const struct member *one)
{
	return (long long)one->status.db_size * 100 / doctor_quota(m, one);
}

/* "pending", or "interrupted" for a setup that was killed. */
static const char *setup_state(const struct doctor_exam *s)
{
	return s->interrupted ? "interrupted" : outcome_name(s->outcome.state);
}

/* Seconds until setup tries again, rounded up; -1 while it works, or does not. */
static long long next_try(const struct doctor_exam *s)
{
	const bool works = s->outcome.state == OUTCOME_RUNNING && !s->interrupted;

	return works || !s->retries ? -1 : (s->next_ms + 999) / 1000;
}

static void print_setup(const struct doctor_exam *s)
{
	const struct outcome *o = &s->outcome;
	const bool has_step = o->step[0], has_why = o->message[0];
	const long long next = next_try(s);

	(void)printf("setup         %s%s%s%s%s\n", setup_state(s), has_step || has_why ? ": " : "", o->step,
		     has_step && has_why ? "; before: " : "", o->message);
	if (o->hint[0])
		(void)printf("              -> %s\n", o->hint);
	if (next > 0)
		(void)printf("              tries again by itself in %lld s\n", next);
	else if (next == 0)
		(void)puts("              tries again by itself in a moment");
}

static void print_machine(const struct machine *m, const struct doctor_exam *s)
{
	struct member_votes votes = member_count_votes(&s->survey);

	(void)printf("machine       %s, ROLE=%s, %s\n", m->conf.name, config_role_name(m->conf.role), m->conf.address);
	if (s->has_outcome)
		print_setup(s);
	if (s->joins)
		(void)printf("joining       %s\n", joining_words[s->joining].text);
	(void)printf("release       %s running, %s installed",
		     s->here && s->here->answers ? s->here->status.version : "none",
		     s->has_release ? s->release.name : "none");
	if (m->conf.release_given)
		(void)printf(", %s wanted", m->conf.release);
	(void)putchar('\n');
	if (votes.all > 0)
		(void)printf("cluster       " ID_FMT ", %zu of %zu voting members healthy, %zu needed\n",
			     s->survey.cluster_id, votes.healthy, votes.all, votes.quorum);
	if (s->certs) {
		(void)fputs("certificates ", stdout);
		for (size_t i = 0; i < PKI_ENTRIES; i++) {
			if (s->certs[i].present)
				(void)printf("%s %s %lld days", i ? "," : "", s->certs[i].name,
					     pki_days_left(m, s->certs[i].info.not_after));
		}
		(void)putchar('\n');
	}
}

static void print_ca_host(const struct doctor_exam *s)
{
	auto_free char *who = ca_host_words(&s->active.host);

	if (!s->has_ca || s->active.state == ENROLL_OPEN)
		return;
	if (s->active.state == ENROLL_CLAIMED)
		(void)puts("CA host       this machine; etcd learns it when there is a quorum");
	else
		(void)printf("CA host       %s; this machine is a standby\n"
			     "              -> to make this machine the CA host: etcd-cluster ca takeover\n",
			     who);
}

#define ROW "%-*s  %-16s  %-*s  %-9s  %-8s  %-8s  %-23s  %-8s  %s\n"

static void print_member(const struct machine *m, const struct doctor_exam *s, const struct member *one, int name,
			 int url)
{
	auto_free char *id = xasprintf(ID_FMT, one->id), *db = xstrdup("-"), *lag = xstrdup("-");
	auto_free char *cert = one->cert_end ? xasprintf("%lld", pki_days_left(m, one->cert_end)) : xstrdup("-");

	if (one->answers) {
		auto_free char *used = size_text(one->status.db_size), *quota = size_text(doctor_quota(m, one));

		free(db);
		free(lag);
		db = xasprintf("%s of %s (%lld %%)", used, quota, percent_of(m, one));
		lag = xasprintf("%" PRIu64, doctor_member_lag(&s->survey, one));
	}
	(void)printf(ROW, name, one->name[0] ? one->name : "-", id, url, one->url[0] ? one->url : "-",
		     doctor_member_health(s, one), doctor_member_role(s, one), one->answers ? one->status.version : "-",
		     db, lag, cert);
}

static void print_members(const struct machine *m, const struct doctor_exam *s)
{
	int name = 4, url = 8;

	for (size_t i = 0; i < s->survey.n; i++) {
		int n = (int)strlen(s->survey.list[i].name), u = (int)strlen(s->survey.list[i].url);

		name = n > name ? n : name;
		url = u > url ? u : url;
	}
	if (s->survey.n > 0)
		(void)printf("\n" ROW, name, "NAME", "ID", url, "ENDPOINT", "HEALTH", "ROLE", "VERSION", "DB",
			     "RAFT-LAG", "CERT-DAYS");
	for (size_t i = 0; i < s->survey.n; i++)
		print_member(m, s, &s->survey.list[i], name, url);
}

/* A line for each machine or client, and source: on which days it got certificates, the last one first. */
static void print_enrolled(const char *title, const struct enroll_records *all)
{
	bool first = true;

	for (const struct enroll_record *r = all->list; r < all->list + all->n; r++) {
		for (size_t i = 0; i < r->visits.n; i++) {
			const struct visit *v = &r->visits.list[i];

			if (first)
				(void)printf("\n%-16s  %-23s  %s", title, "FROM", "CERTIFICATES GIVEN ON");
			first = false;
			if (i == 0 || strcmp(v->source, v[-1].source) != 0)
				(void)printf("\n%-16s  %-23s  %s", r->name, v->source, clock_minute(v->time).text);
			else
				(void)printf(", %s", clock_minute(v->time).text);
		}
	}
	if (!first)
		(void)putchar('\n');
}

static void print_alarms(const struct doctor_exam *s)
{
	for (size_t i = 0; i < s->survey.n_alarms; i++)
		(void)printf("%salarm %s raised by member " ID_FMT "\n", i == 0 ? "\n" : "",
			     rpc_alarm_name(s->survey.alarms[i].kind), s->survey.alarms[i].member_id);
}

static void print_all(const struct machine *m, const struct doctor_exam *s)
{
	print_machine(m, s);
	print_ca_host(s);
	if (m->conf.role == ROLE_NONE && !file_exists(m->at.adopt)) {
		(void)printf("\netcd-cluster is installed and idle; to make this machine a member:\n"
			     "      -> etcd-cluster init; or write ROLE into %s, then etcd-cluster setup\n",
			     m->at.conf);
		return;
	}
	if (s->backups.here.why)
		status_print_backups(m, &s->backups);
	print_members(m, s);
	print_enrolled("ENROLLED", &s->enrolled);
	print_enrolled("CLIENT", &s->clients);
	print_alarms(s);
	print_report(&s->report, DOCTOR_WARN, "\n");
}

static void json_member(struct json_object *o, const struct machine *m, const struct doctor_exam *s,
			const struct member *one)
{
	json_text(o, "name", one->name);
	json_id(o, "id", one->id);
	json_text(o, "endpoint", one->url[0] ? one->url : NULL);
	json_flag(o, "here", one->here);
	json_flag(o, "listed", one->listed);
	json_flag(o, "answers", one->answers);
	json_flag(o, "healthy", one->healthy);
	json_flag(o, "learner", one->learner);
	json_flag(o, "leader", one->answers && one->id == s->survey.leader);
	json_text(o, "role", one->answers || one->learner ? doctor_member_role(s, one) : NULL);
	json_texts(o, "peer_urls", one->peer_urls);
	json_text(o, "version", one->answers ? one->status.version : NULL);
	if (one->answers) {
		json_number(o, "db_size", one->status.db_size);
		json_number(o, "db_in_use", one->status.db_size_in_use);
		json_number(o, "db_quota", doctor_quota(m, one));
		json_number(o, "revision", one->status.revision);
		json_number(o, "raft_term", (int64_t)one->status.raft_term);
		json_number(o, "raft_index", (int64_t)one->status.raft_index);
		json_number(o, "raft_lag", (int64_t)doctor_member_lag(&s->survey, one));
		json_number(o, "db_quota_percent", percent_of(m, one));
	}
	if (one->cert_end != 0)
		json_number(o, "certificate_days_left", pki_days_left(m, one->cert_end));
	if (one->has_clock)
		json_tenths(o, "clock_ahead_seconds", (double)one->ahead_ms / 1000);
	json_text(o, "problem", one->why.class != ERR_NONE ? one->why.msg : NULL);
}

static void json_machine(struct json_object *top, const struct machine *m, const struct doctor_exam *s)
{
	struct json_object *o;

	json_text(top, "name", m->conf.name);
	json_text(top, "role", config_role_name(m->conf.role));
	json_text(top, "address", m->conf.address);
	if (s->has_outcome) {
		o = json_object_in(top, "setup");
		json_text(o, "state", setup_state(s));
		json_number(o, "exit", s->outcome.exit);
		json_text(o, "message", s->outcome.message);
		json_text(o, "hint", s->outcome.hint);
		json_text(o, "step", s->outcome.step[0] ? s->outcome.step : NULL);
		if (next_try(s) >= 0)
			json_number(o, "next_try_seconds", next_try(s));
		else
			json_text(o, "next_try_seconds", NULL);
	} else {
		json_text(top, "setup", NULL);
	}
	json_text(top, "joining", s->joins ? joining_words[s->joining].name : NULL);
	o = json_object_in(top, "release");
	json_text(o, "running", s->here && s->here->answers ? s->here->status.version : NULL);
	json_text(o, "installed", s->has_release ? s->release.name : NULL);
	json_text(o, "wanted", m->conf.release);
}

static void json_cluster(struct json_object *top, const struct machine *m, const struct doctor_exam *s)
{
	struct member_votes votes = member_count_votes(&s->survey);
	struct json_object *array;

	json_id(top, "cluster_id", s->survey.cluster_id);
	json_id(top, "leader", s->survey.leader);
	json_flag(top, "quorum", s->survey.agreed);
	json_flag(top, "removed", doctor_removed(s));
	array = json_array_in(top, "members");
	for (size_t i = 0; i < s->survey.n; i++)
		json_member(json_object_in(array, NULL), m, s, &s->survey.list[i]);
	json_number(top, "voters", (int64_t)votes.all);
	json_number(top, "voters_healthy", (int64_t)votes.healthy);
	json_number(top, "voters_needed", (int64_t)votes.quorum);
	array = json_array_in(top, "alarms");
	for (size_t i = 0; i < s->survey.n_alarms; i++) {
		struct json_object *o = json_object_in(array, NULL);

		json_id(o, "member", s->survey.alarms[i].member_id);
		json_text(o, "alarm", rpc_alarm_name(s->survey.alarms[i].kind));
	}
}

/* null on a machine without ca.key. */
static void json_ca_host(struct json_object *top, const struct doctor_exam *s)
{
	const struct enroll_active *a = &s->active;
	struct json_object *o;

	if (!s->has_ca) {
		json_text(top, "ca_host", NULL);
		return;
	}
	o = json_object_in(top, "ca_host");
	json_flag(o, "standby", a->state == ENROLL_STANDBY);
	json_text(o, "name", a->state == ENROLL_STANDBY ? a->host.name : NULL);
	json_text(o, "server", a->state == ENROLL_STANDBY ? a->host.server : NULL);
}

static void json_enrolled(struct json_object *array, const struct enroll_records *all)
{
	for (const struct enroll_record *r = all->list; r < all->list + all->n; r++) {
		struct json_object *o = json_object_in(array, NULL), *grants;

		json_text(o, "name", r->name);
		if (r->kind == ENROLL_CLIENT)
			json_number(o, "not_after", enroll_record_end(r));
		else
			json_text(o, "address", r->address);
		grants = json_array_in(o, "grants");
		for (size_t i = 0; i < r->visits.n; i++) {
			struct json_object *grant = json_object_in(grants, NULL);

			json_number(grant, "time", r->visits.list[i].time);
			json_text(grant, "source", r->visits.list[i].source);
		}
	}
}

static void json_all(const struct machine *m, const struct doctor_exam *s)
{
	struct json_object *top = json_new_object(), *array;

	json_machine(top, m, s);
	json_cluster(top, m, s);
	array = json_array_in(top, "certificates");
	for (size_t i = 0; s->certs && i < PKI_ENTRIES; i++) {
		struct json_object *o = json_object_in(array, NULL);

		json_text(o, "name", s->certs[i].name);
		json_flag(o, "present", s->certs[i].present);
		if (s->certs[i].present)
			json_number(o, "days_left", pki_days_left(m, s->certs[i].info.not_after));
		json_text(o, "problem", s->certs[i].problem);
	}
	status_json_backups(json_object_in(top, "backup"), m, &s->backups);
	json_ca_host(top, s);
	json_enrolled(json_array_in(top, "enrolled"), &s->enrolled);
	json_enrolled(json_array_in(top, "clients"), &s->clients);
	json_report(&s->report, DOCTOR_WARN, json_array_in(top, "findings"));
	json_print(top);
}

static int status(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	struct doctor_exam s = { 0 };
	int rc;

	doctor_examine(m, false, &s);
	rc = doctor_health(m, &s, e);
	(a->json ? json_all : print_all)(m, &s);
	if (rc < 0 && !a->json && e->class == ERR_PENDING) {
		rc = ERR_PENDING; /* why is in the second line */
		err_clear(e);
	}
	if (!a->json)
		rc = after_report(&s.report, rc, e);
	doctor_exam_free(&s);
	return rc;
}

const struct cmd_verb cmd_status = {
	.name = "status",
	.about = "Prints members, health and problems with their fixes. Works on every machine of the cluster, also "
		 "while its own etcd is down.",
	.list = status,
	.last_good = true,
};

/* Without cluster.conf, etcd starts with the settings of its last healthy start. */
static void start_last_good(const struct machine *m, struct doctor_report *r)
{
	struct err e = { 0 };
	int rc = last_good_put_back(m, &e);

	if (rc < 0)
		doctor_error(r, &e);
	else
		doctor_warn(r,
			    "etcd starts with the settings of its last healthy start%s -> correct %s, then: "
			    "etcd-cluster setup",
			    rc > 0 ? ", which are put back into etcd.env" : "", m->at.conf);
}

static int check(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	/* Before a start only what is wrong is worth a line in the journal. */
	const enum doctor_level least = a->start ? DOCTOR_WARN : DOCTOR_OK;
	struct doctor_exam x = { 0 };
	int rc;

	if (a->start) {
		doctor_broken(m, DOCTOR_WARN, &x.report);
		doctor_start(m, &x.report);
		if (m->broken.class != ERR_NONE && doctor_verdict(&x.report, e) == 0)
			start_last_good(m, &x.report);
		err_clear(e);
	} else
		doctor_examine(m, true, &x);
	rc = doctor_verdict(&x.report, e);
	if (a->json) {
		struct json_object *findings = json_new_array();

		json_report(&x.report, least, findings);
		json_print(findings);
	} else {
		print_report(&x.report, least, "");
		rc = after_report(&x.report, rc, e);
	}
	/* The journal of etcd.service gets an error, not only the lines of the report. */
	if (a->start && rc > 0)
		rc = err_set(e, (enum err_class)rc, "etcd is not started until this is fixed");
	else if (a->start && rc == 0)
		pki_crl_note_start(m);
	doctor_exam_free(&x);
	return rc;
}

const struct cmd_verb cmd_check = {
	.name = "check",
	.about = "Prints every finding with the command that fixes it. Looks at certificates, files, ports, names, "
		 "disk, clocks and members. Changes nothing.",
	.options = CMD_OPTIONS(CMD_FLAG("start", start, "Check only what etcd needs to start; reads only files.")),
	.list = check,
	.last_good = true,
};
