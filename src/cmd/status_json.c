/* SPDX-License-Identifier: Apache-2.0
 *
 * status and check for programs. conf/status.schema.json describes it.
 */
#include "adapter/json.h"
#include "cmd/status.h"
#include "cmd/status_backup.h"
#include "config/key.h"
#include "pki/check.h"

void status_json_report(const struct doctor_report *r, enum doctor_level least, struct json_object *array)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct doctor_finding *f = &r->list[i];
		struct json_object *o;

		if (f->level < least)
			continue;
		o = json_object_in(array, NULL);
		json_text(o, "level", doctor_level_name(f->level));
		json_text(o, "code", f->code);
		json_text(o, "what", f->what);
		json_text(o, "fix", f->fix[0] ? f->fix : NULL);
	}
}

/* "3.6.14" without its "v", "system" as it is. */
static void json_version(struct json_object *o, const char *key, const char *version)
{
	json_text(o, key, version && version[0] == 'v' ? version + 1 : version);
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
	json_version(o, "version", one->answers ? one->status.version : NULL);
	if (one->answers) {
		json_number(o, "db_size_bytes", one->status.db_size);
		json_number(o, "db_in_use_bytes", one->status.db_size_in_use);
		json_number(o, "db_quota_bytes", doctor_quota(m, one));
		json_number(o, "revision", one->status.revision);
		json_number(o, "raft_term", (int64_t)one->status.raft_term);
		json_number(o, "raft_index", (int64_t)one->status.raft_index);
		json_number(o, "raft_lag", (int64_t)doctor_member_lag(&s->survey, one));
		json_number(o, "db_quota_percent", status_percent(m, one));
	}
	if (one->cert_end != 0)
		json_number(o, "certificate_days_left", pki_days_left(m, one->cert_end));
	if (one->has_clock)
		json_tenths(o, "clock_ahead_seconds", (double)one->ahead_ms / 1000);
	json_text(o, "problem", one->why.class != ERR_NONE ? one->why.msg : NULL);
}

/* null unless a download runs. */
static void json_progress(struct json_object *setup, const struct machine *m, const struct doctor_exam *s)
{
	struct progress p;
	struct json_object *o;

	if (!status_progress(m, s, &p)) {
		json_text(setup, "progress", NULL);
		return;
	}
	o = json_object_in(setup, "progress");
	json_text(o, "name", p.name);
	json_number(o, "done_bytes", (int64_t)p.done);
	json_number(o, "total_bytes", (int64_t)p.total);
	json_number(o, "bytes_per_second", (int64_t)p.rate);
	json_number_or_null(o, "seconds_left", progress_left(&p));
}

static void json_setup(struct json_object *top, const struct machine *m, const struct doctor_exam *s)
{
	struct json_object *o;

	if (!s->has_outcome) {
		json_text(top, "setup", NULL);
		return;
	}
	o = json_object_in(top, "setup");
	json_text(o, "state", status_setup(s));
	json_number(o, "exit", s->outcome.exit);
	json_text(o, "message", s->outcome.message);
	json_text(o, "hint", s->outcome.hint);
	json_text(o, "step", s->outcome.step[0] ? s->outcome.step : NULL);
	json_number_or_null(o, "next_try_seconds", status_next_try(s));
	json_progress(o, m, s);
}

static void json_machine(struct json_object *top, const struct machine *m, const struct doctor_exam *s)
{
	struct json_object *o;

	json_text(top, "name", m->conf.name);
	json_text(top, "role", config_role_name(m->conf.role));
	json_text(top, "address", m->conf.address);
	json_setup(top, m, s);
	json_text(top, "joining", s->joins ? status_joining(s)->name : NULL);
	o = json_object_in(top, "release");
	json_text(o, "running", s->here && s->here->answers ? s->here->status.version : NULL);
	json_version(o, "installed", s->has_release ? s->release.name : NULL);
	json_version(o, "wanted", m->conf.release);
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
			json_time(o, "not_after", enroll_record_end(r));
		else
			json_text(o, "address", r->address);
		grants = json_array_in(o, "grants");
		for (size_t i = 0; i < r->visits.n; i++) {
			struct json_object *grant = json_object_in(grants, NULL);

			json_time(grant, "time", r->visits.list[i].time);
			json_text(grant, "source", r->visits.list[i].source);
		}
	}
}

void status_json(const struct machine *m, const struct doctor_exam *s)
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
	status_json_report(&s->report, DOCTOR_WARN, json_array_in(top, "findings"));
	json_print(top);
}
