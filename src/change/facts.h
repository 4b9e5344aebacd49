/* SPDX-License-Identifier: Apache-2.0
 *
 * What the judgement about another version of etcd needs to know (release/step.h), asked of the members, and of the log
 * of this machine.
 */
#pragma once

#include "adapter/wal.h"
#include "cluster/health.h"
#include "config/machine.h"
#include "release/step.h"

struct facts {
	struct member_survey survey; /* empty when no member can be asked */
	struct wal_v2 v2;
	struct step_facts step; /* what cannot be had is unknown in it */
	struct step_member *members;
};

#define auto_facts cleanup(facts_free)
void facts_free(struct facts *f);

/*
 * The last entry with such a request that etcd `to` could not read; 0: none. From 3.7 on it reads not even its own
 * (3.7.1 panics: "unmarshal should never fail").
 */
uint64_t facts_v2_entry(const struct wal_v2 *found, struct version to);

/* For the step of this machine's member to `to`. The caller frees. */
void facts_gather(const struct machine *m, struct version to, struct facts *f);

/* 1 this machine is a member of a cluster, 0 it is not, so that any release may be used; -1. */
int facts_matter(const struct machine *m, struct err *e) MUST_CHECK;

/* Logs the warnings among the gates. */
void facts_warn(const struct step_verdict *v);

/*
 * 0 the step may be taken. -1: ERR_CONFIG when a person must change something, ERR_HEALTH when
 * it cannot be seen now or a member is down, with the first gate that stops it. may_fix: what `upgrade` does by itself
 * stops nothing.
 */
int facts_verdict(const struct step_verdict *v, bool may_fix, struct err *e) MUST_CHECK;

/* All of it for `release use`: may this machine use the installed release `name`? */
int facts_check_use(const struct machine *m, const char *name, struct err *e) MUST_CHECK;
