/* SPDX-License-Identifier: Apache-2.0 */
#include "release/tarball.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/text.h"

void tarball_free(struct tarball *t)
{
	free(t->file);
	free(t->path);
	free(t->source);
	mem_close_fd(&t->fd);
	digests_entry_free(&t->digest);
	*t = (struct tarball){ .fd = -1 };
}

/* Fills the names and the digest, by the first level that has the file. */
static int prepare(const struct machine *m, struct version v, bool network, struct tarball *t, struct err *e)
{
	int rc;

	*t = (struct tarball){ .fd = -1, .file = tarball_name(v, e) };
	if (!t->file)
		return -1;
	t->path = xasprintf("%s/%s", m->at.cache, t->file);
	rc = digests_lookup(&m->at, t->file, &t->digest, e);
	if (rc == 0)
		rc = sums_lookup(m, v, t->file, network && !m->dry_run, &t->digest, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	(void)err_set(e, ERR_VERIFY,
		      "%s has no trusted digest: it is not in %s, not in %s, and in no signed SHA256SUMS", t->file,
		      m->at.digests, m->at.admin_digests);
	return err_hint(e, "if you trust it, put its line of sha256sum into %s/site.sha256", m->at.admin_digests);
}

/*
 * Refuses a file that somebody has open for writing: a lease for reading is not granted then (fcntl(2), F_SETLEASE). It
 * is released at once, because file_check_trusted has shown that only we and root could open the file again. A file
 * system without leases, or a file of root's that another user reads, leaves this out.
 */
static int check_no_writer(int fd, const char *path, struct err *e)
{
	(void)fcntl(fd, F_SETSIG, SIGURG); /* ignored by default; SIGIO would end the program */
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
		(void)fcntl(fd, F_SETLEASE, F_UNLCK);
		return 0;
	}
	if (errno != EAGAIN)
		return 0;
	(void)err_set(e, ERR_PENDING, "%s is still being written by another program", path);
	return err_hint(e, "run this again when the copy is complete");
}

/*
 * Opens and hashes the file at path. The descriptor that was hashed is the one that is unpacked, and after the checks
 * only root could change the file behind it. 1 it is right, 0 there is none, -1.
 */
static int open_verified(struct tarball *t, const char *path, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char want[DIGEST_HEX], have[DIGEST_HEX];
	uint8_t sha256[DIGEST_LEN];
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_VERIFY, "%s is a symbolic link", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot open %s", path);
	if (file_check_trusted(fd, path, e) < 0 || check_no_writer(fd, path, e) < 0)
		return -1;
	if (st.st_size > (off_t)TARBALL_MAX_BYTES)
		return err_set(e, ERR_VERIFY, "%s is larger than any release of etcd", path);
	if (digest_file(fd, path, sha256, e) < 0)
		return -1;
	if (memcmp(sha256, t->digest.sha256, DIGEST_LEN) != 0) {
		text_hex(t->digest.sha256, DIGEST_LEN, want);
		text_hex(sha256, DIGEST_LEN, have);
		(void)err_set(e, ERR_VERIFY, "%s has the wrong SHA-256: it is %.16s..., and %s has %.16s...", path,
			      have, t->digest.source, want);
		return err_hint(e, "remove it, or put the right file there");
	}
	t->fd = steal_fd(&fd);
	return 1;
}

/*
 * The copy in the cache, else the local release that a package brought. As open_verified; a bad copy does not prevent
 * the use of a good one.
 */
static int open_here(const struct machine *m, struct tarball *t, struct err *e)
{
	const char *const dirs[] = { m->at.cache, m->at.bundle };
	struct err why = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		auto_free char *path = xasprintf("%s/%s", dirs[i], t->file);
		int rc = open_verified(t, path, e);

		if (rc > 0) {
			if (why.class != ERR_NONE)
				log_warn("%s", why.msg);
			free(t->path);
			t->path = steal(&path);
			t->source = xstrdup(t->path);
			return 1;
		}
		if (rc < 0)
			why = *e;
	}
	return e->class == ERR_NONE ? 0 : -1;
}

/* From the mirrors into the cache, and opened there. */
static int get_from_mirrors(const struct machine *m, struct version v, bool again, struct tarball *t, struct err *e)
{
	int rc;

	if (m->dry_run) {
		log_info("would fetch %s", t->file);
		return 0;
	}
	if (download(m, v, again, t, e) < 0)
		return -1;
	rc = open_verified(t, t->path, e);
	if (rc == 0)
		return err_set(e, ERR_FAIL, "%s was removed while it was opened", t->path);
	return rc < 0 ? -1 : 0;
}

int tarball_get(const struct machine *m, struct version v, enum tarball_from from, struct tarball *t, struct err *e)
{
	const bool network = from != TARBALL_CACHE, mirrors = network && m->conf.release_urls;
	struct err cached = { 0 };
	int rc;

	if (prepare(m, v, network, t, e) < 0)
		return -1;
	rc = open_here(m, t, &cached);
	if (rc > 0)
		return 0;
	if (rc < 0 && (cached.class != ERR_VERIFY || !mirrors)) {
		*e = cached;
		return -1;
	}
	if (rc < 0)
		log_warn("%s", cached.msg);
	if (mirrors)
		return get_from_mirrors(m, v, from == TARBALL_AGAIN, t, e);
	if (m->conf.release_urls)
		return err_set(e, ERR_PENDING, "%s has to be fetched", t->file);
	(void)err_set(e, ERR_PENDING, "%s is not in %s, and RELEASE_URL=none forbids fetching it", t->file,
		      m->at.cache);
	return err_hint(e, "copy it there, then: etcd-cluster setup");
}

int tarball_check(const struct machine *m, const char *path, struct tarball *t, struct err *e)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct version v;
	int rc;

	*t = (struct tarball){ .fd = -1 };
	if (!version_of_tarball(name, &v))
		return err_set(e, ERR_CONFIG, "%s does not have the name of an etcd release for this machine", path);
	if (prepare(m, v, true, t, e) < 0)
		return -1;
	rc = open_verified(t, path, e);
	if (rc == 0)
		return err_set(e, ERR_CONFIG, "there is no %s", path);
	return rc < 0 ? -1 : 0;
}
