/* SPDX-License-Identifier: Apache-2.0
 *
 * A TCP connection by a deadline.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct dial {
	const char *address; /* IPv4, IPv6 (no brackets) or DNS name */
	uint16_t port;
	const char *from; /* IPv4 or IPv6 of this machine to come from; NULL: as the kernel chooses */
};

/* Waits for poll(2) events until the deadline (clock_ms, base/clock.h); false when it has passed. */
bool dial_ready(int fd, short events, long long deadline);

/*
 * 1: *fd is connected and does not block; the caller closes it. 0: nobody listens there, or the address is not of this machine's world (no
 * route, unknown name). -1, ERR_FAIL: all else, the deadline among it.
 */
int dial(const struct dial *to, long long deadline, int *fd, struct err *e) MUST_CHECK;
