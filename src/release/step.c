/* SPDX-License-Identifier: Apache-2.0 */
#include "release/step.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"

#define GUIDE_UP   "https://etcd.io/docs/latest/upgrades/upgrading-etcd/"
#define GUIDE_BACK "https://etcd.io/docs/latest/downgrades/"

static bool is_known(struct version v)
{
	return v.major > 0;
}

const char *step_need_name(enum step_need need)
{
	static const char *const names[] = {
		[STEP_FLOOR] = "floor", [STEP_NO_AUTH] = "auth", [STEP_NO_LEARNER] = "learner", [STEP_NO_V2] = "v2"
	};

	return names[need];
}

const char *step_need_text(enum step_need need)
{
	static const char *const texts[] = {
		[STEP_FLOOR] = "every member runs a release of the line before that is new enough",
		[STEP_NO_AUTH] = "authentication is off",
		[STEP_NO_LEARNER] = "every member votes",
		[STEP_NO_V2] = "the log has no request of the v2 API behind its last snapshot",
	};

	return texts[need];
}

const struct step_flaw *step_flaw_of(struct version v, size_t k)
{
	for (const struct step_flaw *one = step_flaws; one->what; one++)
		if (one->fixed.minor == v.minor && version_cmp(v, one->fixed) < 0 && k-- == 0)
			return one;
	return NULL;
}

const struct step_end *step_end_of(struct version v)
{
	for (const struct step_end *one = step_ends; one->when; one++)
		if (one->minor == v.minor)
			return one;
	return NULL;
}

bool step_is_back(struct version from, struct version to)
{
	return to.major < from.major || (to.major == from.major && to.minor < from.minor);
}

bool step_needs(struct version from, struct version to, enum step_need need)
{
	for (const struct step_rule *rule = step_rules; rule->reason; rule++)
		if (rule->from == from.minor && rule->to == to.minor && rule->need == need)
			return true;
	return false;
}

/* --- The way. */

static const struct step_rule *floor_of(unsigned int from, unsigned int to)
{
	for (const struct step_rule *rule = step_rules; rule->reason; rule++)
		if (rule->from == from && rule->to == to && rule->need == STEP_FLOOR)
			return rule;
	return NULL;
}

/* The version after v; zeros with *missing when a release of that line is not known. */
static struct version next_of(struct version v, struct version to, step_newest *newest, const void *arg,
			      unsigned int *missing)
{
	const struct step_rule *floor = floor_of(v.minor, v.minor + 1);
	struct version next;

	if (v.minor == to.minor)
		return to;
	if (v.minor < to.minor && floor && version_cmp(v, floor->floor) < 0) {
		next = newest(arg, v.minor);
		if (version_cmp(next, floor->floor) >= 0)
			return next;
		*missing = v.minor;
		return (struct version){ 0 };
	}
	*missing = to.minor > v.minor ? v.minor + 1 : v.minor - 1;
	return *missing == to.minor ? to : newest(arg, *missing);
}

size_t step_path(struct version from, struct version to, step_newest *newest, const void *arg, struct version *path,
		 size_t max, unsigned int *missing)
{
	size_t n = 0;

	*missing = 0;
	for (struct version v = from; version_cmp(v, to) != 0; v = path[n - 1]) {
		struct version next =
			n < max && v.major == to.major ? next_of(v, to, newest, arg, missing) : (struct version){ 0 };

		if (!is_known(next))
			return 0;
		path[n++] = next;
	}
	*missing = 0;
	return n;
}

/* --- The gates. */

/* Adds one; the caller fills reason, source and fix. */
static struct step_gate *add(struct step_verdict *v, enum step_result result, const char *code, const char *fmt, ...)
	ERR_PRINTF(4, 5);
static struct step_gate *add(struct step_verdict *v, enum step_result result, const char *code, const char *fmt, ...)
{
	/* More members than gates: the last one stands for the rest. */
	struct step_gate *gate = &v->gates[v->n < STEP_GATES_MAX ? v->n++ : STEP_GATES_MAX - 1];
	va_list args;

	*gate = (struct step_gate){ .result = result, .code = code };
	va_start(args, fmt);
	(void)vsnprintf(gate->what, sizeof(gate->what), fmt, args);
	va_end(args);
	v->result = result > v->result ? result : v->result;
	return gate;
}

#define FIX(gate, ...) (void)snprintf((gate)->fix, sizeof((gate)->fix), __VA_ARGS__)

static void cite(struct step_gate *gate, const char *reason, const char *source)
{
	gate->reason = reason;
	gate->source = source;
}

/* The names of the members for which wrong(member, arg) holds: "n1, n3". The caller frees; NULL: none. */
static char *names_of(const struct step_facts *f, bool (*wrong)(const struct step_member *, const void *),
		      const void *arg)
{
	auto_strv char **names = NULL;

	for (size_t i = 0; i < f->n; i++)
		if (wrong(&f->members[i], arg))
			strv_add(&names, f->members[i].name);
	return names ? strv_join(names, ", ") : NULL;
}

static bool is_down(const struct step_member *one, const void *arg)
{
	(void)arg;
	return !is_known(one->version) || !one->healthy;
}

static bool is_learner(const struct step_member *one, const void *arg)
{
	(void)arg;
	return one->learner;
}

/* It runs a release of the rule's old line that is too old. */
static bool is_below(const struct step_member *one, const void *arg)
{
	const struct step_rule *rule = arg;

	return is_known(one->version) && one->version.minor == rule->from && version_cmp(one->version, rule->floor) < 0;
}

/* Its line is more than one below `to`. */
static bool is_far_below(const struct step_member *one, const void *arg)
{
	const struct version *to = arg;

	return is_known(one->version) && one->version.minor + 1 < to->minor;
}

/* It still stores its data in the form of a newer line than `to`. */
static bool is_stored_above(const struct step_member *one, const void *arg)
{
	const struct version *to = arg;

	return one->version.minor > to->minor && (!is_known(one->storage) || one->storage.minor > to->minor);
}

static void judge_floor(const struct step_facts *f, const struct step_rule *rule, struct step_verdict *v)
{
	auto_free char *names = names_of(f, is_below, rule);
	struct step_gate *gate;

	gate = add(v, names ? STEP_REFUSED : STEP_PASSES, "floor",
		   names ? "%s: older than etcd " VERSION_FMT ", which 3.%u needs everywhere before"
			 : "%s runs at least etcd " VERSION_FMT ", or 3.%u already",
		   names ? names : "every member", VERSION_ARGS(rule->floor), rule->to);
	cite(gate, rule->reason, rule->source);
	if (names)
		FIX(gate, "upgrade all members to the newest etcd 3.%u first: etcd-cluster release list", rule->from);
}

static void judge_auth(const struct step_facts *f, const struct step_rule *rule, struct step_verdict *v)
{
	static const char *const texts[] = {
		[STEP_UNKNOWN] = "whether authentication is on cannot be asked now",
		[STEP_NO] = "authentication is off",
		[STEP_YES] = "authentication is on",
	};
	struct step_gate *gate = add(v,
				     f->auth == STEP_NO	   ? STEP_PASSES
				     : f->auth == STEP_YES ? STEP_REFUSED
							   : STEP_WAITS,
				     "auth", "%s", texts[f->auth]);

	cite(gate, rule->reason, rule->source);
	if (f->auth == STEP_YES)
		FIX(gate, "etcdctl.sh auth disable; after the last member: etcdctl.sh auth enable");
}

static void judge_learner(const struct step_facts *f, const struct step_rule *rule, struct step_verdict *v)
{
	auto_free char *names = names_of(f, is_learner, NULL);
	struct step_gate *gate = add(v, names ? STEP_REFUSED : STEP_PASSES, "learner",
				     names ? "%s: a learner" : "%s votes", names ? names : "every member");

	cite(gate, rule->reason, rule->source);
	if (names)
		FIX(gate, "on that machine: etcd-cluster setup, which promotes it; or: etcd-cluster remove MEMBER");
}

static void judge_v2(const struct step_facts *f, const struct step_rule *rule, struct step_verdict *v)
{
	struct step_gate *gate;

	if (f->v2 == STEP_YES)
		gate = add(v, STEP_FIXABLE, "v2",
			   "the log of this machine has a request of the v2 API (%s) behind its last snapshot",
			   f->v2_what ? f->v2_what : "unknown");
	else if (f->v2 == STEP_NO)
		gate = add(v, STEP_PASSES, "v2",
			   "the log of this machine has no request of the v2 API behind its last snapshot");
	else
		gate = add(v, STEP_WAITS, "v2", "the log of this machine cannot be read now");
	cite(gate, rule->reason, rule->source);
	if (f->v2 == STEP_YES)
		FIX(gate, "etcd-cluster upgrade " VERSION_FMT ", which lets etcd take a snapshot first",
		    VERSION_ARGS(f->to));
}

static void judge_rules(const struct step_facts *f, struct step_verdict *v)
{
	static void (*const judges[])(const struct step_facts *, const struct step_rule *, struct step_verdict *) = {
		[STEP_FLOOR] = judge_floor,
		[STEP_NO_AUTH] = judge_auth,
		[STEP_NO_LEARNER] = judge_learner,
		[STEP_NO_V2] = judge_v2,
	};

	for (const struct step_rule *rule = step_rules; rule->reason; rule++) {
		if (rule->from != f->from.minor || rule->to != f->to.minor)
			continue;
		if (f->n > 0 || rule->need == STEP_NO_V2) /* which the log here says */
			judges[rule->need](f, rule, v);
		else
			cite(add(v, STEP_WAITS, step_need_name(rule->need), "not known: %s",
				 step_need_text(rule->need)),
			     rule->reason, rule->source);
	}
}

static void judge_health(const struct step_facts *f, struct step_verdict *v)
{
	auto_free char *names = names_of(f, is_down, NULL);

	if (f->n == 0 || !f->quorum) {
		struct step_gate *gate = add(v, STEP_WAITS, "quorum", "%s",
					     f->n == 0 ? "no member can be asked" : "the cluster has no quorum");

		FIX(gate, "etcd-cluster status");
	} else if (names) {
		struct step_gate *gate = add(v, STEP_WAITS, "health", "%s: not healthy", names);

		cite(gate, "every member has to take part when a minor version changes", GUIDE_UP);
		FIX(gate, "etcd-cluster status; one that is lost for ever: etcd-cluster remove MEMBER");
	} else {
		(void)add(v, STEP_PASSES, "health", "every member is healthy");
	}
}

static void judge_alarms(const struct step_facts *f, struct step_verdict *v)
{
	if (f->alarm_corrupt)
		FIX(add(v, STEP_REFUSED, "alarm", "a member has raised the alarm CORRUPT"), "etcd-cluster status");
	if (f->alarm_nospace)
		FIX(add(v, STEP_REFUSED, "alarm", "a member has raised the alarm NOSPACE"), "etcd-cluster status");
}

/* Forward by one minor version. */
static void judge_forward(const struct step_facts *f, struct step_verdict *v)
{
	auto_free char *below = names_of(f, is_far_below, &f->to);
	struct step_gate *gate;

	judge_health(f, v);
	if (below || (is_known(f->cluster) && f->cluster.minor + 1 < f->to.minor)) {
		gate = add(v, STEP_REFUSED, "members", "%s: older than etcd 3.%u",
			   below ? below : "the cluster version", f->to.minor - 1);
		cite(gate, "members of one cluster may be one minor version apart", GUIDE_UP);
		FIX(gate, "upgrade it to 3.%u first", f->to.minor - 1);
	}
	if (is_known(f->downgrade)) {
		gate = add(v, STEP_REFUSED, "downgrade", "a downgrade to %u.%u is under way", f->downgrade.major,
			   f->downgrade.minor);
		cite(gate, "etcd keeps the cluster version down until it is cancelled", GUIDE_BACK);
		FIX(gate, "etcdctl.sh downgrade cancel");
	}
	judge_rules(f, v);
	judge_alarms(f, v);
}

/* With etcd's Downgrade API, which 3.6 brought. */
static void judge_downgrade(const struct step_facts *f, struct step_verdict *v)
{
	auto_free char *above = names_of(f, is_stored_above, &f->to);
	struct step_gate *gate;

	if (above) {
		gate = add(v, STEP_WAITS, "storage", "%s: the data has not been brought to 3.%u yet", above,
			   f->to.minor);
		FIX(gate, "wait; etcdctl.sh endpoint status --cluster -w table shows the storage version");
	} else {
		gate = add(v, STEP_PASSES, "downgrade",
			   "the downgrade to 3.%u is enabled, and all data is ready for it", f->to.minor);
	}
	cite(gate, "a member of the older line cannot read newer data", GUIDE_BACK);
}

static void judge_back(const struct step_facts *f, struct step_verdict *v)
{
	struct step_gate *gate;

	if (f->to.minor + 1 < f->from.minor) {
		gate = add(v, STEP_REFUSED, "skip", "back from %u.%u to %u.%u is more than one minor version",
			   f->from.major, f->from.minor, f->to.major, f->to.minor);
		cite(gate, "etcd goes back one minor version at a time", GUIDE_BACK);
		FIX(gate, "etcd-cluster upgrade --plan " VERSION_FMT, VERSION_ARGS(f->to));
	} else if (is_known(f->downgrade) && f->downgrade.minor == f->to.minor) {
		judge_downgrade(f, v);
	} else if (!is_known(f->cluster)) {
		gate = add(v, STEP_WARNS, "cluster_version",
			   "no member can be asked whether the cluster version is 3.%u already", f->from.minor);
		cite(gate, "if it is, the older etcd ends at its start and changes nothing", "measured");
	} else if (f->cluster.minor <= f->to.minor) {
		(void)add(v, STEP_PASSES, "cluster_version", "the cluster version is still %u.%u", f->cluster.major,
			  f->cluster.minor);
	} else {
		gate = add(v, STEP_REFUSED, "cluster_version", "the cluster version is %u.%u already", f->cluster.major,
			   f->cluster.minor);
		cite(gate, "an etcd that is older than the cluster version ends at its start", GUIDE_BACK);
		if (f->to.minor >= 5)
			FIX(gate, "etcdctl.sh downgrade validate 3.%u && etcdctl.sh downgrade enable 3.%u", f->to.minor,
			    f->to.minor);
		else
			FIX(gate, "restore a snapshot that 3.%u has made", f->to.minor);
	}
}

/* What is known to be wrong with the release itself. */
static void judge_release(const struct step_facts *f, struct step_verdict *v)
{
	const char *bad = version_known_bad(f->to);
	const struct step_end *end = step_end_of(f->to);
	const struct step_flaw *flaw;
	struct step_gate *gate;

	if (bad)
		FIX(add(v, STEP_REFUSED, "version", "etcd " VERSION_FMT " cannot be used: %s", VERSION_ARGS(f->to),
			bad),
		    "choose another version: etcd-cluster release list");
	for (size_t k = 0; !bad && (flaw = step_flaw_of(f->to, k)); k++) {
		gate = add(v, STEP_WARNS, "flaw", "etcd " VERSION_FMT " has a known flaw: %s", VERSION_ARGS(f->to),
			   flaw->what);
		gate->source = flaw->source;
		FIX(gate, "choose " VERSION_FMT " or later", VERSION_ARGS(flaw->fixed));
	}
	if (end) {
		gate = add(v, STEP_WARNS, "end_of_life", "upstream maintains etcd 3.%u no more since %s", end->minor,
			   end->when);
		gate->source = end->source;
	}
}

void step_judge(const struct step_facts *f, struct step_verdict *v)
{
	struct step_gate *gate;

	*v = (struct step_verdict){ .result = STEP_PASSES };
	judge_release(f, v);
	if (f->from.major != f->to.major || f->to.minor > f->from.minor + 1) {
		gate = add(v, STEP_REFUSED, "skip",
			   "from etcd " VERSION_FMT " to " VERSION_FMT " is more than one minor version",
			   VERSION_ARGS(f->from), VERSION_ARGS(f->to));
		cite(gate, "etcd supports one minor version at a time", GUIDE_UP);
		FIX(gate, "etcd-cluster upgrade --plan " VERSION_FMT, VERSION_ARGS(f->to));
	} else if (step_is_back(f->from, f->to)) {
		judge_back(f, v);
	} else if (f->to.minor > f->from.minor) {
		judge_forward(f, v);
	} else {
		judge_alarms(f, v);
	}
}

const struct step_gate *step_first(const struct step_verdict *v, enum step_result result)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->gates[i].result == result)
			return &v->gates[i];
	return NULL;
}
