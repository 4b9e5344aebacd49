/* SPDX-License-Identifier: Apache-2.0
 *
 * Two readers of libarchive, one on top of the other: `gz` undoes gzip, `tar` reads what comes out. So nothing looks
 * for a second compression inside, the unpacked bytes are counted as they come, and what follows the end of the tar
 * archive or of the gzip stream is seen: a single reader stops there without an error (libarchive 3.6.2).
 */
#include "adapter/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

#define READ_SIZE	(256 * 1024)
#define WRITE_BACK_SIZE (8ULL << 20) /* hand this much to the disk at a time, while the next is being unpacked */

struct state {
	const struct unpack *u;
	struct archive *gz;
	struct archive *tar;
	bool found[UNPACK_FILES_MAX];
	unsigned long long packed;   /* size of the archive */
	unsigned long long unpacked; /* bytes that came out of gzip so far */
	const char *last;	     /* the block that the tar reader was given last */
	size_t last_len;
	unsigned int entries;
	struct err *e; /* the cause, when feed_tar fails; libarchive learns only that it did */
};

/* The upper reader first: it reads from the lower one. */
static void close_readers(struct state *s)
{
	(void)archive_read_free(s->tar);
	(void)archive_read_free(s->gz);
}

/* Refuses the archive with libarchive's reason, which may quote it. */
static int refuse(struct state *s, struct archive *a)
{
	const char *why = archive_error_string(a);

	if (s->e->class != ERR_NONE)
		return -1;
	(void)err_set(s->e, ERR_VERIFY, "it is damaged: %s", why ? why : "it cannot be read");
	text_printable(s->e->msg);
	return -1;
}

/* The next unpacked bytes; ARCHIVE_OK, ARCHIVE_EOF or ARCHIVE_FATAL with s->e set. */
static int next_block(struct state *s, const void **block, size_t *len)
{
	la_int64_t offset;
	int rc = archive_read_data_block(s->gz, block, len, &offset);

	if (rc == ARCHIVE_EOF)
		return rc;
	if (rc != ARCHIVE_OK) {
		(void)refuse(s, s->gz);
		return ARCHIVE_FATAL;
	}
	s->unpacked += *len;
	if (s->unpacked > UNPACK_TOTAL_MAX ||
	    (s->unpacked > UNPACK_SMALL && s->unpacked / UNPACK_RATIO_MAX > s->packed)) {
		(void)err_set(s->e, ERR_VERIFY, "it unpacks to far more than an etcd release (a decompression bomb)");
		return ARCHIVE_FATAL;
	}
	return ARCHIVE_OK;
}

static la_ssize_t feed_tar(struct archive *a, void *arg, const void **block)
{
	struct state *s = arg;
	size_t len = 0;
	int rc = next_block(s, block, &len);

	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc == ARCHIVE_OK) {
		s->last = *block;
		s->last_len = len;
		return (la_ssize_t)len;
	}
	archive_set_error(a, EINVAL, "%s", s->e->msg);
	return -1;
}

static int open_gz(struct state *s)
{
	struct archive_entry *whole;

	s->gz = archive_read_new();
	if (!s->gz || archive_read_support_filter_gzip(s->gz) != ARCHIVE_OK ||
	    archive_read_support_format_raw(s->gz) != ARCHIVE_OK)
		return err_set(s->e, ERR_FAIL, "libarchive lacks gzip");
	if (archive_read_open_fd(s->gz, s->u->fd, READ_SIZE) != ARCHIVE_OK ||
	    archive_read_next_header(s->gz, &whole) != ARCHIVE_OK || archive_filter_count(s->gz) != 2 ||
	    archive_filter_code(s->gz, 0) != ARCHIVE_FILTER_GZIP)
		return err_set(s->e, ERR_VERIFY, "it is not a gzip file, or a damaged one");
	return 0;
}

static int open_tar(struct state *s)
{
	s->tar = archive_read_new();
	if (!s->tar || archive_read_support_format_tar(s->tar) != ARCHIVE_OK)
		return err_set(s->e, ERR_FAIL, "libarchive lacks tar");
	if (archive_read_open(s->tar, s, NULL, feed_tar, NULL) != ARCHIVE_OK)
		return refuse(s, s->tar);
	return 0;
}

/* A relative path of plain characters below top, without empty, "." or ".." parts; one slash may end it. */
static bool name_is_plain(const char *name)
{
	unsigned int depth = 0;

	if (name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+-")] != '\0')
		return false;
	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 0 || len > 255 || strncmp(name, ".", len) == 0 || (len == 2 && memcmp(name, "..", 2) == 0))
			return false;
		if (++depth > UNPACK_DEPTH_MAX)
			return false;
		name += len;
		name += *name == '/';
	}
	return depth > 0;
}

/* What is unusual about the entry, or NULL. Owners and times are usual: upstream's are its builder's. */
static const char *entry_oddity(struct archive_entry *entry)
{
	if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) || archive_entry_filetype(entry) == AE_IFLNK)
		return "is a link";
	if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFDIR)
		return "is neither a regular file nor a directory";
	if (archive_entry_mode(entry) & (S_ISUID | S_ISGID | S_ISVTX))
		return "has a setuid, setgid or sticky bit";
	if (archive_entry_sparse_count(entry) > 0)
		return "has holes";
	if (archive_entry_xattr_count(entry) > 0 || archive_entry_acl_types(entry) != 0 ||
	    archive_entry_fflags_text(entry))
		return "has extended attributes";
	if (archive_entry_is_encrypted(entry))
		return "is encrypted";
	if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0 ||
	    archive_entry_size(entry) > (la_int64_t)UNPACK_FILE_MAX)
		return "has an impossible size";
	return NULL;
}

/* The rest of a plain name below top; "" for top itself, NULL when it is elsewhere. */
static const char *below_top(const char *name, const char *top)
{
	size_t len = strlen(top);

	if (strncmp(name, top, len) != 0 || (name[len] != '/' && name[len] != '\0'))
		return NULL;
	return name + len + (name[len] == '/');
}

/* Which of the wanted files it is, with or without a slash at its end; n_files when none. */
static size_t wanted(const struct unpack *u, const char *name)
{
	size_t i, len = strlen(name);

	len -= len > 0 && name[len - 1] == '/';
	for (i = 0; i < u->n_files; i++)
		if (strlen(u->files[i].name) == len && strncmp(u->files[i].name, name, len) == 0)
			break;
	return i;
}

/* Whether the entry may be in such an archive at all. On success *which is the wanted file, or n_files. */
static int check_entry(struct state *s, struct archive_entry *entry, size_t *which)
{
	const char *raw = archive_entry_pathname(entry), *rest, *oddity;
	auto_free char *name = xstrdup(raw ? raw : "");

	text_printable(name);
	if (++s->entries > UNPACK_ENTRIES_MAX)
		return err_set(s->e, ERR_VERIFY, "it has more than %d entries", UNPACK_ENTRIES_MAX);
	if (!raw || !name_is_plain(raw))
		return err_set(s->e, ERR_VERIFY, "it has an entry named \"%.80s\", which is not a plain relative path",
			       name);
	rest = below_top(raw, s->u->top);
	if (!rest)
		return err_set(s->e, ERR_VERIFY, "it has \"%.80s\" outside %s/, so it is another release", name,
			       s->u->top);
	oddity = entry_oddity(entry);
	if (oddity)
		return err_set(s->e, ERR_VERIFY, "its entry %.80s %s", name, oddity);
	*which = wanted(s->u, rest);
	if (*which == s->u->n_files)
		return 0;
	if (archive_entry_filetype(entry) != AE_IFREG)
		return err_set(s->e, ERR_VERIFY, "its entry %.80s is not a regular file", name);
	if (s->found[*which])
		return err_set(s->e, ERR_VERIFY, "its entry %.80s is there twice", name);
	if (archive_entry_size(entry) == 0)
		return err_set(s->e, ERR_VERIFY, "its entry %.80s is empty", name);
	return 0;
}

/* Writes to fd what comes at `done`. The disk starts on each part at once, which shortens a later fsync. */
static int write_block(int fd, const void *block, size_t len, unsigned long long done)
{
	unsigned long long part = (done + len) / WRITE_BACK_SIZE * WRITE_BACK_SIZE;

	if (file_write_all(fd, block, len) < 0)
		return -1;
	if (part > done)
		(void)sync_file_range(fd, (off_t)(part - WRITE_BACK_SIZE), (off_t)WRITE_BACK_SIZE,
				      SYNC_FILE_RANGE_WRITE);
	return 0;
}

/* Reads the entry's bytes, into fd unless that is -1. libarchive shows a hole only as a step in the offset. */
static int read_entry(struct state *s, struct archive_entry *entry, int fd)
{
	unsigned long long done = 0;
	const void *block;
	la_int64_t offset;
	size_t len;
	int rc;

	while ((rc = archive_read_data_block(s->tar, &block, &len, &offset)) == ARCHIVE_OK) {
		if (offset < 0 || (unsigned long long)offset != done)
			return err_set(s->e, ERR_VERIFY, "one of its entries has holes");
		if (fd >= 0 && write_block(fd, block, len, done) < 0)
			return err_sys(s->e, ERR_FAIL, "cannot write what it unpacks to");
		done += len;
	}
	if (rc != ARCHIVE_EOF)
		return refuse(s, s->tar);
	if (done != (unsigned long long)archive_entry_size(entry))
		return err_set(s->e, ERR_VERIFY, "one of its entries has holes, or a wrong size");
	if (fd >= 0)
		(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static int read_entries(struct state *s)
{
	struct archive_entry *entry;
	size_t which = s->u->n_files;
	int rc;

	while ((rc = archive_read_next_header(s->tar, &entry)) == ARCHIVE_OK) {
		if (check_entry(s, entry, &which) < 0 ||
		    read_entry(s, entry, which < s->u->n_files ? s->u->files[which].fd : -1) < 0)
			return -1;
		if (which < s->u->n_files)
			s->found[which] = true;
	}
	return rc == ARCHIVE_EOF ? 0 : refuse(s, s->tar);
}

static bool is_zeros(const char *block, size_t len)
{
	return len == 0 || (block[0] == '\0' && memcmp(block, block + 1, len - 1) == 0);
}

/*
 * After the tar archive only the zeros that fill its last record may come, and after the gzip stream nothing. The tar
 * reader may have left some of the last block that it was given.
 */
static int read_end(struct state *s)
{
	unsigned long long left = s->unpacked - (unsigned long long)archive_filter_bytes(s->tar, -1);
	const void *block;
	size_t len;
	int rc = ARCHIVE_EOF;
	bool clean = left <= s->last_len && is_zeros(s->last + s->last_len - left, (size_t)left);

	while (clean && (rc = next_block(s, &block, &len)) == ARCHIVE_OK)
		clean = is_zeros(block, len);
	if (!clean)
		return err_set(s->e, ERR_VERIFY, "it has more behind the end of the tar archive");
	if (rc != ARCHIVE_EOF)
		return -1;
	if ((unsigned long long)archive_filter_bytes(s->gz, -1) != s->packed)
		return err_set(s->e, ERR_VERIFY, "it has more behind the end of the gzip stream");
	return 0;
}

int unpack(const struct unpack *u, struct err *e)
{
	cleanup(close_readers) struct state s = { .u = u, .e = e };
	struct stat st;

	if (fstat(u->fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot look at the archive");
	s.packed = (unsigned long long)st.st_size;
	if (open_gz(&s) < 0 || open_tar(&s) < 0 || read_entries(&s) < 0 || read_end(&s) < 0)
		return -1;
	for (size_t i = 0; i < u->n_files; i++)
		if (u->files[i].required && !s.found[i])
			return err_set(e, ERR_VERIFY, "it has no %s/%s", u->top, u->files[i].name);
	return 0;
}
