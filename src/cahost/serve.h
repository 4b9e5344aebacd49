/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection of the enrolment server: who is it, may it have that, sign, write down, answer.
 */
#pragma once

#include <sys/socket.h>

#include "config/machine.h"

/* How long one client may take: until it has shown who it is, and for all of it. */
#define ENROLL_SHAKE_SECONDS 5
#define ENROLL_WHOLE_SECONDS 10

/* An address as text: an IPv4 one that came in through an IPv6 socket is IPv4. The caller frees. */
char *enroll_source(const struct sockaddr_storage *from);

/*
 * Serves the machine at `source` on the descriptor, which must not block. 0: it has its certificates, which is logged
 * here. -1: it has not, and why, in words for the log of this host; it was told if it is somebody who may know.
 */
int enroll_serve(const struct machine *m, int fd, const char *source, struct err *e) MUST_CHECK;
