/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/signature: a key, a text and its signature, raw or in base64, each ended by a line "--". A changed text is
 * never accepted with the same signature.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/signature.h"
#include "base/mem.h"

#define MARK "\n--\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What comes before the next mark, or all of it. */
static void take(const uint8_t **data, const uint8_t *end, struct buf *out)
{
	const size_t left = (size_t)(end - *data);
	const uint8_t *mark = left > 0 ? memmem(*data, left, MARK, strlen(MARK)) : NULL;

	buf_add(out, *data, mark ? (size_t)(mark - *data) : left);
	*data = mark ? mark + strlen(MARK) : end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf struct buf pem = { 0 }, text = { 0 }, sig = { 0 };
	const uint8_t *end = data + size;
	struct err e = { 0 };

	take(&data, end, &pem);
	take(&data, end, &text);
	take(&data, end, &sig);
	if (signature_check(&pem, &text, &sig, &e) <= 0)
		return 0;
	buf_puts(&text, "x");
	if (signature_check(&pem, &text, &sig, &e) != 0)
		abort();
	return 0;
}
