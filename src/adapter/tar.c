/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/tar.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512U

/* POSIX.1-1988, table 10-1. Numbers are octal text. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], unused[12];
};
static_assert(sizeof(struct header) == BLOCK, "a header is one block");

static void add_header(struct buf *out, const char *name, char type, mode_t mode, time_t mtime, size_t size)
{
	struct header h = { .type = type };
	const unsigned char *p = (const unsigned char *)&h;
	unsigned int sum = 0;

	if (strlen(name) > TAR_NAME_MAX || size >= 1U << 30)
		abort();
	(void)snprintf(h.name, sizeof(h.name), "%s", name);
	(void)snprintf(h.mode, sizeof(h.mode), "%07o", (unsigned int)mode & 07777U);
	(void)snprintf(h.uid, sizeof(h.uid), "%07o", 0U);
	(void)snprintf(h.gid, sizeof(h.gid), "%07o", 0U);
	(void)snprintf(h.size, sizeof(h.size), "%011zo", size);
	(void)snprintf(h.mtime, sizeof(h.mtime), "%011llo", (unsigned long long)mtime & 077777777777ULL);
	memcpy(h.magic, "ustar", sizeof(h.magic));
	memcpy(h.version, "00", sizeof(h.version));
	/* The checksum is that of the header with blanks in its own place. */
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += p[i];
	(void)snprintf(h.checksum, sizeof(h.checksum), "%06o", sum);
	buf_add(out, &h, sizeof(h));
}

void tar_dir(struct buf *out, const char *name, mode_t mode, time_t mtime)
{
	add_header(out, name, '5', mode, mtime, 0);
}

void tar_file(struct buf *out, const char *name, mode_t mode, time_t mtime, const struct buf *data)
{
	static const char zeroes[BLOCK];

	add_header(out, name, '0', mode, mtime, data->len);
	buf_add(out, data->data, data->len);
	buf_add(out, zeroes, (BLOCK - data->len % BLOCK) % BLOCK);
}

void tar_end(struct buf *out)
{
	static const char zeroes[2 * BLOCK];

	buf_add(out, zeroes, sizeof(zeroes));
}
