/* SPDX-License-Identifier: Apache-2.0
 *
 * base/jail: any bytes as the error of a child, as if the child had been taken over.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jail.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_text(const char *text, size_t room)
{
	const char *end = memchr(text, '\0', room);

	if (!end)
		abort();
	for (; text < end; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum err_class classes[] = { ERR_NONE, ERR_FAIL, ERR_CONFIG, ERR_VERIFY, ERR_HEALTH, ERR_PENDING };
	struct err e = { 0 };
	bool known = false;

	/* What the bytes do not reach has no end. */
	memset(e.msg, 'm', sizeof(e.msg));
	memset(e.hint, 0xc3, sizeof(e.hint));
	memcpy(&e, data, size < sizeof(e) ? size : sizeof(e));
	jail_distrust(&e);
	must_be_text(e.msg, sizeof(e.msg));
	must_be_text(e.hint, sizeof(e.hint));
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		known = known || e.class == classes[i];
	if (!known)
		abort();
	return 0;
}
