/* SPDX-License-Identifier: Apache-2.0
 *
 * release/step: which steps between versions are allowed in which state, and the way over several of them.
 */
#include "unit.h"

#include "base/buf.h"
#include "base/text.h"
#include "release/step.h"

#define MEMBERS_MAX 8

/*
 * What is put together: "3.5.33*3" are three healthy members, L a learner, D one that is down, S6 one that stores data
 * as 3.6 does. state: words of the facts beside them; "cluster=3.5" and so on.
 */
struct triple {
	const char *from, *to, *members, *state;
	enum step_result want;
	const char *code; /* of the first gate with that result; NULL for one that passes */
};

#define OK	STEP_PASSES
#define FIXABLE STEP_FIXABLE
#define WARNS	STEP_WARNS
#define NO	STEP_REFUSED
#define WAITS	STEP_WAITS

static const struct triple triples[] = {
	/* Within a line. */
	{ "3.6.14", "3.6.14", "3.6.14*3", "cluster=3.6", OK, NULL },
	{ "3.6.11", "3.6.14", "3.6.11*3", "cluster=3.6", OK, NULL },
	{ "3.6.0", "3.6.14", "3.6.0*3", "cluster=3.6", OK, NULL },
	{ "3.6.14", "3.6.11", "3.6.14*3", "cluster=3.6", WARNS, "flaw" },
	{ "3.5.16", "3.5.33", "3.5.16*3", "cluster=3.5", OK, NULL },
	{ "3.5.16", "3.5.33", "3.5.16*2 3.5.16D", "cluster=3.5", OK, NULL },
	{ "3.5.16", "3.5.33", "", "silent", OK, NULL },
	{ "3.5.16", "3.5.30", "3.5.16*3", "cluster=3.5", WARNS, "flaw" },
	{ "3.5.16", "3.5.2", "3.5.16*3", "cluster=3.5", NO, "version" },
	{ "3.4.13", "3.4.23", "3.4.13*3", "cluster=3.4", WARNS, "flaw" },
	{ "3.4.23", "3.4.45", "3.4.23*3", "cluster=3.4", WARNS, "end_of_life" },
	{ "3.7.0", "3.7.1", "3.7.0*3", "cluster=3.7", OK, NULL },
	{ "3.7.1", "3.7.0", "3.7.1*3", "cluster=3.7", WARNS, "flaw" },
	{ "3.6.11", "3.6.14", "3.6.11*3", "cluster=3.6 corrupt", NO, "alarm" },
	{ "3.6.11", "3.6.14", "3.6.11*3", "cluster=3.6 nospace", NO, "alarm" },
	{ "3.6.11", "3.6.14", "3.6.11*2 3.6.11L", "cluster=3.6", OK, NULL },
	/* 3.4 to 3.5. */
	{ "3.4.23", "3.5.33", "3.4.23*3", "cluster=3.4 auth=no", OK, NULL },
	{ "3.4.23", "3.5.33", "3.4.23*2 3.5.33", "cluster=3.4 auth=no", OK, NULL },
	{ "3.4.23", "3.5.33", "3.4.23*1", "cluster=3.4 auth=no", OK, NULL },
	{ "3.4.23", "3.5.33", "3.4.23*3", "cluster=3.4 auth=yes", NO, "auth" },
	{ "3.4.23", "3.5.33", "3.4.23*3", "cluster=3.4 auth=?", WAITS, "auth" },
	{ "3.4.23", "3.5.33", "3.4.23*2 3.4.23D", "cluster=3.4 auth=no", WAITS, "health" },
	{ "3.4.23", "3.5.33", "", "silent auth=?", WAITS, "quorum" },
	{ "3.4.23", "3.5.33", "3.4.23*3", "cluster=3.4 auth=no noquorum", WAITS, "quorum" },
	{ "3.4.23", "3.5.0", "3.4.23*3", "cluster=3.4 auth=no", NO, "version" },
	{ "3.4.23", "3.5.1", "3.4.23*3", "cluster=3.4 auth=no", NO, "version" },
	{ "3.4.23", "3.5.2", "3.4.23*3", "cluster=3.4 auth=no", NO, "version" },
	{ "3.4.23", "3.5.3", "3.4.23*3", "cluster=3.4 auth=no", WARNS, "flaw" },
	{ "3.4.23", "3.5.33", "3.4.23*3", "cluster=3.4 auth=no v2=yes", OK, NULL },
	{ "3.4.3", "3.5.33", "3.4.3*3", "cluster=3.4 auth=no", OK, NULL },
	{ "3.4.23", "3.5.33", "3.4.23*3", "cluster=3.4 auth=no nospace", NO, "alarm" },
	/* 3.5 to 3.6. */
	{ "3.5.33", "3.6.14", "3.5.33*3", "cluster=3.5 v2=no", OK, NULL },
	{ "3.5.32", "3.6.14", "3.5.32*3", "cluster=3.5 v2=no", OK, NULL },
	{ "3.5.33", "3.6.14", "3.5.33*2 3.6.14", "cluster=3.5 v2=no", OK, NULL },
	{ "3.5.33", "3.6.14", "3.5.33 3.6.14*2", "cluster=3.5 v2=no", OK, NULL },
	{ "3.5.33", "3.6.14", "3.5.33*1", "cluster=3.5 v2=no", OK, NULL },
	{ "3.5.31", "3.6.14", "3.5.31*3", "cluster=3.5 v2=no", NO, "floor" },
	{ "3.5.16", "3.6.14", "3.5.16*3", "cluster=3.5 v2=no", NO, "floor" },
	{ "3.5.33", "3.6.14", "3.5.33*2 3.5.31", "cluster=3.5 v2=no", NO, "floor" },
	{ "3.5.31", "3.6.14", "3.5.33*2", "cluster=3.5 v2=no", OK, NULL }, /* installed, but what runs counts */
	{ "3.5.33", "3.6.14", "3.5.33*2 3.4.23", "cluster=3.4 v2=no", NO, "members" },
	{ "3.5.33", "3.6.14", "3.5.33*3", "cluster=3.4 v2=no", NO, "members" },
	{ "3.5.33", "3.6.14", "3.5.33*3", "cluster=3.5 v2=yes", FIXABLE, "v2" },
	{ "3.5.33", "3.6.14", "3.5.33*3", "cluster=3.5 v2=?", WAITS, "v2" },
	{ "3.5.33", "3.6.14", "3.5.31*3", "cluster=3.5 v2=yes", NO, "floor" },
	{ "3.5.33", "3.6.14", "3.5.33*2 3.5.33L", "cluster=3.5 v2=no", NO, "learner" },
	{ "3.5.33", "3.6.14", "3.5.33*2 3.5.33D", "cluster=3.5 v2=no", WAITS, "health" },
	{ "3.5.33", "3.6.14", "3.5.33*3", "cluster=3.5 v2=no auth=yes", OK, NULL },
	{ "3.5.33", "3.6.14", "", "silent v2=no", WAITS, "quorum" },
	{ "3.5.33", "3.6.10", "3.5.33*3", "cluster=3.5 v2=no", WARNS, "flaw" },
	{ "3.5.33", "3.6.14", "3.5.33*3", "cluster=3.5 v2=no corrupt", NO, "alarm" },
	/* 3.6 to 3.7. */
	{ "3.6.14", "3.7.1", "3.6.14*3", "cluster=3.6 v2=no", OK, NULL },
	{ "3.6.14", "3.7.1", "3.6.14*3", "cluster=3.6 v2=yes", FIXABLE, "v2" },
	{ "3.6.14", "3.7.1", "3.6.14*3", "cluster=3.6 v2=?", WAITS, "v2" },
	{ "3.6.11", "3.7.1", "3.6.11*5", "cluster=3.6 v2=no", OK, NULL },
	{ "3.6.10", "3.7.1", "3.6.10*3", "cluster=3.6 v2=no", NO, "floor" },
	{ "3.6.14", "3.7.1", "3.6.14*2 3.6.10", "cluster=3.6 v2=no", NO, "floor" },
	{ "3.6.14", "3.7.1", "3.6.14 3.7.1*2", "cluster=3.6 v2=no", OK, NULL },
	{ "3.6.14", "3.7.1", "3.6.14*2 3.6.14L", "cluster=3.6 v2=no", NO, "learner" },
	{ "3.6.14", "3.7.1", "3.6.14*2 3.5.33", "cluster=3.5 v2=no", NO, "members" },
	{ "3.6.14", "3.7.1", "3.6.14*3", "cluster=3.6 downgrade=3.5 v2=no", NO, "downgrade" },
	{ "3.6.14", "3.7.0", "3.6.14*3", "cluster=3.6 v2=no", WARNS, "flaw" },
	{ "3.6.14", "3.8.0", "3.6.14*3", "cluster=3.6", NO, "skip" },
	/* Over a line. */
	{ "3.4.23", "3.6.14", "3.4.23*3", "cluster=3.4 auth=no", NO, "skip" },
	{ "3.4.23", "3.7.1", "3.4.23*3", "cluster=3.4 auth=no", NO, "skip" },
	{ "3.5.33", "3.7.1", "3.5.33*3", "cluster=3.5", NO, "skip" },
	{ "3.7.1", "3.5.33", "3.7.1*3", "cluster=3.7", NO, "skip" },
	{ "3.5.33", "4.0.0", "3.5.33*3", "cluster=3.5", NO, "version" },
	/* Back. */
	{ "3.6.14", "3.5.33", "3.6.14 3.5.33*2", "cluster=3.5", OK, NULL },
	{ "3.5.33", "3.4.45", "3.5.33 3.4.23*2", "cluster=3.4", WARNS, "end_of_life" },
	{ "3.7.1", "3.6.14", "3.7.1*2 3.6.14", "cluster=3.6", OK, NULL },
	{ "3.6.14", "3.5.33", "3.6.14*3", "cluster=3.6", NO, "cluster_version" },
	{ "3.5.33", "3.4.45", "3.5.33*3", "cluster=3.5", NO, "cluster_version" },
	{ "3.7.1", "3.6.14", "3.7.1*3", "cluster=3.7", NO, "cluster_version" },
	{ "3.6.14", "3.5.33", "", "silent", WARNS, "cluster_version" },
	{ "3.7.1", "3.6.14", "3.7.1S6*3", "cluster=3.7 downgrade=3.6", OK, NULL },
	{ "3.7.1", "3.6.14", "3.7.1S6*3", "cluster=3.6 downgrade=3.6", OK, NULL },
	{ "3.7.1", "3.6.14", "3.7.1S6*2 3.7.1S7", "cluster=3.6 downgrade=3.6", WAITS, "storage" },
	{ "3.7.1", "3.6.14", "3.7.1*3", "cluster=3.6 downgrade=3.6", WAITS, "storage" },
	{ "3.7.1", "3.6.14", "3.7.1S6 3.6.14*2", "cluster=3.6 downgrade=3.6", OK, NULL },
	{ "3.6.14", "3.5.33", "3.6.14S5*2 3.5.33", "cluster=3.5 downgrade=3.5", OK, NULL },
	{ "3.6.14", "3.5.33", "3.6.14S6*3", "cluster=3.6 downgrade=3.5", WAITS, "storage" },
	{ "3.6.14", "3.5.2", "3.6.14 3.5.33*2", "cluster=3.5", NO, "version" },
};

/* "3.5.33", "3.5": a version. */
static struct version version_of(const char *text)
{
	auto_strv char **parts = text_split(text, ".");
	struct version v = { 0 };
	uint64_t n[3] = { 0 };

	for (size_t i = 0; i < 3 && parts && parts[i]; i++)
		assert_true(text_parse_u64(parts[i], 0, 99, &n[i]));
	v = (struct version){ (unsigned int)n[0], (unsigned int)n[1], (unsigned int)n[2] };
	return v;
}

/* "3.5.33S5L*2" */
static void add_members(struct step_member *members, size_t *n, const char *text)
{
	static const char *const names[MEMBERS_MAX] = { "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8" };
	auto_free char *number = xstrndup(text, strspn(text, "0123456789."));
	const char *marks = text + strlen(number), *times = strchr(text, '*'), *storage = strchr(marks, 'S');
	const bool down = strchr(marks, 'D');

	for (int i = times ? atoi(times + 1) : 1; i > 0; i--) {
		assert_true(*n < MEMBERS_MAX);
		members[*n] = (struct step_member){
			.name = names[*n], .healthy = !down, .learner = strchr(marks, 'L'), .here = *n == 0
		};
		if (!down)
			members[*n].version = version_of(number);
		if (storage)
			members[*n].storage = (struct version){ 3, (unsigned int)(storage[1] - '0'), 0 };
		(*n)++;
	}
}

static enum step_answer answer_of(const char *word)
{
	return text_ends(word, "yes") ? STEP_YES : text_ends(word, "no") ? STEP_NO : STEP_UNKNOWN;
}

static void add_state(struct step_facts *f, const char *word)
{
	if (text_starts(word, "cluster="))
		f->cluster = version_of(word + 8);
	else if (text_starts(word, "downgrade="))
		f->downgrade = version_of(word + 10);
	else if (text_starts(word, "auth="))
		f->auth = answer_of(word);
	else if (text_starts(word, "v2="))
		f->v2 = answer_of(word);
	else if (strcmp(word, "silent") == 0 || strcmp(word, "noquorum") == 0)
		f->quorum = false;
	else if (strcmp(word, "corrupt") == 0)
		f->alarm_corrupt = true;
	else if (strcmp(word, "nospace") == 0)
		f->alarm_nospace = true;
	else
		fail_msg("%s", word);
}

static void judge(const struct triple *t, struct step_verdict *v)
{
	auto_strv char **members = text_split(t->members, " "), **state = text_split(t->state, " ");
	struct step_member list[MEMBERS_MAX];
	struct step_facts f = { .members = list, .quorum = true };

	assert_true(version_parse(t->from, &f.from) && version_parse(t->to, &f.to));
	for (size_t i = 0; members && members[i]; i++)
		add_members(list, &f.n, members[i]);
	for (size_t i = 0; state && state[i]; i++)
		add_state(&f, state[i]);
	step_judge(&f, v);
}

static void each_triple_has_its_verdict(void **state)
{
	(void)state;
	assert_true(ARRAY_LEN(triples) >= 60);
	for (size_t i = 0; i < ARRAY_LEN(triples); i++) {
		const struct triple *t = &triples[i];
		struct step_verdict v;
		const struct step_gate *gate;

		judge(t, &v);
		gate = step_first(&v, t->want);
		if (v.result != t->want || (t->code && strcmp(gate->code, t->code) != 0))
			fail_msg("%s -> %s (%s; %s): result %d%s%s", t->from, t->to, t->members, t->state, v.result,
				 gate ? ", " : "", gate ? gate->code : "");
		for (size_t k = 0; k < v.n; k++) {
			assert_true(v.gates[k].what[0] != '\0');
			if (v.gates[k].result == STEP_REFUSED || v.gates[k].result == STEP_FIXABLE)
				assert_true(v.gates[k].fix[0] != '\0');
			assert_true(strlen(v.gates[k].fix) + 1 < sizeof(v.gates[k].fix));
		}
	}
}

/* Every rule of the tables says why, and from where. */
static void tables_are_whole(void **state)
{
	(void)state;
	for (const struct step_rule *rule = step_rules; rule->reason; rule++) {
		assert_non_null(rule->source);
		assert_int_equal(rule->to, rule->from + 1);
		assert_int_equal(rule->need == STEP_FLOOR, rule->floor.major != 0);
		if (rule->need == STEP_FLOOR)
			assert_int_equal(rule->floor.minor, rule->from);
	}
	for (const struct step_flaw *flaw = step_flaws; flaw->what; flaw++)
		assert_non_null(flaw->source);
	assert_string_equal(step_end_of((struct version){ 3, 4, 23 })->when, "June 2026");
	assert_null(step_end_of((struct version){ 3, 6, 14 }));
	assert_null(step_flaw_of((struct version){ 3, 6, 14 }, 0));
	assert_string_equal(step_flaw_of((struct version){ 3, 5, 29 }, 0)->source, "CVE-2026-44283");
	assert_string_equal(step_flaw_of((struct version){ 3, 6, 0 }, 2)->source,
			    "GHSA-6vch-q96h-7gc3, GHSA-xg4h-6gfc-h4m8");
}

/* The newest of each line, as a package pins them; arg: the minor version of which it pins nothing. */
static struct version newest(const void *arg, unsigned int minor)
{
	static const struct version pinned[] = { { 3, 4, 13 }, { 3, 5, 33 }, { 3, 6, 14 }, { 3, 7, 1 } };

	return minor == *(const unsigned int *)arg || minor < 4 || minor > 7 ? (struct version){ 0 }
									     : pinned[minor - 4];
}

static void path(const char *from, const char *to, unsigned int without, const char *want)
{
	struct version steps[8];
	unsigned int missing;
	auto_buf struct buf text = { 0 };
	size_t n = step_path(version_of(from), version_of(to), newest, &without, steps, ARRAY_LEN(steps), &missing);

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s" VERSION_FMT, i > 0 ? " " : "", VERSION_ARGS(steps[i]));
	if (missing)
		buf_printf(&text, "missing %u", missing);
	assert_string_equal(buf_str(&text), want);
}

static void a_path_skips_no_line_and_keeps_the_floors(void **state)
{
	(void)state;
	path("3.4.23", "3.7.1", 0, "3.5.33 3.6.14 3.7.1");
	path("3.4.23", "3.5.16", 0, "3.5.16");
	path("3.5.16", "3.6.14", 0, "3.5.33 3.6.14");
	path("3.5.31", "3.6.14", 0, "3.5.33 3.6.14");
	path("3.5.32", "3.6.0", 0, "3.6.0");
	path("3.5.33", "3.7.1", 0, "3.6.14 3.7.1");
	path("3.6.10", "3.7.1", 0, "3.6.14 3.7.1");
	path("3.6.11", "3.7.1", 0, "3.7.1");
	path("3.6.14", "3.6.14", 0, "");
	path("3.6.14", "3.6.10", 0, "3.6.10");
	path("3.7.1", "3.5.33", 0, "3.6.14 3.5.33");
	path("3.4.23", "3.7.1", 5, "missing 5");
	path("3.5.16", "3.6.14", 5, "missing 5");
	path("3.4.23", "3.8.0", 8, "3.5.33 3.6.14 3.7.1 3.8.0");
	path("3.4.23", "3.9.0", 8, "missing 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_triple_has_its_verdict),
		cmocka_unit_test(tables_are_whole),
		cmocka_unit_test(a_path_skips_no_line_and_keeps_the_floors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
