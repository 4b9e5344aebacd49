/* SPDX-License-Identifier: Apache-2.0 */
#include "release/tarball.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "release/mirror.h"

#define NOTES_MAX_BYTES (64UL * 1024UL)
#define NOT_AGAIN	(6 * 60 * 60) /* seconds; after that a place that had wrong bytes is asked again */

struct job {
	const struct machine *m;
	const struct tarball *t;
	char *part, *etag, *bad; /* paths */
	struct buf notes;	 /* content of `bad`: lines of "PLACE\tSECONDS\tSHA256" */
	char **wrong;		 /* strv of the places in it */
	struct buf why;		 /* a clause for each place that failed */
	bool retry;		 /* a retry may end better */
	struct progress_meter progress;
};

static void job_free(struct job *j)
{
	if (j->progress.fd > 0) {
		(void)close(j->progress.fd);
		(void)unlink(j->m->at.progress);
	}
	free(j->part);
	free(j->etag);
	free(j->bad);
	buf_free(&j->notes);
	strv_free(j->wrong);
	buf_free(&j->why);
}

/* For status. Nothing depends on it, so it may fail. */
static void open_progress(struct job *j)
{
	struct err unmade = { 0 };
	int fd;

	(void)snprintf(j->progress.now.name, sizeof(j->progress.now.name), "%s", j->t->file);
	(void)unlink(j->m->at.progress); /* of one that was killed */
	fd = file_mkdirs(j->m->at.run, FILE_MODE(0755), &unmade) < 0
		     ? -1
		     : file_create(j->m->at.progress, FILE_MODE(0644), &unmade);
	j->progress.fd = fd < 0 ? 0 : fd;
}

/* What earlier runs noted, without what is too old and without places whose bytes are wanted by now. */
static void read_notes(struct job *j)
{
	auto_buf struct buf text = { 0 };
	auto_strv char **fields = NULL;
	struct err ignored = { 0 };
	char wanted[DIGEST_HEX];
	uint64_t when;

	text_hex(j->t->digest.sha256, DIGEST_LEN, wanted);
	if (file_read(j->bad, NOTES_MAX_BYTES, &text, &ignored) == 0)
		fields = text_split(buf_str(&text), BLANKS "\n");
	for (char **f = fields; f && f[0] && f[1] && f[2]; f += 3) {
		/* The clock may have been set back meanwhile. */
		if (!text_parse_u64(f[1], 0, UINT32_MAX, &when) ||
		    llabs((long long)j->m->now - (long long)when) >= NOT_AGAIN || strcmp(f[2], wanted) == 0)
			continue;
		buf_printf(&j->notes, "%s\t%s\t%s\n", f[0], f[1], f[2]);
		strv_add(&j->wrong, f[0]);
	}
}

static void note_wrong(struct job *j, const char *place, const uint8_t digest[DIGEST_LEN])
{
	struct err ignored = { 0 };
	char hex[DIGEST_HEX];

	text_hex(digest, DIGEST_LEN, hex);
	buf_printf(&j->notes, "%s\t%lld\t%s\n", place, (long long)j->m->now, hex);
	/* Without the note the next run downloads once more. */
	if (file_replace(j->bad, FILE_MODE(0600), j->notes.data, j->notes.len, &ignored) < 0)
		log_debug("%s", ignored.msg);
}

static void drop_part(const struct job *j)
{
	(void)unlink(j->part);
	(void)unlink(j->etag);
}

/* What a broken transfer left, when it can be resumed, else a new file. *etag is NULL for a new one. */
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

/* 1 the right file is at t->path, 0 not from here, -1 this machine's own fault. */
static int from_place(struct job *j, const struct mirror *x, const char *place, struct err *e)
{
	auto_free char *etag = NULL;
	auto_close int fd = open_part(j, &etag, e);
	const struct fetch f = { .url = place,
				 .fd = fd,
				 .etag = etag,
				 .max_bytes = TARBALL_MAX_BYTES,
				 .gzip = true,
				 .progress = &j->progress };
	struct fetch_result r;

	if (fd < 0)
		return -1;
	mirror_fetch(x, f, &r);
	if (r.why.class == ERR_NONE && memcmp(r.digest, j->t->digest.sha256, DIGEST_LEN) == 0) {
		if (fdatasync(fd) < 0)
			return err_sys(e, ERR_FAIL, "cannot write %s", j->part);
		(void)unlink(j->etag);
		return file_rename(j->part, j->t->path, e) < 0 ? -1 : 1;
	}
	if (r.why.class == ERR_PENDING && r.why.sys != ENOENT)
		keep_part(j, &r);
	else
		drop_part(j);
	/* The part may have been wrong, not what came: once more, from the start. */
	if (r.why.class == ERR_NONE && etag)
		return from_place(j, x, place, e);
	if (r.why.class == ERR_NONE) {
		note_wrong(j, place, r.digest);
		(void)err_set(&r.why, ERR_VERIFY, "what it sends has the wrong SHA-256");
	}
	if (r.why.class != ERR_PENDING && r.why.class != ERR_VERIFY) {
		*e = r.why;
		return err_wrap(e, "%s", j->part);
	}
	j->retry = j->retry || r.why.class == ERR_PENDING;
	add_clause(j, place, r.why.msg);
	return 0;
}

int download(const struct machine *m, struct version v, bool again, struct tarball *t, struct err *e)
{
	cleanup(job_free) struct job j = {
		.m = m,
		.t = t,
		.part = xasprintf("%s.part", t->path),
		.etag = xasprintf("%s.etag", t->path),
		.bad = xasprintf("%s.bad", t->path),
	};
	auto_strv char **places = mirror_places(m, v, t->file);
	auto_mirror struct mirror x = { 0 };

	if (file_mkdirs(m->at.cache, FILE_MODE(0755), e) < 0 || mirror_open(m, &x, e) < 0)
		return -1;
	open_progress(&j);
	if (!again)
		read_notes(&j);
	for (size_t i = 0; places && places[i]; i++) {
		int rc = 0;

		if (strv_has(j.wrong, places[i]))
			add_clause(&j, places[i], "it had wrong bytes less than six hours ago");
		else
			rc = from_place(&j, &x, places[i], e);
		if (rc < 0)
			return -1;
		if (rc > 0) {
			(void)unlink(j.bad);
			t->source = xstrdup(places[i]);
			return 0;
		}
	}
	(void)err_set(e, j.retry ? ERR_PENDING : ERR_VERIFY, "cannot get %s: %s", t->file, buf_str(&j.why));
	return err_hint(e,
			"etcd-cluster release fetch asks every mirror again; or put the file into %s, then: "
			"etcd-cluster setup",
			m->at.cache);
}
