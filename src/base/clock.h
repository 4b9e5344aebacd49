/* SPDX-License-Identifier: Apache-2.0
 *
 * Time limits count in the monotonic clock, because the wall clock may be set meanwhile. Dates are text.
 */
#pragma once

#include <time.h>

#define DAY (24 * 60 * 60) /* seconds */

/* Milliseconds and microseconds of the monotonic clock. */
long long clock_ms(void);
long long clock_us(void);

/* For messages, in UTC: "2026-11-21" and "2026-11-21 10:15 UTC"; the seconds since 1970 of a time that has no date. */
struct clock_text {
	char text[32];
};
struct clock_text clock_day(time_t when);
struct clock_text clock_minute(time_t when);

/* A signal ends it early. */
void clock_sleep(long long ms);
