/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate: may the etcd of this machine be stopped now? Every other voter must be healthy and caught up, asked at its
 * own endpoint. Silence is a refusal. It is checked after the lock was taken (cluster/lock.h), and again right before
 * the stop.
 */
#pragma once

#include "cluster/lock.h"

/*
 * The decision over a survey. 0: this machine's etcd (`here`) may stop. -1, naming the member that stands against it:
 *   ERR_HEALTH   no quorum agrees on the list; another voter does not answer, is not healthy, is of another cluster or
 *                is behind; no leader; an alarm, or alarms that could not be asked for; a member that is being added
 *   ERR_CONFIG   this machine is not a member, or a copy of one; two voters, without allow_outage; RBAC without the
 *                grant that is in the hint
 * Its own health does not matter: a member that hangs may be restarted. A learner has no vote and may always stop.
 */
int gate_judge(const struct member_survey *s, bool allow_outage, struct err *e) MUST_CHECK;

/* Asks all members anew and decides. s: the survey, freed before and filled; the caller frees it in any case. */
int gate_check(const struct machine *m, bool allow_outage, struct member_survey *s, struct err *e) MUST_CHECK;

/*
 * gate_check until it lets pass, for up to wait_s seconds while it is ERR_HEALTH: after a member was started, its
 * connections and a busy machine may need a moment. Logs once what it waits for. A dry run looks once.
 */
int gate_wait(const struct machine *m, bool allow_outage, unsigned int wait_s, struct member_survey *s,
	      struct err *e) MUST_CHECK;

/*
 * The last look: gate_check, then lock_confirm. Stop etcd at once after it. ERR_HEALTH, too, when the two took longer
 * than the others are known to be healthy for.
 */
int gate_last(const struct machine *m, const struct lock *l, bool allow_outage, struct member_survey *s,
	      struct err *e) MUST_CHECK;

/*
 * When this machine is the leader it hands over to the voter with the newest log, which spares the others an election.
 * Failing is harmless: etcd tries it as well when it is stopped.
 */
void gate_hand_over(const struct machine *m, const struct member_survey *s);
