/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>

long long clock_us(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

long long clock_ms(void)
{
	return clock_us() / 1000;
}

struct clock_text clock_as_text(time_t when, bool with_time)
{
	struct clock_text t;
	struct tm tm;

	if (!gmtime_r(&when, &tm) ||
	    strftime(t.text, sizeof(t.text), with_time ? "%Y-%m-%d %H:%M UTC" : "%Y-%m-%d", &tm) == 0)
		(void)snprintf(t.text, sizeof(t.text), "%lld", (long long)when);
	return t;
}

struct clock_text clock_rfc3339(time_t when)
{
	struct clock_text t;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || strftime(t.text, sizeof(t.text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(t.text, sizeof(t.text), "%lld", (long long)when);
	return t;
}

bool clock_parse_rfc3339(const char *text, time_t *when)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

	*when = timegm(&tm);
	return end && *end == '\0';
}

void clock_sleep(long long ms)
{
	const struct timespec t = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}
