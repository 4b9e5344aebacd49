/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

/* A pause is this part of the time that has passed, within these limits: who was early by a minute is late by a second at most. */
#define PART	 40
#define LEAST_MS 250
#define MOST_MS	 3000

void retry_begin(struct retry *p, unsigned int seconds)
{
	*p = (struct retry){ .began = clock_ms() };
	p->end = p->began + 1000LL * seconds;
}

/* A quarter more or less of ms: machines that were switched on together do not ask together for long. */
static long long spread(long long ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return ms - ms / 4 + t.tv_nsec / 1000 % (ms / 2);
}

bool retry_pause(struct retry *p, const struct err *why)
{
	long long now = clock_ms(), pause = (now - p->began) / PART;
	struct timespec t;

	if (now >= p->end)
		return false;
	if (strncmp(p->said, why->msg, sizeof(p->said) - 1) != 0) {
		(void)snprintf(p->said, sizeof(p->said), "%.*s", (int)sizeof(p->said) - 1, why->msg);
		log_info("waiting: %s", why->msg);
	}
	pause = spread(pause < LEAST_MS ? LEAST_MS : pause > MOST_MS ? MOST_MS : pause);
	if (pause > p->end - now)
		pause = p->end - now;
	t = (struct timespec){ .tv_sec = (time_t)(pause / 1000), .tv_nsec = (long)(pause % 1000) * 1000000L };
	(void)nanosleep(&t, NULL);
	return true;
}
