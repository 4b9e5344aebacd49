/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/verify.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/zstd.h"
#include "backup/trailer.h"
#include "base/jail.h"
#include "base/progress.h"
#include "base/text.h"

#define BLOCK ((size_t)1 << 17)

/* zstd's window is at most 128 MiB with the levels that we and the zstd program use by default. */
#define UNPACK_MEMORY (512ULL << 20)

struct reading {
	int fd, copy;
	bool zstd;
	struct trailer trailer;
	unsigned long long total; /* of the file, for the progress */
	struct progress_meter progress;
};

static int take(void *arg, const void *data, size_t len, struct err *e)
{
	struct reading *r = arg;

	trailer_add(&r->trailer, data, len);
	if (r->copy >= 0 && file_write_all(r->copy, data, len) < 0)
		return err_sys(e, ERR_FAIL, "its copy cannot be written");
	return 0;
}

static int read_plain(struct reading *r, struct err *e)
{
	auto_free char *block = xcalloc(BLOCK, 1);
	ssize_t n;

	while ((n = TEMP_FAILURE_RETRY(read(r->fd, block, BLOCK))) > 0) {
		if (take(r, block, (size_t)n, e) < 0)
			return -1;
		progress_show(&r->progress, r->trailer.size, r->total);
	}
	return n < 0 ? err_sys(e, ERR_FAIL, "it cannot be read") : 0;
}

/* In the child, or here. result: the size of the snapshot. */
static int read_all(void *arg, void *result, struct err *e)
{
	struct reading *r = arg;
	int rc;

	trailer_init(&r->trailer);
	rc = r->zstd ? zstd_unpack(r->fd, take, r, e) : read_plain(r, e);
	if (rc == 0)
		rc = trailer_end(&r->trailer, e);
	*(unsigned long long *)result = r->trailer.size;
	trailer_free(&r->trailer);
	return rc;
}

static int check_meta(int fd, const char *file, const struct backup_meta *b, struct err *e)
{
	uint8_t sha256[DIGEST_LEN];
	char hex[DIGEST_HEX];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot inspect %s", file);
	if (st.st_size != b->size)
		return err_set(e, ERR_VERIFY, "%s has %lld bytes, and had %" PRId64 " when it was made", file,
			       (long long)st.st_size, b->size);
	if (digest_file(fd, file, sha256, e) < 0)
		return -1;
	text_hex(sha256, sizeof(sha256), hex);
	if (strcmp(hex, b->sha256) != 0)
		return err_set(e, ERR_VERIFY, "%s was changed: its SHA-256 is not the one in %s.json", file, file);
	return lseek(fd, 0, SEEK_SET) < 0 ? err_sys(e, ERR_FAIL, "cannot read %s", file) : 0;
}

int verify_file(const char *file, int copy, struct verified *v, struct err *e)
{
	auto_close int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct reading r = { .fd = fd, .copy = copy, .zstd = text_ends(file, ".zst") };
	const int keep[] = { fd, copy, -1 };
	const struct jail jail = { .keep = keep, .memory_bytes = UNPACK_MEMORY };
	struct stat st;
	int rc;

	*v = (struct verified){ 0 };
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", file);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "%s is not a regular file", file);
	rc = backup_meta_read(file, &v->meta, e);
	if (rc < 0)
		return -1;
	v->has_meta = rc > 0;
	if (v->has_meta && check_meta(fd, file, &v->meta, e) < 0)
		return -1;
	r.total = (unsigned long long)st.st_size;
	(void)snprintf(r.progress.now.name, sizeof(r.progress.now.name), "%s",
		       strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
	rc = r.zstd ? jail_run(&jail, read_all, &r, &v->size, sizeof(v->size), e) : read_all(&r, &v->size, e);
	progress_end(&r.progress);
	return rc < 0 ? err_wrap(e, "%s", file) : 0;
}
