/* SPDX-License-Identifier: Apache-2.0 */
#include "change/facts.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "member/aside.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "release/release.h"

#define ASK_MS 3000

void facts_free(struct facts *f)
{
	member_survey_free(&f->survey);
	free(f->members);
	*f = (struct facts){ 0 };
}

/* Zeros for anything that is not a version, "" among it. */
static struct version version_of(const char *text)
{
	struct version v = { 0 };

	return version_parse(text, &v) ? v : (struct version){ 0 };
}

/* The members that are listed, and what they agree on. */
static void take_members(struct facts *f)
{
	struct step_facts *s = &f->step;

	f->members = xcalloc(f->survey.n + 1, sizeof(*f->members));
	s->members = f->members;
	for (const struct member *one = f->survey.list; one < f->survey.list + f->survey.n; one++) {
		const struct version cluster = version_of(one->cluster_version);

		if (!one->listed)
			continue;
		f->members[s->n++] = (struct step_member){
			.name = one->name[0] ? one->name : "a member without a name",
			.version = version_of(one->answers ? one->status.version : ""),
			.storage = version_of(one->status.storage),
			.learner = one->learner,
			.healthy = one->healthy,
			.here = one->here,
		};
		if (version_cmp(cluster, s->cluster) > 0)
			s->cluster = cluster;
		if (one->status.downgrade[0])
			s->downgrade = version_of(one->status.downgrade);
		if (one->here && one->answers)
			s->from = version_of(one->status.version);
	}
	s->quorum = f->survey.agreed;
	for (size_t i = 0; i < f->survey.n_alarms; i++) {
		s->alarm_nospace |= f->survey.alarms[i].kind == RPC_ALARM_NOSPACE;
		s->alarm_corrupt |= f->survey.alarms[i].kind == RPC_ALARM_CORRUPT;
	}
}

/* Of the first voter that says. */
static enum step_answer ask_auth(const struct machine *m, const struct member_survey *s)
{
	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		struct err unasked = { 0 };
		auto_grpc struct grpc *g =
			one->answers && !one->learner ? endpoint_open(m, one->url, 0, ASK_MS, &unasked) : NULL;
		int on = g ? rpc_auth_is_on(g, &unasked) : -1;

		if (on >= 0)
			return on ? STEP_YES : STEP_NO;
	}
	return STEP_UNKNOWN;
}

uint64_t facts_v2_entry(const struct wal_v2 *found, struct version to)
{
	const bool all = to.major == 3 && to.minor >= 7;

	return all && found->own > found->index ? found->own : found->index;
}

static enum step_answer look_for_v2(const struct machine *m, struct version to, struct wal_v2 *found)
{
	auto_free char *wal = aside_wal(m);
	struct err unread = { 0 };

	if (wal_find_v2(wal, found, &unread) < 0) {
		log_warn("the log of etcd cannot be read: %s", unread.msg);
		return STEP_UNKNOWN;
	}
	if (!found->index)
		(void)snprintf(found->what, sizeof(found->what), "one of etcd itself");
	return facts_v2_entry(found, to) ? STEP_YES : STEP_NO;
}

void facts_gather(const struct machine *m, struct version to, struct facts *f)
{
	auto_free char *now = NULL;
	struct err unasked = { 0 };

	*f = (struct facts){ .step = { .to = to } };
	if (member_survey(m, ASK_MS, &f->survey, &unasked) < 0)
		log_debug("%s", unasked.msg);
	take_members(f);
	if (f->step.from.major == 0 && (release_link_name(m, "current", &now, &unasked) <= 0 ||
					release_version(m, now, &f->step.from, &unasked) <= 0))
		f->step.from = to;
	if (step_needs(f->step.from, to, STEP_NO_AUTH))
		f->step.auth = ask_auth(m, &f->survey);
	if (step_needs(f->step.from, to, STEP_NO_V2)) {
		f->step.v2 = look_for_v2(m, to, &f->v2);
		f->step.v2_what = f->v2.what;
	}
}

int facts_matter(const struct machine *m, struct err *e)
{
	cleanup(identity_free) struct identity id = { 0 };

	return identity_read(m, &id, e);
}

static int refuse(const struct step_gate *gate, enum err_class class, struct err *e)
{
	(void)err_set(e, class, "%s%s%s", gate->what, gate->reason ? ": " : "", gate->reason ? gate->reason : "");
	return gate->fix[0] ? err_hint(e, "%s", gate->fix) : -1;
}

int facts_verdict(const struct step_verdict *v, bool may_fix, struct err *e)
{
	const struct step_gate *gate = step_first(v, STEP_REFUSED);

	if (gate)
		return refuse(gate, ERR_CONFIG, e);
	gate = step_first(v, STEP_WAITS);
	if (gate)
		return refuse(gate, ERR_HEALTH, e);
	gate = may_fix ? NULL : step_first(v, STEP_FIXABLE);
	return gate ? refuse(gate, ERR_CONFIG, e) : 0;
}

void facts_warn(const struct step_verdict *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->gates[i].result == STEP_WARNS)
			log_warn("%s%s%s", v->gates[i].what, v->gates[i].source ? ": " : "",
				 v->gates[i].source ? v->gates[i].source : "");
}

int facts_check_use(const struct machine *m, const char *name, struct err *e)
{
	auto_facts struct facts f = { 0 };
	struct step_verdict v;
	struct version to;
	int rc = facts_matter(m, e);

	if (rc > 0)
		rc = release_version(m, name, &to, e);
	if (rc <= 0) /* no member; or it is not installed, which release_use reports */
		return rc;
	facts_gather(m, to, &f);
	step_judge(&f.step, &v);
	facts_warn(&v);
	return facts_verdict(&v, false, e);
}
