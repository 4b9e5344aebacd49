/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/keyfile: parsed content can be written and parses to the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_keyfile struct keyfile first = { 0 }, second = { 0 };
	auto_buf struct buf text = { 0 };
	struct err e = { 0 };

	if (keyfile_parse("f", (const char *)data, size, &first, &e) < 0)
		return 0;
	for (size_t i = 0; i < first.n; i++)
		if (keyfile_put(&text, first.entries[i].key, first.entries[i].value, &e) < 0)
			return 0; /* both kinds of quotes, or too long with its quotes */
	if (keyfile_parse("g", buf_str(&text), text.len, &second, &e) < 0 || second.n != first.n)
		abort();
	for (size_t i = 0; i < first.n; i++)
		if (strcmp(first.entries[i].value, second.entries[i].value) != 0)
			abort();
	return 0;
}
