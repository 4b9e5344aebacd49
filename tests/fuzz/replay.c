/* SPDX-License-Identifier: Apache-2.0
 *
 * Passes every file of a directory to a fuzz target, without a fuzzer: the corpus as a regression test.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	auto_closedir DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	const struct dirent *entry;
	int n = 0;

	if (!dir) {
		(void)printf("not ok 1 - no corpus\n1..1\n");
		return 1;
	}
	while ((entry = readdir(dir))) {
		auto_free char *path = xasprintf("%s/%s", argv[1], entry->d_name);
		auto_buf struct buf data = { 0 };
		struct err e = { 0 };

		if (entry->d_name[0] == '.')
			continue;
		if (file_read(path, 1 << 24, &data, &e) < 0) {
			(void)printf("not ok %d - %s\n", ++n, e.msg);
			continue;
		}
		(void)LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&data), data.len);
		(void)printf("ok %d - %s\n", ++n, entry->d_name);
		(void)fflush(stdout); /* so that the output of a crash ends with the file */
	}
	(void)printf("1..%d\n", n);
	return n == 0;
}
