/* SPDX-License-Identifier: Apache-2.0
 *
 * The one examination of a machine and its cluster, for `status` and `check`. Nothing here changes the machine.
 */
#pragma once

#include "doctor/exam.h"

/*
 * Asks and reads all of it, and what doctor_start does; what cannot be had is a finding. The worst comes first.
 * thorough: also what takes a few seconds, as the speed of the disk and the ports of the other machines, and what is
 * wrong before the first setup. The caller frees.
 */
void doctor_examine(const struct machine *m, bool thorough, struct doctor_exam *x);
void doctor_exam_free(struct doctor_exam *x);

/* True when a quorum of this machine's cluster no longer lists its member. */
bool doctor_removed(const struct doctor_exam *x);

/* "leader", "follower", "learner"; "-" when it is not known. */
const char *doctor_member_role(const struct doctor_exam *x, const struct member *one);
/* "healthy", "no quorum", "down", "removed", "no member". */
const char *doctor_member_health(const struct doctor_exam *x, const struct member *one);
/* Entries of the log that it has not applied yet, as far as its leader knows. */
uint64_t doctor_member_lag(const struct member_survey *s, const struct member *one);
/* The size in bytes at which this member refuses writes. */
long long doctor_quota(const struct machine *m, const struct member *member);

/* 0 when this machine is healthy or idle; else -1: ERR_PENDING while setup will try again, ERR_HEALTH otherwise. */
int doctor_health(const struct machine *m, const struct doctor_exam *x, struct err *e) MUST_CHECK;

/*
 * What etcd.service checks before each start: release, certificates, data directory, the machine, and how far the log
 * is, which (ask) the other members are asked for a second, too.
 */
void doctor_start(const struct machine *m, bool ask, struct doctor_report *r);

/*
 * When cluster.conf is broken: its error with this level, and which security settings of it do not apply (stale.c).
 * m->conf is what applies instead.
 */
void doctor_broken(const struct machine *m, enum doctor_level level, struct doctor_report *r);

/* Whether etcd can be started with this release and these certificates. */
int doctor_can_start(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Asks the former members of a recovered cluster (member/recovered.h) that are not in the survey's list, if there is
 * one: whoever still runs in the former cluster is a finding, with both ways out.
 */
void doctor_former(const struct machine *m, const struct member_survey *s, struct doctor_report *r);

/*
 * What setup checks before the very first start: ports free (else the program that holds them is named), the address is
 * this machine's, room on the disk. ERR_CONFIG; ERR_PENDING while this machine has no network.
 */
int doctor_before_start(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * The names of the members that do not have the newest revocation list in force: it is there, and their etcd was
 * started after it came. gone: a member that does not count; or 0. 1 *newest is the list; 0 nothing was ever revoked,
 * as far as this machine knows; -1 the members could not be asked. The caller frees *lacking, NULL for none.
 */
int doctor_unrevoked(const struct machine *m, const struct member_survey *s, uint64_t gone, char ***lacking,
		     int64_t *newest, struct err *e) MUST_CHECK;
