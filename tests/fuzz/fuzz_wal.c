/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/wal: the beginning of an untrusted log.
 */
#include <stdint.h>

#include "adapter/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wal_ids ids;
	struct err e = { 0 };

	(void)!wal_parse_ids("w", data, size, &ids, &e);
	return 0;
}
