/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "adapter/json.h"
#include "base/log.h"
#include "change/facts.h"
#include "change/upgrade.h"
#include "cmd/cmd.h"
#include "cmd/page.h"
#include "release/digests.h"
#include "release/name.h"

#define STEPS_MAX 16

/* A database of gigabytes is read in seconds; a slow disk and a snapshot from the leader take longer. */
#define START_SECONDS	  120
#define START_SECONDS_MAX (24 * 3600)

/* The way to a version, and the judgement of its first step. */
struct plan {
	struct facts facts;
	struct step_verdict verdict;
	struct version steps[STEPS_MAX];
	size_t n;
	unsigned int missing; /* no release of this line is known */
};

static struct version newest(const void *arg, unsigned int minor)
{
	return digests_newest_of(arg, minor);
}

static void make_plan(const struct machine *m, struct version to, struct plan *p)
{
	struct step_facts *s = &p->facts.step;

	facts_gather(m, to, &p->facts);
	p->n = step_path(s->from, to, newest, &m->at, p->steps, ARRAY_LEN(p->steps), &p->missing);
	if (p->n > 1 && version_cmp(p->steps[0], to) != 0) {
		const struct version from = s->from;

		/* What has to be known depends on the step. */
		facts_free(&p->facts);
		facts_gather(m, p->steps[0], &p->facts);
		p->facts.step.from = from;
	}
	step_judge(s, &p->verdict);
}

static const char *result_name(enum step_result result)
{
	static const char *const names[] = { [STEP_PASSES] = "ok",
					     [STEP_FIXABLE] = "by_itself",
					     [STEP_WARNS] = "warn",
					     [STEP_REFUSED] = "refused",
					     [STEP_WAITS] = "waits" };

	return names[result];
}

static char *text_of(struct version v)
{
	return xasprintf(VERSION_FMT, VERSION_ARGS(v));
}

/* The rules of a step that is not the next one: they are looked at when it is. */
static void json_rules(struct json_object *step, struct version from, struct version to)
{
	struct json_object *array = json_array_in(step, "later");

	for (const struct step_rule *rule = step_rules; rule->reason; rule++) {
		struct json_object *o;

		if (rule->from != from.minor || rule->to != to.minor)
			continue;
		o = json_object_in(array, NULL);
		json_text(o, "code", step_need_name(rule->need));
		json_text(o, "reason", rule->reason);
		json_text(o, "source", rule->source);
	}
}

static void json_gates(struct json_object *step, const struct step_verdict *v)
{
	struct json_object *array = json_array_in(step, "gates");

	for (const struct step_gate *gate = v->gates; gate < v->gates + v->n; gate++) {
		struct json_object *o = json_object_in(array, NULL);

		json_text(o, "code", gate->code);
		json_text(o, "result", result_name(gate->result));
		json_text(o, "what", gate->what);
		json_text(o, "reason", gate->reason);
		json_text(o, "source", gate->source);
		json_text(o, "fix", gate->fix[0] ? gate->fix : NULL);
	}
}

static void plan_json(const struct plan *p, struct version to)
{
	struct json_object *top = json_new_object(), *array;
	auto_free char *from = text_of(p->facts.step.from), *target = text_of(to);
	auto_free char *cluster = p->facts.step.cluster.major ? text_of(p->facts.step.cluster) : NULL;
	struct version at = p->facts.step.from;

	json_text(top, "from", from);
	json_text(top, "to", target);
	json_text(top, "cluster_version", cluster);
	array = json_array_in(top, "steps");
	for (size_t i = 0; i < p->n; at = p->steps[i++]) {
		struct json_object *o = json_object_in(array, NULL);
		auto_free char *version = text_of(p->steps[i]);

		json_text(o, "version", version);
		if (i == 0)
			json_gates(o, &p->verdict);
		else
			json_rules(o, at, p->steps[i]);
	}
	json_print(top);
}

/* A line of a gate, its reason with the source, and what to type. */
static void print_gate(const char *mark, const char *what, const char *reason, const char *source, const char *fix)
{
	auto_free char *first = xasprintf("  %-9s ", mark);
	auto_free char *why = reason && source ? xasprintf("%s (%s)", reason, source) : NULL;

	page_entry(stdout, 12, first, what);
	if (why || source)
		page_entry(stdout, 12, "            ", why ? why : source);
	if (fix)
		page_entry(stdout, 12, "         -> ", fix);
}

static void plan_text(const struct plan *p, struct version to)
{
	const struct version *from = &p->facts.step.from;

	if (p->n == 0)
		(void)printf("this machine runs etcd " VERSION_FMT "\n", VERSION_ARGS(to));
	if (p->n == 0)
		return;
	(void)printf(VERSION_FMT, VERSION_ARGS(*from));
	for (size_t i = 0; i < p->n; i++)
		(void)printf(" -> " VERSION_FMT, VERSION_ARGS(p->steps[i]));
	(void)putchar('\n');
	for (size_t i = 0; i < p->n; from = &p->steps[i++]) {
		(void)printf("\nto " VERSION_FMT "\n", VERSION_ARGS(p->steps[i]));
		for (size_t k = 0; i == 0 && k < p->verdict.n; k++) {
			const struct step_gate *gate = &p->verdict.gates[k];

			print_gate(result_name(gate->result), gate->what, gate->reason, gate->source,
				   gate->fix[0] ? gate->fix : NULL);
		}
		for (const struct step_rule *rule = step_rules; i > 0 && rule->reason; rule++)
			if (rule->from == from->minor && rule->to == p->steps[i].minor)
				print_gate("later", step_need_text(rule->need), rule->reason, rule->source, NULL);
	}
}

static int version_of(const struct cmd_args *a, struct version *to, struct err *e)
{
	if (version_parse(a->words[0], to))
		return 0;
	(void)err_set(e, ERR_CONFIG, "\"%.40s\" is not a valid etcd version", a->words[0]);
	return err_hint(e, "write it as 3.6.14; etcd-cluster release list shows the newest");
}

static int show_plan(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	struct plan p = { 0 };
	struct version to;
	int rc;

	if (version_of(a, &to, e) < 0)
		return -1;
	rc = facts_matter(m, e);
	if (rc == 0)
		rc = err_set(e, ERR_CONFIG, "this machine is not a member of a cluster");
	if (rc < 0)
		return -1;
	make_plan(m, to, &p);
	if (p.missing) {
		rc = err_set(e, ERR_CONFIG,
			     "the way to etcd " VERSION_FMT " goes by etcd 3.%u, of which no release is known here",
			     VERSION_ARGS(to), p.missing);
		(void)err_hint(e, "put the digest of one into %s", m->at.admin_digests);
	} else {
		(a->json ? plan_json : plan_text)(&p, to);
		rc = facts_verdict(&p.verdict, true, e);
	}
	facts_free(&p.facts);
	return rc;
}

static int run(const struct machine *m, const struct cmd_args *a, struct err *e)
{
	struct upgrade_options how = { .allow_outage = a->allow_outage, .within = START_SECONDS };
	struct version to;
	int rc;

	if (version_of(a, &to, e) < 0 || cmd_number("within", a->within, 1, START_SECONDS_MAX, &how.within, e) < 0)
		return -1;
	rc = upgrade_run(m, to, &how, e);
	if (rc == 0)
		log_info("nothing to do: this machine runs etcd " VERSION_FMT, VERSION_ARGS(to));
	return rc < 0 ? -1 : rc > 0 ? CMD_DONE : CMD_NOTHING;
}

static int upgrade(const struct cmd_args *a, struct err *e)
{
	if (a->json && !a->plan)
		return err_set(e, ERR_CONFIG, "--json belongs to --plan");
	return a->plan ? cmd_on_machine(a, false, show_plan, e) : cmd_on_machine(a, true, run, e);
}

const struct cmd_verb cmd_upgrade = {
	.name = "upgrade",
	.about = "Brings this machine's member to another version of etcd, one step of its way. Fetches and verifies "
		 "the "
		 "release, checks what has to hold before that step, takes a snapshot, waits until the other members "
		 "can "
		 "do without this one, and starts etcd with the release. If it is not healthy in time, the former "
		 "release "
		 "runs again. RELEASE in cluster.conf is kept in step.",
	.example = "upgrade 3.6.14",
	.options = CMD_OPTIONS(
		CMD_FLAG("plan", plan, "Print the way, and what has to hold before each step; change nothing."),
		CMD_FLAG("json", json, "Print the plan as JSON."),
		CMD_FLAG("allow-outage", allow_outage, "Of two voting members, stop one."),
		CMD_VALUE("within", "SECONDS", CMD_TEXT, within,
			  "How long the release may take until it is healthy; default: 120.")),
	.args = { "VERSION", CMD_RELEASE },
	.dry_run = true,
	.run = upgrade,
};
