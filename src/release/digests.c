/* SPDX-License-Identifier: Apache-2.0 */
#include "release/digests.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/signature.h"
#include "base/text.h"

#define KEY_MAX_BYTES (64UL * 1024UL)

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

/* Reads a small file that only root (or we) may be able to change. */
static int read_trusted(const char *path, size_t max, struct buf *out, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", path);
	if (file_check_trusted(fd, path, e) < 0)
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
