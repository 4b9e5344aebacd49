/* SPDX-License-Identifier: Apache-2.0
 *
 * A TCP connection by a deadline.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct dial {
	const char *address; /* IPv4, IPv6 (no brackets) or DNS name */
	uint16_t port;
	/* A literal of this machine to come from: addresses of its family are tried first. NULL: as the kernel chooses. */
	const char *from;
};

/* Waits for events of poll(2) until the deadline (clock_ms); false when it has passed. */
bool dial_ready(int fd, short events, long long deadline);

/* An IPv4 or IPv6 literal as a socket address: its length, or 0. */
socklen_t dial_literal(const char *address, uint16_t port, struct sockaddr_storage *out);

/*
 * 1: *fd is connected and does not block; the caller closes it. 0: nobody listens there, there is no route, or the
 * name is unknown. -1 (ERR_FAIL): all else, as the deadline.
 */
int dial(const struct dial *to, long long deadline, int *fd, struct err *e) MUST_CHECK;
