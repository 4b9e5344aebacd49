/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

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
