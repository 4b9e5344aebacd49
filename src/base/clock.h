/* SPDX-License-Identifier: Apache-2.0
 *
 * Time limits count in the monotonic clock, because the wall clock may be set meanwhile. Dates are text.
 */
#pragma once

#include <stdbool.h>
#include <time.h>

#define DAY (24 * 60 * 60) /* seconds */

/* Milliseconds and microseconds of the monotonic clock. */
long long clock_ms(void);
long long clock_us(void);

/* For messages, in UTC: "2026-11-21" and "2026-11-21 10:15 UTC"; the seconds since 1970 of a time that has no date. */
struct clock_text {
	char text[32];
};
#define clock_day(when)	   clock_as_text(when, false)
#define clock_minute(when) clock_as_text(when, true)
struct clock_text clock_as_text(time_t when, bool with_time);

/* "2026-11-21T10:15:00Z" (RFC 3339), as above; and the reverse, false for anything else. */
struct clock_text clock_rfc3339(time_t when);
bool clock_parse_rfc3339(const char *text, time_t *when);

/* A signal ends it early. */
void clock_sleep(long long ms);
