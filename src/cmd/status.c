/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd-cluster status: what runs, how it is, and what to do about it.
 */
#include "doctor/examine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/report.h"

/* How far it is on its way into a running cluster, for programs and for people. */
static const struct {
	const char *name, *text;
} joining_words[] = {
	[JOINING_ADDING] = { "adding", "about to be added to the cluster" },
	[JOINING_ADDED] = { "added", "added as a learner, but etcd has not answered here yet" },
	[JOINING_STARTED] = { "started", "started as a learner; it votes once it is in step" },
	[JOINING_MEMBER] = { "member", "" },
};

static const char *role_of(const struct doctor_exam *s, const struct member *one)
{
	if (one->learner)
		return "learner";
	if (!one->answers)
		return "-";
	return one->id == s->survey.leader ? "leader" : "follower";
}

static const char *health_of(const struct doctor_exam *s, const struct member *one)
{
	if (one->healthy)
		return "healthy";
	if (one->here && doctor_removed(s))
		return "removed";
	if (one->answers)
		return "no quorum";
	return one->here && !one->listed && s->survey.agreed ? "no member" : "down";
}

/* Entries of the log that it has not applied yet, as far as its leader knows. */
static uint64_t lag_of(const struct doctor_exam *s, const struct member *one)
{
	uint64_t newest = one->status.raft_index;

	for (size_t i = 0; i < s->survey.n; i++) {
		if (s->survey.list[i].answers && s->survey.list[i].id == s->survey.leader &&
		    s->survey.list[i].status.raft_index > newest)
			newest = s->survey.list[i].status.raft_index;
	}
	return newest > one->status.raft_applied_index ? newest - one->status.raft_applied_index : 0;
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

static long long days_left(const struct machine *m, time_t end)
{
	return ((long long)end - (long long)m->now) / DAY;
}

/* --- For people. */

static void print_machine(const struct machine *m, const struct doctor_exam *s)
{
	const struct member *here = doctor_here(s);
	struct member_votes votes = member_count_votes(&s->survey);

	(void)printf("machine       %s, ROLE=%s, %s\n", m->conf.name, config_role_name(m->conf.role), m->conf.address);
	if (s->has_outcome)
		(void)printf("setup         %s%s%s\n", outcome_name(s->outcome.state),
			     s->outcome.message[0] ? ": " : "", s->outcome.message);
	if (s->has_outcome && s->outcome.hint[0])
		(void)printf("              -> %s\n", s->outcome.hint);
	if (s->joins)
		(void)printf("joining       %s\n", joining_words[s->joining].text);
	(void)printf("release       %s running, %s installed", here && here->answers ? here->status.version : "none",
		     s->has_release ? s->release.name : "none");
	if (m->conf.release_given)
		(void)printf(", %s wanted", m->conf.release);
	(void)putchar('\n');
	if (votes.all > 0)
		(void)printf("cluster       %" PRIx64 ", %zu of %zu voting members healthy, %zu needed\n",
			     s->survey.cluster_id, votes.healthy, votes.all, votes.quorum);
	if (s->n_certs > 0) {
		(void)fputs("certificates ", stdout);
		for (size_t i = 0; i < s->n_certs; i++) {
			if (s->certs[i].present)
				(void)printf("%s %s %lld days", i ? "," : "", s->certs[i].name,
					     days_left(m, s->certs[i].not_after));
		}
		(void)putchar('\n');
	}
}

/* One row, or with one NULL the headings. */
static void print_member(const struct machine *m, const struct doctor_exam *s, const struct member *one, int name,
			 int url)
{
	static const char format[] = "%-*s  %-16s  %-*s  %-9s  %-8s  %-8s  %-23s  %-8s  %s\n";
	auto_free char *id = one ? xasprintf("%" PRIx64, one->id) : NULL;
	auto_free char *db = xstrdup("-"), *lag = xstrdup("-"), *cert = xstrdup("-");

	if (!one) {
		(void)printf(format, name, "NAME", "ID", url, "ENDPOINT", "HEALTH", "ROLE", "VERSION", "DB", "RAFT-LAG",
			     "CERT-DAYS");
		return;
	}
	if (one->answers) {
		auto_free char *used = size_text(one->status.db_size), *quota = size_text(doctor_quota(m, one));

		free(db);
		free(lag);
		db = xasprintf("%s of %s (%lld %%)", used, quota, percent_of(m, one));
		lag = xasprintf("%" PRIu64, lag_of(s, one));
	}
	if (one->cert_end != 0) {
		free(cert);
		cert = xasprintf("%lld", days_left(m, one->cert_end));
	}
	(void)printf(format, name, one->name[0] ? one->name : "-", id, url, one->url[0] ? one->url : "-",
		     health_of(s, one), role_of(s, one), one->answers ? one->status.version : "-", db, lag, cert);
}

static void print_members(const struct machine *m, const struct doctor_exam *s)
{
	int name = 4, url = 8;

	for (size_t i = 0; i < s->survey.n; i++) {
		int n = (int)strlen(s->survey.list[i].name), u = (int)strlen(s->survey.list[i].url);

		name = n > name ? n : name;
		url = u > url ? u : url;
	}
	if (s->survey.n == 0)
		return;
	(void)putchar('\n');
	print_member(m, s, NULL, name, url);
	for (size_t i = 0; i < s->survey.n; i++)
		print_member(m, s, &s->survey.list[i], name, url);
}

static void print_alarms(const struct doctor_exam *s)
{
	for (size_t i = 0; i < s->survey.n_alarms; i++)
		(void)printf("%salarm %s raised by member %" PRIx64 "\n", i == 0 ? "\n" : "",
			     rpc_alarm_name(s->survey.alarms[i].kind), s->survey.alarms[i].member_id);
}

static void print_all(const struct machine *m, const struct doctor_exam *s)
{
	print_machine(m, s);
	if (m->conf.role == ROLE_NONE) {
		(void)printf("\netcd-cluster is installed and idle; to make this machine a member:\n"
			     "      -> etcd-cluster init, or write ROLE=single into %s and run etcd-cluster setup\n",
			     m->at.conf);
		return;
	}
	print_members(m, s);
	print_alarms(s);
	for (size_t i = 0; i < s->report.n; i++) {
		if (s->report.list[i].level > DOCTOR_OK) {
			(void)putchar('\n');
			break;
		}
	}
	(void)report_print(&s->report, DOCTOR_WARN);
}

/* --- For programs. IDs are hex strings, as etcdctl shows them: JSON numbers lose the last digits of 64 bits. */

static void json_field(const char *before, const char *name, const char *value)
{
	(void)printf("%s\"%s\":", before, name);
	report_json_string(value);
}

static void json_member(const struct machine *m, const struct doctor_exam *s, const struct member *one)
{
	json_field("{", "name", one->name);
	(void)printf(",\"id\":\"%" PRIx64 "\"", one->id);
	json_field(",", "endpoint", one->url[0] ? one->url : NULL);
	(void)printf(",\"here\":%s,\"listed\":%s,\"answers\":%s,\"healthy\":%s", one->here ? "true" : "false",
		     one->listed ? "true" : "false", one->answers ? "true" : "false", one->healthy ? "true" : "false");
	(void)printf(",\"learner\":%s,\"leader\":%s", one->learner ? "true" : "false",
		     one->answers && one->id == s->survey.leader ? "true" : "false");
	json_field(",", "role", one->answers || one->learner ? role_of(s, one) : NULL);
	(void)fputs(",\"peer_urls\":[", stdout);
	for (size_t i = 0; one->peer_urls && one->peer_urls[i]; i++) {
		(void)fputs(i ? "," : "", stdout);
		report_json_string(one->peer_urls[i]);
	}
	(void)putchar(']');
	json_field(",", "version", one->answers ? one->status.version : NULL);
	if (one->answers)
		(void)printf(",\"db_size\":%" PRId64 ",\"db_in_use\":%" PRId64
			     ",\"db_quota\":%lld,\"revision\":%" PRId64 ",\"raft_term\":%" PRIu64
			     ",\"raft_index\":%" PRIu64 ",\"raft_lag\":%" PRIu64,
			     one->status.db_size, one->status.db_size_in_use, doctor_quota(m, one),
			     one->status.revision, one->status.raft_term, one->status.raft_index, lag_of(s, one));
	if (one->answers)
		(void)printf(",\"db_quota_percent\":%lld", percent_of(m, one));
	if (one->cert_end != 0)
		(void)printf(",\"certificate_days_left\":%lld", days_left(m, one->cert_end));
	if (one->has_clock)
		(void)printf(",\"clock_ahead_seconds\":%.1f", (double)one->ahead_ms / 1000);
	json_field(",", "problem", one->why.class != ERR_NONE ? one->why.msg : NULL);
	(void)putchar('}');
}

static void json_machine(const struct machine *m, const struct doctor_exam *s)
{
	const struct member *here = doctor_here(s);

	json_field("{", "name", m->conf.name);
	json_field(",", "role", config_role_name(m->conf.role));
	json_field(",", "address", m->conf.address);
	(void)fputs(",\"setup\":", stdout);
	if (s->has_outcome) {
		json_field("{", "state", outcome_name(s->outcome.state));
		(void)printf(",\"exit\":%d", s->outcome.exit);
		json_field(",", "message", s->outcome.message);
		json_field(",", "hint", s->outcome.hint);
		(void)putchar('}');
	} else {
		(void)fputs("null", stdout);
	}
	json_field(",", "joining", s->joins ? joining_words[s->joining].name : NULL);
	json_field(",\"release\":{", "running", here && here->answers ? here->status.version : NULL);
	json_field(",", "installed", s->has_release ? s->release.name : NULL);
	json_field(",", "wanted", m->conf.release);
	(void)putchar('}');
}

static void json_cluster(const struct machine *m, const struct doctor_exam *s)
{
	struct member_votes votes = member_count_votes(&s->survey);

	(void)printf(",\"cluster_id\":\"%" PRIx64 "\",\"leader\":\"%" PRIx64
		     "\",\"quorum\":%s,\"removed\":%s,\"members\":[",
		     s->survey.cluster_id, s->survey.leader, s->survey.agreed ? "true" : "false",
		     doctor_removed(s) ? "true" : "false");
	for (size_t i = 0; i < s->survey.n; i++) {
		(void)fputs(i ? "," : "", stdout);
		json_member(m, s, &s->survey.list[i]);
	}
	(void)printf("],\"voters\":%zu,\"voters_healthy\":%zu,\"voters_needed\":%zu,\"alarms\":[", votes.all,
		     votes.healthy, votes.quorum);
	for (size_t i = 0; i < s->survey.n_alarms; i++)
		(void)printf("%s{\"member\":\"%" PRIx64 "\",\"alarm\":\"%s\"}", i ? "," : "",
			     s->survey.alarms[i].member_id, rpc_alarm_name(s->survey.alarms[i].kind));
	(void)putchar(']');
}

static void json_all(const struct machine *m, const struct doctor_exam *s)
{
	json_machine(m, s);
	json_cluster(m, s);
	(void)fputs(",\"certificates\":[", stdout);
	for (size_t i = 0; i < s->n_certs; i++) {
		json_field(i ? ",{" : "{", "name", s->certs[i].name);
		(void)printf(",\"present\":%s", s->certs[i].present ? "true" : "false");
		if (s->certs[i].present)
			(void)printf(",\"days_left\":%lld", days_left(m, s->certs[i].not_after));
		json_field(",", "problem", s->certs[i].problem);
		(void)putchar('}');
	}
	(void)fputs("],\"findings\":", stdout);
	report_json(&s->report, DOCTOR_WARN);
	(void)fputs("}\n", stdout);
}

int cmd_status(int argc, char **argv, const struct machine_options *o, struct err *e)
{
	bool json = false;
	const struct cmd_option options[] = { { "json", &json, NULL }, { NULL, NULL, NULL } };
	struct doctor_exam s = { 0 };
	struct machine m = { 0 };
	int rc = -1;

	if (cmd_options(argc, argv, options, 0, 0, "status [--json]", e) < 0)
		return -1;
	probe_hasten_names();
	if (machine_open(&m, o, e) == 0) {
		doctor_examine(&m, false, &s);
		(json ? json_all : print_all)(&m, &s);
		rc = doctor_health(&m, &s, e) < 0 ? -1 : CMD_DONE;
	}
	doctor_exam_free(&s);
	machine_free(&m);
	return rc;
}
