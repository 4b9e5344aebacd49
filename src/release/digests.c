/* SPDX-License-Identifier: Apache-2.0 */
#include "release/digests.h"

#include <fcntl.h>
#include <string.h>

#include "adapter/signature.h"
#include "base/log.h"
#include "base/text.h"
#include "release/mirror.h"

#define KEY_MAX_BYTES (64UL * 1024UL)
#define SIG_MAX_BYTES (64UL * 1024UL)

void digests_entry_free(struct digests_entry *d)
{
	free(steal(&d->source));
	*d = (struct digests_entry){ 0 };
}

/* A table that is read line by line. */
struct table {
	const struct buf *text;
	const char *where;
	size_t at;	     /* of the next line */
	unsigned int number; /* of the line that was read last */
};

/* The next entry. 1 (the caller frees *name), 0 there are no more, -1 a line of another form. */
static int next_entry(struct table *t, uint8_t sha256[DIGEST_LEN], char **name, struct err *e)
{
	int rc = 0;

	while (rc == 0 && t->at < t->text->len) {
		const char *line = t->text->data + t->at, *newline = memchr(line, '\n', t->text->len - t->at);
		size_t len = newline ? (size_t)(newline - line) : t->text->len - t->at;

		rc = digest_line(line, len, sha256, name);
		t->number++;
		t->at += len + 1;
	}
	if (rc < 0)
		return err_set(e, ERR_VERIFY, "%s:%u: this is not a line of sha256sum(1)", t->where, t->number);
	return rc;
}

int digests_find(const struct buf *table, const char *where, const char *file, struct digests_entry *d, struct err *e)
{
	struct table t = { .text = table, .where = where };
	uint8_t sha256[DIGEST_LEN];
	char *name;
	int rc;

	while ((rc = next_entry(&t, sha256, &name, e)) > 0) {
		bool other = strcmp(name, file) != 0;

		free(name);
		if (other)
			continue;
		if (!d->source) {
			memcpy(d->sha256, sha256, DIGEST_LEN);
			d->source = xasprintf("%s:%u", where, t.number);
		} else if (memcmp(d->sha256, sha256, DIGEST_LEN) != 0) {
			rc = err_set(e, ERR_VERIFY, "%s:%u: the digest of %s is not that of %s", where, t.number, file,
				     d->source);
			break;
		}
	}
	if (rc < 0)
		digests_entry_free(d);
	return rc < 0 ? -1 : d->source != NULL;
}

/* Reads a small file that only root (or we) may be able to change or replace. */
static int read_trusted(const char *path, size_t max, struct buf *out, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", path);
	if (file_check_trusted_place(path, e) < 0 || file_check_trusted(fd, path, e) < 0)
		return -1;
	return file_read_fd(fd, path, max, out, e);
}

/* The paths of the files in a directory whose name ends with suffix, no hidden ones, in byte order. NULL: none. */
static char **list_dir(const char *dir, const char *suffix)
{
	auto_strv char **names = NULL;
	struct err ignored = { 0 };
	char **paths = NULL;

	if (file_list(dir, NULL, &names, &ignored) < 0)
		return NULL;
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *path = xasprintf("%s/%s", dir, names[i]);

		if (names[i][0] != '.' && text_ends(names[i], suffix))
			strv_add(&paths, path);
	}
	return paths;
}

static int find_in_file(const char *path, const char *file, struct digests_entry *d, struct err *e)
{
	auto_buf struct buf table = { 0 };

	if (read_trusted(path, DIGESTS_MAX_BYTES, &table, e) < 0)
		return -1;
	return digests_find(&table, path, file, d, e);
}

/* The tables of one level, which must agree. */
static int find_in_dir(const char *dir, const char *suffix, const char *file, struct digests_entry *d, struct err *e)
{
	auto_strv char **paths = list_dir(dir, suffix);

	for (size_t i = 0; paths && paths[i]; i++)
		if (find_in_file(paths[i], file, d, e) < 0)
			return -1;
	return d->source != NULL;
}

int digests_lookup(const struct layout *at, const char *file, struct digests_entry *d, struct err *e)
{
	int rc;

	*d = (struct digests_entry){ 0 };
	rc = find_in_file(at->digests, file, d, e);
	if (rc < 0)
		rc = err_absent(e);
	if (rc == 0)
		rc = find_in_dir(at->admin_digests, "", file, d, e);
	if (rc == 0)
		rc = find_in_dir(at->bundle, ".sha256", file, d, e);
	return rc;
}

bool digests_have_keys(const struct layout *at)
{
	auto_strv char **keys = list_dir(at->release_keys, ".pem");

	return keys != NULL;
}

int digests_check_signature(const struct layout *at, const struct buf *sums, const struct buf *sig, char **key,
			    struct err *e)
{
	auto_strv char **keys = list_dir(at->release_keys, ".pem");

	for (size_t i = 0; keys && keys[i]; i++) {
		auto_buf struct buf pem = { 0 };
		int good;

		if (read_trusted(keys[i], KEY_MAX_BYTES, &pem, e) < 0)
			return -1;
		good = signature_check(&pem, sums, sig, e);
		if (good < 0)
			return err_wrap(e, "%s", keys[i]);
		if (good) {
			*key = xstrdup(keys[i]);
			return 0;
		}
	}
	return err_set(e, ERR_VERIFY, "no key in %s has made the signature of SHA256SUMS", at->release_keys);
}

int digests_newest(const struct layout *at, struct version *v, struct err *e)
{
	auto_buf struct buf pinned = { 0 };
	uint8_t ignored[DIGEST_LEN];
	struct table t = { .text = &pinned, .where = at->digests };
	struct version one;
	char *name;
	int rc;

	*v = (struct version){ 0 };
	if (read_trusted(at->digests, DIGESTS_MAX_BYTES, &pinned, e) < 0)
		return err_absent(e);
	while ((rc = next_entry(&t, ignored, &name, e)) > 0) {
		if (version_of_tarball(name, &one) && !version_known_bad(one) && version_cmp(one, *v) > 0)
			*v = one;
		free(name);
	}
	return rc;
}

/* ---- SHA256SUMS, the last level --------------------------------------------------------------------------------- */

/* Whose digest is searched, and where it goes. */
struct search {
	const struct machine *m;
	const char *file;
	const char *kept; /* the path of good SHA256SUMS in the cache */
	struct digests_entry *d;
};

static int keep(const struct search *s, const struct buf *sums, const struct buf *sig, struct err *e)
{
	auto_free char *sig_path = xasprintf("%s.sig", s->kept);

	if (file_mkdirs(s->m->at.cache, FILE_MODE(0755), e) < 0 ||
	    file_replace(s->kept, FILE_MODE(0644), buf_str(sums), sums->len, e) < 0)
		return -1;
	return file_replace(sig_path, FILE_MODE(0644), buf_str(sig), sig->len, e);
}

/* From a mirror (x), or from the path of a file in the cache (x is NULL). As sums_lookup. */
static int from_place(const struct search *s, const struct mirror *x, const char *place, struct err *e)
{
	static const struct mirror local = { 0 };
	auto_free char *sig_place = xasprintf("%s.sig", place), *key = NULL, *line = NULL;
	auto_buf struct buf sums = { 0 }, sig = { 0 };
	int rc = mirror_read(x ? x : &local, sig_place, SIG_MAX_BYTES, &sig, e);

	if (rc > 0)
		rc = mirror_read(x ? x : &local, place, DIGESTS_MAX_BYTES, &sums, e);
	if (rc <= 0)
		return rc;
	if (digests_check_signature(&s->m->at, &sums, &sig, &key, e) < 0)
		return err_wrap(e, "%s", place);
	rc = digests_find(&sums, place, s->file, s->d, e);
	if (rc <= 0)
		return rc;
	line = steal(&s->d->source);
	s->d->source = xasprintf("%s, signed by %s", line, key);
	return x && keep(s, &sums, &sig, e) < 0 ? -1 : 1;
}

/* Of several failures the one that is reported is a broken connection, since a retry may end it; else the first. */
static int from_mirrors(const struct search *s, struct version v, struct err *e)
{
	auto_strv char **places = mirror_places(s->m, v, "SHA256SUMS");
	auto_mirror struct mirror x = { 0 };

	if (mirror_open(s->m, &x, e) < 0)
		return -1;
	for (size_t i = 0; places && places[i]; i++) {
		struct err why = { 0 };
		int rc = from_place(s, &x, places[i], &why);

		if (rc > 0) {
			err_clear(e);
			return 1;
		}
		if (rc < 0) {
			log_debug("%s", why.msg);
			if (e->class == ERR_NONE || why.class == ERR_PENDING)
				*e = why;
		}
	}
	return e->class == ERR_NONE ? 0 : -1;
}

int sums_lookup(const struct machine *m, struct version v, const char *file, bool network, struct digests_entry *d,
		struct err *e)
{
	auto_free char *kept = xasprintf("%s/SHA256SUMS-v" VERSION_FMT, m->at.cache, VERSION_ARGS(v));
	auto_free char *copied = xasprintf("%s/SHA256SUMS", m->at.cache);
	const struct search s = { .m = m, .file = file, .kept = kept, .d = d };
	int rc;

	if (!digests_have_keys(&m->at))
		return 0;
	rc = from_place(&s, NULL, kept, e);
	if (rc == 0)
		rc = from_place(&s, NULL, copied, e);
	if (rc != 0)
		return rc;
	if (network)
		return from_mirrors(&s, v, e);
	if (m->conf.release_urls)
		return err_set(e, ERR_PENDING, "a signed SHA256SUMS for %s has to be fetched", file);
	return 0;
}
