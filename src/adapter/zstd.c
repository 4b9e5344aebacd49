/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/zstd.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define BLOCK ((size_t)1 << 17)

static void free_writer(struct archive **a)
{
	(void)archive_write_free(*a);
}

static void free_reader(struct archive **a)
{
	(void)archive_read_free(*a);
}

static void free_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

static int copy(int from, struct archive *to, const char *name, struct err *e)
{
	auto_free char *block = xcalloc(BLOCK, 1);
	ssize_t n;

	while ((n = TEMP_FAILURE_RETRY(read(from, block, BLOCK))) > 0)
		if (archive_write_data(to, block, (size_t)n) < 0)
			return err_set(e, ERR_FAIL, "cannot write %s: %s", name, archive_error_string(to));
	return n < 0 ? err_sys(e, ERR_FAIL, "cannot read %s", name) : 0;
}

int zstd_pack(int from, int to, const char *name, struct err *e)
{
	cleanup(free_writer) struct archive *a = archive_write_new();
	cleanup(free_entry) struct archive_entry *entry = archive_entry_new();

	must(a && entry);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "-"); /* this format keeps neither */
	if (archive_write_add_filter_zstd(a) != ARCHIVE_OK || archive_write_set_format_raw(a) != ARCHIVE_OK)
		return err_set(e, ERR_FAIL, "libarchive of this system cannot compress with zstd");
	/* Without blocks of tape at the end of the file. */
	if (archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK || archive_write_open_fd(a, to) != ARCHIVE_OK ||
	    archive_write_header(a, entry) != ARCHIVE_OK)
		return err_set(e, ERR_FAIL, "cannot compress %s: %s", name, archive_error_string(a));
	if (copy(from, a, name, e) < 0)
		return -1;
	if (archive_write_close(a) != ARCHIVE_OK)
		return err_set(e, ERR_FAIL, "cannot write %s: %s", name, archive_error_string(a));
	return 0;
}

int zstd_unpack(int fd, zstd_take *take, void *arg, struct err *e)
{
	cleanup(free_reader) struct archive *a = archive_read_new();
	struct archive_entry *whole;
	const void *block;
	la_int64_t at;
	size_t len;
	int rc;

	if (!a || archive_read_support_filter_zstd(a) != ARCHIVE_OK || archive_read_support_format_raw(a) != ARCHIVE_OK)
		return err_set(e, ERR_FAIL, "libarchive of this system cannot read zstd");
	if (archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK || archive_read_next_header(a, &whole) != ARCHIVE_OK ||
	    archive_filter_count(a) != 2 || archive_filter_code(a, 0) != ARCHIVE_FILTER_ZSTD)
		return err_set(e, ERR_VERIFY, "it is not a zstd file, or a damaged one");
	while ((rc = archive_read_data_block(a, &block, &len, &at)) == ARCHIVE_OK)
		if (take(arg, block, len, e) < 0)
			return -1;
	if (rc != ARCHIVE_EOF)
		return err_set(e, ERR_VERIFY, "its zstd data is damaged: %s", archive_error_string(a));
	return 0;
}
