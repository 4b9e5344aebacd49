/* SPDX-License-Identifier: Apache-2.0
 *
 * The door itself: takes connections and has each answered by a child of its own, so that none can hold up, exhaust or crash the others.
 */
#ifndef ENROLL_SERVER_H
#define ENROLL_SERVER_H

#include "config/machine.h"

/* Visitors at once, in all and from one address; who is too many is turned away at the door and comes again. */
#define DOOR_MAX	32
#define DOOR_MAX_SOURCE 4

/*
 * Serves the listening socket until a signal (TERM, INT) ends it, or nobody has come for idle_seconds (0: for ever). Every child opens the machine
 * anew, so that what cluster.conf says now is what counts. Refusals are logged once for each source and reason, with a count
 * after a minute. Its memory does not grow.
 */
int server_serve(const struct machine_options *o, int fd, unsigned int idle_seconds, struct err *e) MUST_CHECK;

#endif
