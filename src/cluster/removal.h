/* SPDX-License-Identifier: Apache-2.0
 *
 * Before a removal: which member is meant, and whether the voters that stay are a quorum. Answered from a survey,
 * before anything is changed; etcd's own check (--strict-reconfig-check) comes with the request and looks only at the
 * connections of the last five seconds.
 */
#pragma once

#include "cluster/health.h"

/* The votes after a member, a voter or a learner, healthy or not, has gone. now must count it. */
struct member_votes removal_votes_left(struct member_votes now, bool voter, bool healthy);

/* How many of the healthy voters may fail before nothing can be written any more. */
size_t removal_spare(struct member_votes votes);

/*
 * May the member called name go? A learner may whenever there is a quorum to agree to it. 0, or -1 with the numbers:
 * ERR_CONFIG for the last voter, ERR_HEALTH when there is no quorum now or would be none afterwards.
 */
int removal_judge(struct member_votes now, bool voter, bool healthy, const char *name, struct err *e) MUST_CHECK;

/* The same for a member of the survey. */
int removal_check(const struct member_survey *s, const struct member *one, struct err *e) MUST_CHECK;

/*
 * The listed member that a person means by its name or its ID (hex, as etcd shows it), exactly. 1 found, 0 none, -1
 * (ERR_CONFIG) more than one, with their IDs.
 */
int removal_pick(const struct member_survey *s, const char *what, const struct member **one, struct err *e) MUST_CHECK;

/* The listed member with this ID, or NULL. */
const struct member *removal_by_id(const struct member_survey *s, uint64_t id);

/* Logs how many voters are left without it, and how many of them may fail. */
void removal_report(const struct member_survey *s, const struct member *gone);
