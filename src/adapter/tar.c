/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/tar.h"

#include <archive.h>
#include <archive_entry.h>

static la_ssize_t append(struct archive *a, void *out, const void *data, size_t len)
{
	(void)a;
	buf_add(out, data, len);
	return (la_ssize_t)len;
}

struct archive *tar_open(struct buf *out)
{
	struct archive *a = archive_write_new();

	/* Blocks of 0 bytes: what is written goes to `append` at once, without a buffer (archive_write_blocksize(3)). */
	must(a && archive_write_set_format_ustar(a) == ARCHIVE_OK &&
	     archive_write_set_bytes_per_block(a, 0) == ARCHIVE_OK &&
	     archive_write_open(a, out, NULL, append, NULL) == ARCHIVE_OK);
	return a;
}

void tar_add(struct archive *a, const char *name, mode_t mode, time_t mtime, const struct buf *data)
{
	struct archive_entry *entry = archive_entry_new();
	size_t len = data ? data->len : 0;

	must(entry != NULL);
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, data ? AE_IFREG : AE_IFDIR);
	archive_entry_set_perm(entry, mode);
	archive_entry_set_mtime(entry, mtime, 0);
	archive_entry_set_size(entry, (la_int64_t)len);
	must(archive_write_header(a, entry) == ARCHIVE_OK &&
	     (len == 0 || archive_write_data(a, data->data, len) == (la_ssize_t)len));
	archive_entry_free(entry);
}

void tar_close(struct archive *a)
{
	must(archive_write_close(a) == ARCHIVE_OK && archive_write_free(a) == ARCHIVE_OK);
}
