/* SPDX-License-Identifier: Apache-2.0 */
#include "release/release.h"

#include <sys/stat.h>
#include <unistd.h>

#include "adapter/unpack.h"
#include "base/log.h"
#include "base/text.h"

#define STAGING FILE_TEMP "v" /* a directory, unlike those of file_replace */
#define MIB	(1024ULL * 1024ULL)

static bool is_temporary(const char *name)
{
	return text_starts(name, FILE_TEMP);
}

/* Removes what a killed run left below releases. */
static void sweep(const struct machine *m)
{
	auto_strv char **left = NULL;
	struct err why = { 0 };

	if (file_list(m->at.releases, is_temporary, &left, &why) < 0)
		log_warn("%s", why.msg);
	for (size_t i = 0; left && left[i]; i++) {
		auto_free char *path = release_dir(m, left[i]);

		if (file_remove_tree(path, &why) < 0)
			log_warn("%s", why.msg);
	}
}

/*
 * gzip's last four bytes are the size of the tar archive (RFC 1952, ISIZE, modulo 4 GiB). The digest has proven them,
 * too.
 */
static int check_room(const struct machine *m, const struct tarball *t, struct err *e)
{
	unsigned long long need, have = 0;
	uint8_t tail[4];
	struct stat st;

	if (fstat(t->fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot look at %s", t->path);
	if (st.st_size < (off_t)sizeof(tail) ||
	    pread(t->fd, tail, sizeof(tail), st.st_size - (off_t)sizeof(tail)) != (ssize_t)sizeof(tail))
		return err_set(e, ERR_VERIFY, "%s is not a gzip file", t->source);
	need = ((uint32_t)tail[3] << 24 | (uint32_t)tail[2] << 16 | (uint32_t)tail[1] << 8 | tail[0]) + MIB;
	if (need > UNPACK_TOTAL_MAX)
		return 0; /* unpack() refuses it */
	if (file_free_space(m->at.releases, &have, e) < 0)
		return -1;
	if (need <= have)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s has no room for etcd: %llu MiB are needed and %llu MiB are free",
		      m->at.releases, need / MIB + 1, have / MIB);
	return err_hint(e, "make room there (etcd-cluster release prune removes old releases), then run this again");
}

/* All that comes before the release gets its name: its etcd must run here and be of this version. */
static int fill(const struct tarball *t, struct version v, const char *dir, struct err *e)
{
	auto_free char *etcd = xasprintf("%s/etcd", dir);
	auto_buf struct buf options = { 0 };
	char sha256[DIGEST_HEX];
	struct release_record r = { .sha256 = sha256, .source = t->source, .trust = t->digest.source };

	text_hex(t->digest.sha256, DIGEST_LEN, sha256);
	if (file_mkdirs(dir, FILE_MODE(0755), e) < 0 || tarball_unpack(t, v, dir, r.binaries, e) < 0)
		return -1;
	if (binary_ask(etcd, &r.version, &options, e) < 0)
		return err_wrap(e, "%s", t->source);
	if (version_cmp(r.version, v) != 0)
		return err_set(e, ERR_VERIFY, "the etcd in %s has version " VERSION_FMT ", not " VERSION_FMT, t->source,
			       VERSION_ARGS(r.version), VERSION_ARGS(v));
	if (release_record_write(dir, &r, buf_str(&options), e) < 0)
		return -1;
	return file_sync_tree(dir, e);
}

/* A directory that is there is damaged, since is_whole refused it. It is exchanged, so the name is never empty. */
static int move_in(const char *staged, const char *dir, struct err *e)
{
	if (!file_exists(dir))
		return file_rename(staged, dir, e);
	return file_exchange(staged, dir, e) < 0 ? -1 : file_remove_tree(staged, e);
}

/* Whether all of a release is there; `hash` reads it, too. */
static bool is_whole(const struct machine *m, const char *name, bool hash)
{
	auto_free char *dir = release_dir(m, name);
	cleanup(release_record_free) struct release_record r = { 0 };
	struct err why = { 0 };

	if (release_record_read(dir, &r, &why) <= 0 || !r.whole)
		return false;
	if (!hash || release_verify(m, name, &why) == 0)
		return true;
	log_warn("%s", why.msg);
	return false;
}

bool release_is_whole(const struct machine *m, const char *name)
{
	return is_whole(m, name, false);
}

static int install_tarball(const struct machine *m, struct version v, const char *dir, enum tarball_from from,
			   struct err *e)
{
	auto_free char *staged = xasprintf("%s/" STAGING VERSION_FMT, m->at.releases, VERSION_ARGS(v));
	auto_tarball struct tarball t = { .fd = -1 };

	if (tarball_get(m, v, from, &t, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would install %s", dir);
		return 1;
	}
	sweep(m);
	if (check_room(m, &t, e) < 0 || file_mkdirs(m->at.releases, FILE_MODE(0755), e) < 0)
		return -1;
	if (fill(&t, v, staged, e) < 0 || move_in(staged, dir, e) < 0) {
		sweep(m);
		return -1;
	}
	log_info("installed etcd " VERSION_FMT ", with the digest of %s", VERSION_ARGS(v), t.digest.source);
	return 1;
}

/* Where the distribution's etcd may be, below the root. */
static const char *const system_dirs[] = { "/usr/bin", "/usr/local/bin" };

/*
 * The real path of a program of the distribution; NULL when there is none. Our own links in /usr/bin, which lead into
 * our releases, do not count. The caller frees.
 */
static char *system_program(const struct machine *m, const char *dir, const char *name)
{
	auto_free char *path = xasprintf("%s%s/%s", m->at.root, dir, name);
	auto_free char *ours = realpath(m->at.releases, NULL), *real = realpath(path, NULL);

	if (!real || (ours && text_starts(real, ours)) || text_starts(real, "/usr/libexec/etcd-cluster/"))
		return NULL;
	return steal(&real);
}

static int make_system_links(const struct machine *m, const char *from, const char *dir, struct err *e)
{
	if (file_mkdirs(dir, FILE_MODE(0755), e) < 0)
		return -1;
	for (int i = 0; i < RELEASE_BINARIES; i++) {
		auto_free char *link = xasprintf("%s/%s", dir, release_binary_names[i]);
		auto_free char *program = system_program(m, from, release_binary_names[i]);

		if (program && file_replace_link(link, program, e) < 0)
			return -1;
		if (!program && unlink(link) < 0 && errno != ENOENT)
			return err_sys(e, ERR_FAIL, "cannot remove %s", link);
	}
	return 0;
}

/* The distribution's etcd, checked and asked; `program` is its real path, found below `from`. */
static int fill_system(const struct machine *m, const char *from, const char *program, const char *dir, struct err *e)
{
	struct release_record record = { 0 };
	auto_buf struct buf options = { 0 };

	if (binary_ask(program, &record.version, &options, e) < 0 ||
	    release_check_version(record.version, program, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would use %s (" VERSION_FMT ")", program, VERSION_ARGS(record.version));
		return 0;
	}
	if (make_system_links(m, from, dir, e) < 0)
		return -1;
	release_look(dir, record.binaries);
	return release_record_write(dir, &record, buf_str(&options), e);
}

static int install_system(const struct machine *m, const char *dir, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(system_dirs); i++) {
		auto_free char *program = system_program(m, system_dirs[i], "etcd");

		if (program)
			return fill_system(m, system_dirs[i], program, dir, e) < 0 ? -1 : 1;
	}
	(void)err_set(e, ERR_CONFIG, "the distribution's etcd is neither in /usr/bin nor in /usr/local/bin");
	return err_hint(e, "install it, or name a version in RELEASE");
}

int release_install(const struct machine *m, const char *name, enum tarball_from from, struct err *e)
{
	auto_free char *dir = release_dir(m, name);
	struct version v;
	bool system = !version_parse(name, &v);

	if (!system && release_check_version(v, name, e) < 0)
		return -1;
	if (is_whole(m, name, !system && from == TARBALL_AGAIN))
		return 0;
	if (file_check_programs(m->at.releases, e) < 0)
		return -1;
	return system ? install_system(m, dir, e) : install_tarball(m, v, dir, from, e);
}
