/* SPDX-License-Identifier: Apache-2.0
 *
 * Random sequences that are the same everywhere.
 */
#pragma once

#include "unit.h"

static uint64_t any_seed;

static inline void any_begin(unsigned int sequence)
{
	any_seed = 0x9e3779b97f4a7c15ULL * (sequence + 1ULL);
}

/* xorshift64: 0 to n - 1. */
static inline unsigned int any(unsigned int n)
{
	any_seed ^= any_seed << 13;
	any_seed ^= any_seed >> 7;
	any_seed ^= any_seed << 17;
	return (unsigned int)(any_seed >> 33) % n;
}

#define PICK(list) ((list)[any((unsigned int)ARRAY_LEN(list))])
