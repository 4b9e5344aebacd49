/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for other machines: how long, how often, and what is logged about it meanwhile.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct retry {
	long long began, end; /* ms of the monotonic clock */
	char logged[256];     /* the beginning of the last reason that was logged */
};

void retry_begin(struct retry *p, unsigned int seconds);

/*
 * Sleeps until it is time to look again: soon in the beginning, every few seconds later, at other moments than other
 * machines. Logs the reason when it differs from the last one. False, without sleeping, when the time is over.
 */
bool retry_pause(struct retry *p, const struct err *why);
