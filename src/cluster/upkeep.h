/* SPDX-License-Identifier: Apache-2.0
 *
 * What the databases of the members need: a pure decision. Nobody is asked here.
 *
 * A database file does not shrink when old revisions are compacted; the free space in it is used again. Defragmentation
 * writes the file anew, and that member answers nobody meanwhile. When the file reaches its quota, the member raises
 * the alarm NOSPACE, and no member takes a write any more until it is disarmed.
 */
#pragma once

#include "cluster/health.h"

/* From this size on the timer defragments; a person does from a smaller one on. */
#define UPKEEP_LEAST	    ((int64_t)100 << 20)
#define UPKEEP_LEAST_PERSON ((int64_t)1 << 20)

/* One listed member. */
struct upkeep_member {
	const char *name;
	uint64_t id;
	bool here, leader, learner;
	bool answers, healthy;
	bool done; /* this run has defragmented it */
	uint64_t lag;
	int64_t size, in_use, quota;
};

struct upkeep_facts {
	const struct upkeep_member *list;
	size_t n;
	bool agreed;	       /* a quorum exists */
	bool corrupt, nospace; /* such an alarm is raised, by a listed member or not */
	bool person;	       /* a person wants it; else NOSPACE is for the leader's machine alone */
	bool all;	       /* the members of other machines, too; else NOSPACE alone reaches those */
	bool quiet;	       /* fragmentation may be reduced now */
	bool compacted;	       /* this run has compacted */
	unsigned int percent;  /* MAINTAIN_FRAGMENTATION */
	int64_t least;	       /* no smaller file is defragmented because of its fragmentation */
};

enum upkeep_step {
	UPKEEP_NOTHING,	   /* all is well, or it is not this machine's to do */
	UPKEEP_WAIT,	   /* not now: why, and because of which member (may be NULL) */
	UPKEEP_COMPACT,	   /* first of the three against NOSPACE */
	UPKEEP_DEFRAGMENT, /* that member */
	UPKEEP_DISARM,	   /* every database is below its quota: end the alarm NOSPACE */
	UPKEEP_FULL,	   /* the alarm NOSPACE stays: what is in use in that database is too much */
	UPKEEP_CORRUPT,	   /* the alarm CORRUPT: nothing is touched */
};

struct upkeep_next {
	enum upkeep_step step;
	const struct upkeep_member *at;
	const char *why;
};

/*
 * The next step. Against NOSPACE: compact, defragment what is too large, disarm; a voter that does not answer is left
 * out. Else only while every member is healthy and none catches up (one that gets a snapshot and is defragmented at
 * that moment can lose its data, etcd-io/etcd #20271): the followers by their IDs, the leader last.
 */
struct upkeep_next upkeep_next(const struct upkeep_facts *f);

/* How much of the file is free, in percent. */
unsigned int upkeep_free_percent(int64_t size, int64_t in_use);

/* The facts of a survey, for m->conf; list is the caller's to free. f->list points to it. */
struct upkeep_member *upkeep_facts(const struct machine *m, const struct member_survey *s, struct upkeep_facts *f);
