/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/retry.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* A pause is this part of the time that has passed, within these limits. */
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

	if (now >= p->end)
		return false;
	if (strncmp(p->logged, why->msg, sizeof(p->logged) - 1) != 0) {
		(void)snprintf(p->logged, sizeof(p->logged), "%.*s", (int)sizeof(p->logged) - 1, why->msg);
		log_info("waiting: %s", why->msg);
	}
	if (pause < LEAST_MS)
		pause = LEAST_MS;
	if (pause > MOST_MS)
		pause = MOST_MS;
	pause = spread(pause);
	clock_sleep(pause < p->end - now ? pause : p->end - now);
	return true;
}
