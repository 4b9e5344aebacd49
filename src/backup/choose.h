/* SPDX-License-Identifier: Apache-2.0
 *
 * Which machine takes the scheduled backup. No lock: all machines decide by what a quorum has, the first in line begins
 * at once, and each next one only when there is still no backup after its time. Two backups do no harm; none would.
 */
#pragma once

#include "cluster/health.h"

struct choose_voter {
	uint64_t id;
	bool healthy, leader, here;
};

/*
 * How many come before the machine of `here`: the healthy voters by their IDs, the leader after all others. -1: it is
 * not a healthy voter.
 */
int choose_rank(const struct choose_voter *list, size_t n);

/*
 * The newest backup of the cluster, as etcd key "etcd-cluster/backup": "TIME REVISION MEMBER FILE". With one member
 * there is no key: its own files say all. Any client can write the key unless etcd has RBAC.
 */
struct choose_last {
	time_t time;
	int64_t revision;
	char *member, *file;
};
void choose_last_free(struct choose_last *last);
/* For the value of the key; false for another text. The caller frees in any case. */
bool choose_last_parse(const char *text, struct choose_last *last);
/* Reads it from this machine's etcd. 1 there, 0 not, -1. quorum: as a quorum has it. */
int choose_last_read(const struct machine *m, bool quorum, struct choose_last *last, struct err *e) MUST_CHECK;
/* Writes it; text as choose_last_parse reads it. */
int choose_last_write(const struct machine *m, const struct choose_last *last, struct err *e) MUST_CHECK;

/*
 * Whether this machine takes the backup of the occasion (when the timer elapsed) now. 1 yes; 0 there is one, or it is
 * not this machine's; ERR_PENDING another machine takes it, and this one if that does not; ERR_HEALTH no quorum.
 */
int choose_turn(const struct machine *m, const struct member_survey *s, time_t occasion, struct err *e) MUST_CHECK;
