/* SPDX-License-Identifier: Apache-2.0
 *
 * What taking one member out of the list does to the votes. Arithmetic only: nobody is asked here. etcd's own check
 * (--strict-reconfig-check) looks at connections of the last five seconds, and only once the request is there; this one is asked before anything is changed.
 */
#ifndef MEMBER_QUORUM_H
#define MEMBER_QUORUM_H

#include <stdbool.h>

#include "member/health.h"

enum removal {
	REMOVAL_OK,
	REMOVAL_LAST,	   /* the only voter: without it there is no cluster */
	REMOVAL_NO_QUORUM, /* too few healthy voters now: nobody could agree to the removal */
	REMOVAL_TOO_FEW,   /* of the voters that would be left too few are healthy to make a quorum */
};

/* The votes after a member, a voter or a learner, healthy or not, has gone. now must count it. */
struct member_votes quorum_without(struct member_votes now, bool voter, bool healthy);

/* May it go? A learner may always, while there is a quorum to agree to it. */
enum removal quorum_check_removal(struct member_votes now, bool voter, bool healthy);

/* How many voters may fail before nothing can be written any more; 0 for one and for two of them. */
size_t quorum_spare(struct member_votes votes);

/* The refusal as an error (ERR_HEALTH; the last voter ERR_CONFIG) about the member called name, with the numbers. Returns -1; 0 for REMOVAL_OK. */
int quorum_refuse(enum removal verdict, struct member_votes now, const char *name, struct err *e) MUST_CHECK;

#endif
