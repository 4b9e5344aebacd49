/* SPDX-License-Identifier: Apache-2.0
 *
 * The enrolment server: takes connections and has each answered by a child of its own, so that none can hold up,
 * exhaust or crash the others.
 */
#pragma once

#include "config/machine.h"

/*
 * Serves the listening socket until a signal (TERM, INT) ends it, or nobody has come for idle_seconds (0: no limit).
 * Every child opens the machine anew, so that what cluster.conf says now is what counts. A source has one line a minute
 * in the log: its first refusal at once, then how many more there were. Its memory does not grow.
 */
int enroll_listen(const struct machine_options *o, int fd, unsigned int idle_seconds, struct err *e) MUST_CHECK;

/*
 * Whether the server is to run. On a CA host (ca.crt and ca.key are there), and on the first of MEMBERS while
 * the cluster is formed: with ROLE=cluster takes the token of ENROLL_TOKEN_FILE into the store for the other MEMBERS;
 * removes spent tokens; learns who was removed from the cluster (facts.h); opens the enrolment port while somebody may
 * come: other MEMBERS, a cluster that was joined, tokens, enrolled machines. On any other machine closes it. Needs
 * machine_lock. 1 changed, 0, -1.
 */
int enroll_open(const struct machine *m, struct err *e) MUST_CHECK;
