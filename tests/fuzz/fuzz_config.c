/* SPDX-License-Identifier: Apache-2.0
 *
 * config/key: each line of the input as a line of cluster.conf; a value that passes its check can be written to
 * etcd.env.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/keyfile.h"
#include "config/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_write(const char *value)
{
	auto_buf struct buf text = { 0 };
	struct err e = { 0 };

	if (value && keyfile_put(&text, "K", value, &e) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_keyfile struct keyfile k = { 0 };
	cleanup(config_free) struct config c = { 0 };
	struct err e = { 0 };

	if (keyfile_parse("f", (const char *)data, size, &k, &e) < 0)
		return 0;
	for (size_t i = 0; i < k.n; i++) {
		char where[] = "f:1";
		const struct config_line line = { k.entries[i].key, k.entries[i].value, where };

		(void)!config_key_set(&c, &line, &e);
	}
	must_write(c.name);
	must_write(c.address);
	must_write(c.data_dir);
	must_write(c.metrics_url);
	must_write(c.cluster_token);
	return 0;
}
