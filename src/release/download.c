/* SPDX-License-Identifier: Apache-2.0 */
#include "release/download.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "release/mirror.h"
#include "release/name.h"

#define NOTES_MAX_BYTES (64UL * 1024UL)

struct job {
	const struct machine *m;
	const char *path;
	const uint8_t *sha256;
	char *part, *etag, *bad; /* paths */
	struct buf notes;	 /* content of `bad`: "PLACE\tFINGERPRINT\n" */
	struct buf why;		 /* a clause for each place that failed */
	bool hope;		 /* a retry may end better */
};

static void job_free(struct job *j)
{
	free(j->part);
	free(j->etag);
	free(j->bad);
	buf_free(&j->notes);
	buf_free(&j->why);
}

/* What an earlier run wrote down. Without it nothing is known, and that is fine. */
static void job_open(struct job *j, bool again)
{
	struct err ignored = { 0 };

	j->part = xasprintf("%s.part", j->path);
	j->etag = xasprintf("%s.etag", j->path);
	j->bad = xasprintf("%s.bad", j->path);
	if (!again && file_read(j->bad, NOTES_MAX_BYTES, &j->notes, &ignored) < 0)
		buf_free(&j->notes);
}

/* The fingerprint that was found to be wrong at this place, or NULL. The caller frees. */
static char *known_bad(const struct job *j, const char *place)
{
	auto_free char *start = xasprintf("%s\t", place);

	for (const char *line = buf_str(&j->notes); *line;
	     line += line[strcspn(line, "\n")] ? strcspn(line, "\n") + 1 : strlen(line))
		if (text_starts(line, start))
			return xstrndup(line + strlen(start), strcspn(line + strlen(start), "\n"));
	return NULL;
}

static void note_bad(struct job *j, const char *place, const char *fingerprint)
{
	struct err ignored = { 0 };

	if (fingerprint[0] == '\0' || j->notes.len > NOTES_MAX_BYTES / 2)
		return;
	buf_printf(&j->notes, "%s\t%s\n", place, fingerprint);
	/* Only saves work: without it the next run downloads once more. */
	if (file_replace(j->bad, FILE_MODE(0600), j->notes.data, j->notes.len, &ignored) < 0)
		log_debug("%s", ignored.msg);
}

static void drop_part(const struct job *j)
{
	(void)unlink(j->part);
	(void)unlink(j->etag);
}

/* What a broken transfer left, when it can be gone on with, else a new file. *etag is NULL for a new one. */
static int open_part(const struct job *j, char **etag, struct err *e)
{
	auto_close int fd = open(j->part, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	auto_buf struct buf tag = { 0 };
	struct err ignored = { 0 };

	*etag = NULL;
	if (fd >= 0 && file_check_trusted(fd, j->part, &ignored) == 0 &&
	    file_read(j->etag, FETCH_TAG, &tag, &ignored) == 0) {
		*etag = xstrdup(buf_str(&tag));
		return steal_fd(&fd);
	}
	drop_part(j);
	return file_create(j->part, FILE_MODE(0600), e);
}

/* After a transfer that ended early: what is there is kept only if it can be resumed. */
static void keep_part(const struct job *j, const struct fetch_result *r)
{
	struct err ignored = { 0 };

	if (r->bytes == 0 || r->etag[0] == '\0' ||
	    file_replace(j->etag, FILE_MODE(0600), r->etag, strlen(r->etag), &ignored) < 0)
		drop_part(j);
}

static void add_clause(struct job *j, const char *place, const char *why)
{
	log_debug("%s: %s", place, why);
	buf_printf(&j->why, "%s%s: %s", j->why.len > 0 ? "; " : "", place, why);
}

/* The bytes are right: they become the file. */
static int keep_whole(const struct job *j, int fd, struct err *e)
{
	if (fdatasync(fd) < 0)
		return err_sys(e, ERR_FAIL, "cannot write %s", j->part);
	(void)unlink(j->etag);
	return file_rename(j->part, j->path, e) < 0 ? -1 : 1;
}

/* 1 the right file is at j->path, 0 not from here, -1 this machine's own fault. */
static int from_place(struct job *j, const struct mirror *x, const char *place, struct err *e)
{
	auto_free char *etag = NULL, *avoid = known_bad(j, place);
	auto_close int fd = open_part(j, &etag, e);
	struct mirror_want want = {
		.fd = fd, .etag = etag, .avoid = avoid, .max_bytes = TARBALL_MAX_BYTES, .tarball = true
	};
	struct fetch_result r;
	struct err why = { 0 };

	if (fd < 0)
		return -1;
	mirror_fetch(x, place, &want, &r, &why);
	switch (r.outcome) {
	case FETCH_DONE:
		if (CRYPTO_memcmp(r.digest, j->sha256, DIGEST_LEN) == 0)
			return keep_whole(j, fd, e);
		if (etag) { /* what was gone on from may have been wrong, not what came: once more, from the start */
			drop_part(j);
			return from_place(j, x, place, e);
		}
		note_bad(j, place, r.fingerprint);
		(void)err_set(&why, ERR_VERIFY, "what it sends has the wrong SHA-256");
		break;
	case FETCH_BROKEN:
		keep_part(j, &r);
		j->hope = true;
		add_clause(j, place, why.msg);
		return 0;
	case FETCH_MISSING:
		j->hope = true;
		break;
	case FETCH_LOCAL:
		*e = why;
		drop_part(j);
		return err_wrap(e, "%s", j->part);
	case FETCH_AVOIDED:
	case FETCH_REFUSED:
		break;
	}
	drop_part(j);
	add_clause(j, place, why.msg);
	return 0;
}

int download(const struct machine *m, struct version v, const char *path, const uint8_t sha256[DIGEST_LEN], bool again,
	     char **source, struct err *e)
{
	cleanup(job_free) struct job j = { .m = m, .path = path, .sha256 = sha256 };
	const char *file = strrchr(path, '/') + 1;
	auto_strv char **places = mirror_places(m, v, file);
	auto_mirror struct mirror x = { 0 };

	if (file_mkdirs(m->at.cache, FILE_MODE(0755), e) < 0 || mirror_open(m, &x, e) < 0)
		return -1;
	job_open(&j, again);
	for (size_t i = 0; places && places[i]; i++) {
		int rc = from_place(&j, &x, places[i], e);

		if (rc < 0)
			return -1;
		if (rc > 0) {
			(void)unlink(j.bad);
			*source = xstrdup(places[i]);
			return 0;
		}
	}
	(void)err_set(e, j.hope ? ERR_PENDING : ERR_VERIFY, "cannot get %s: %s", file, buf_str(&j.why));
	return err_hint(e, "or put the file into %s yourself, then: etcd-cluster setup", m->at.cache);
}
