/* SPDX-License-Identifier: Apache-2.0
 *
 * release/digests: an untrusted table contains the digest or not, or is refused with a message.
 */
#include <stdint.h>
#include <stdlib.h>

#include "release/digests.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digests_entry d = { 0 };
	auto_buf struct buf table = { 0 };
	struct err e = { 0 };
	int rc;

	buf_add(&table, data, size);
	rc = digests_find(&table, "fuzz", "etcd-v3.6.14-linux-amd64.tar.gz", &d, &e);
	if ((rc < 0) != (e.class == ERR_VERIFY) || (rc > 0) != (d.source != NULL))
		abort();
	digests_entry_free(&d);
	return 0;
}
