/* SPDX-License-Identifier: Apache-2.0
 *
 * Before a removal: which member is meant, and whether the voters that stay are a quorum. Answered from a survey,
 * before anything is changed; etcd's own check (--strict-reconfig-check) looks at the connections of the last five
 * seconds, when the request is there already.
 */
#pragma once

#include <stdbool.h>

#include "member/health.h"

enum removal {
	REMOVAL_OK,
	REMOVAL_LAST,	   /* the only voter: without it there is no cluster */
	REMOVAL_NO_QUORUM, /* too few healthy voters now: nobody could agree to the removal */
	REMOVAL_TOO_FEW,   /* of the voters that would be left too few are healthy to make a quorum */
};

/* The votes after a member, a voter or a learner, healthy or not, has gone. now must count it. */
struct member_votes removal_votes_left(struct member_votes now, bool voter, bool healthy);

/* May it go? A learner may always, while there is a quorum to agree to it. */
enum removal removal_judge(struct member_votes now, bool voter, bool healthy);

/* How many voters may fail before nothing can be written any more; 0 for one and for two of them. */
size_t removal_spare(struct member_votes votes);

/*
 * The refusal as an error (ERR_HEALTH; the last voter ERR_CONFIG) about the member called name, with the numbers.
 * Returns -1; 0 for REMOVAL_OK.
 */
int removal_refuse(enum removal verdict, struct member_votes now, const char *name, struct err *e) MUST_CHECK;

/*
 * The listed member that a person means by its name or its ID (hex, as etcd shows it), exactly. 1 found, 0 none, -1
 * (ERR_CONFIG) more than one answers to it, with their IDs.
 */
int removal_pick(const struct member_survey *s, const char *what, const struct member **one, struct err *e) MUST_CHECK;

/* The listed member with this ID, or NULL. */
const struct member *removal_by_id(const struct member_survey *s, uint64_t id);

/* 0 when the others can do without it (member/removal.h), else -1 with the numbers. */
int removal_check(const struct member_survey *s, const struct member *one, struct err *e) MUST_CHECK;

/* Says which voters are left without it, and what they bear. */
void removal_report(const struct member_survey *s, const struct member *gone);
