/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of doctor: a survey of a cluster, and the expected findings.
 */
#pragma once

#include "machine_fixture.h"

#include "doctor/examine.h"
#include "doctor/parts.h"

/* The finding with this text. */
static inline const struct doctor_finding *find(const struct doctor_report *r, const char *text)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strstr(r->list[i].what, text))
			return &r->list[i];
	}
	return NULL;
}

static inline void assert_finding(const struct doctor_report *r, enum doctor_level level, const char *what,
				  const char *fix)
{
	const struct doctor_finding *f = find(r, what);

	if (!f) {
		for (size_t i = 0; i < r->n; i++)
			print_message("# %s: %s\n", doctor_level_name(r->list[i].level), r->list[i].what);
		fail_msg("no finding has \"%s\"", what);
		return;
	}
	assert_int_equal(f->level, level);
	if (*fix && (!f->fix || !strstr(f->fix, fix)))
		fail_msg("\"%s\" is not in the fix of \"%s\": %s", fix, f->what, f->fix ? f->fix : "none");
}

/* A survey of three healthy members; the first is this machine and the leader. */
static inline struct member_survey three(struct member list[3])
{
	static char names[3][3] = { "n1", "n2", "n3" };
	static char urls[3][24] = { "https://127.0.0.1:2379", "https://n2:2379", "https://n3:2379" };

	for (size_t i = 0; i < 3; i++)
		list[i] = (struct member){ .id = i + 1,
					   .name = names[i],
					   .url = urls[i],
					   .here = i == 0,
					   .listed = true,
					   .answers = true,
					   .healthy = true,
					   .status = { .cluster_id = 9,
						       .member_id = i + 1,
						       .leader = 1,
						       .raft_index = 100000,
						       .raft_applied_index = 100000,
						       .db_size = 1 << 20,
						       .db_size_in_use = 1 << 20,
						       .version = "3.5.30" } };
	return (struct member_survey){ .cluster_id = 9, .leader = 1, .agreed = true, .list = list, .n = 3 };
}

static inline void down(struct member *one)
{
	one->answers = one->healthy = false;
	(void)err_set(&one->why, ERR_HEALTH, "Connection refused");
}

static inline struct doctor_report judge(const char *conf, const struct member_survey *s)
{
	struct doctor_report r = { .running = true };
	auto_free char *text = xasprintf("%s%s", strstr(conf, "NAME=") ? "" : "NAME=n1\n", conf);
	struct machine m;

	open_machine(&m, text);
	doctor_members(&m, s, &r);
	machine_free(&m);
	return r;
}
