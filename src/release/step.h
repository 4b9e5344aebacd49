/* SPDX-License-Identifier: Apache-2.0
 *
 * From one version of etcd to another: the releases on the way, and for each step what must hold before it. The rules
 * are the tables in step_rules.c, each with its reason and source; step_judge is a pure function of facts.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config/version.h"

/* --- The tables (step_rules.c). */

enum step_need {
	STEP_FLOOR,	 /* every member of the old line runs at least `floor` */
	STEP_NO_AUTH,	 /* etcd's authentication (RBAC) is off */
	STEP_NO_LEARNER, /* every member votes */
	STEP_NO_V2,	 /* this member's log has no request of the v2 API behind its last snapshot */
};

struct step_rule {
	unsigned short from, to; /* minor versions of etcd 3 */
	enum step_need need;
	struct version floor;
	const char *reason; /* a clause that stands behind "because" */
	const char *source;
};

/* A flaw that is known of all releases of a line below this one. */
struct step_flaw {
	struct version fixed;
	const char *what, *source;
};

/* A line that upstream maintains no more. */
struct step_end {
	unsigned short minor;
	struct version last;
	const char *when, *source;
};

/* Each ends with an element of zeros. */
extern const struct step_rule step_rules[];
extern const struct step_flaw step_flaws[];
extern const struct step_end step_ends[];

/* "floor", "auth", ... as code of a gate; and what it asks for, as a clause. */
const char *step_need_name(enum step_need need);
const char *step_need_text(enum step_need need);

/* The k-th flaw that v has, or NULL; and whether its line has ended, or NULL. */
const struct step_flaw *step_flaw_of(struct version v, size_t k);
const struct step_end *step_end_of(struct version v);

/* --- The facts. */

enum step_answer { STEP_UNKNOWN, STEP_NO, STEP_YES };

struct step_member {
	const char *name;
	struct version version; /* that it runs; zeros: it does not answer */
	struct version storage; /* the storage version that it reports (from 3.6 on); zeros: none */
	bool learner, healthy, here;
};

struct step_facts {
	struct version from, to; /* of this machine: what runs, else what is in use; wanted */
	const struct step_member *members;
	size_t n;		  /* 0: nobody answers */
	struct version cluster;	  /* the cluster version, as "3.5.0"; zeros: not known */
	struct version downgrade; /* the target of a downgrade that is enabled; zeros: none */
	bool quorum;
	bool alarm_nospace, alarm_corrupt;
	enum step_answer auth; /* asked for only where a rule needs it */
	enum step_answer v2;
	const char *v2_what; /* "QGET" of the last such request, for the message; or NULL */
};

/* --- The verdict. */

enum step_result {
	STEP_PASSES,
	STEP_FIXABLE, /* `upgrade` does by itself what is missing; `release use` refuses */
	STEP_WARNS,
	STEP_REFUSED, /* a person must change something */
	STEP_WAITS,   /* it cannot be seen now, or a member is down */
};

struct step_gate {
	enum step_result result;
	const char *code;   /* "floor", "auth", ...: stable, for programs */
	char what[256];	    /* a plain sentence without the full stop */
	const char *reason; /* a clause, or NULL */
	const char *source; /* or NULL */
	char fix[256];	    /* what to type, or "" */
};

#define STEP_GATES_MAX 24

struct step_verdict {
	enum step_result result; /* the worst of the gates */
	struct step_gate gates[STEP_GATES_MAX];
	size_t n;
};

/* Judges the one step from f->from to f->to. Every gate that was looked at is in the verdict, also those that pass. */
void step_judge(const struct step_facts *f, struct step_verdict *v);

/* The first gate with this result, or NULL. */
const struct step_gate *step_first(const struct step_verdict *v, enum step_result result);

/* True for a step that needs the look into the log, and for one that asks about authentication. */
bool step_needs(struct version from, struct version to, enum step_need need);

/* True for a step back across a minor version. */
bool step_is_back(struct version from, struct version to);

/*
 * The versions to go through from `from` to `to`, `to` itself last, each one step: no minor version is skipped, and
 * where a rule has a floor, the newest release of the line comes first. newest(arg, minor): the newest release of a
 * line that is known, zeros for none. How many, at most max; 0 when there is no way (a release of a line is missing:
 * *missing is its minor version), or none is needed.
 */
typedef struct version step_newest(const void *arg, unsigned int minor);
size_t step_path(struct version from, struct version to, step_newest *newest, const void *arg, struct version *path,
		 size_t max, unsigned int *missing);
