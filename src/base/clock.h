/* SPDX-License-Identifier: Apache-2.0
 *
 * Time that only goes forward: time limits count in it, since the wall clock may be set meanwhile.
 */
#pragma once

#define DAY (24 * 60 * 60) /* seconds */

/* Milliseconds and microseconds of the monotonic clock. */
long long clock_ms(void);
long long clock_us(void);
