/* SPDX-License-Identifier: Apache-2.0
 *
 * Which member is meant, and may it go: the questions before a removal, answered from a survey alone.
 */
#ifndef MEMBER_REMOVAL_H
#define MEMBER_REMOVAL_H

#include "member/health.h"

/*
 * The listed member that a person means by its name or its ID (hex, as etcd shows it), exactly. 1 found, 0 none, -1 (ERR_CONFIG) more than one
 * answers to it, with their IDs.
 */
int removal_pick(const struct member_survey *s, const char *what, const struct member **one, struct err *e) MUST_CHECK;

/* The listed member with this ID, or NULL. */
const struct member *removal_by_id(const struct member_survey *s, uint64_t id);

/* 0 when the others can do without it (member/quorum.h), else -1 with the numbers. */
int removal_check(const struct member_survey *s, const struct member *one, struct err *e) MUST_CHECK;

/* Says which voters are left without it, and what they bear. */
void removal_report(const struct member_survey *s, const struct member *gone);

#endif
