/* SPDX-License-Identifier: Apache-2.0 */
#include "release/record.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "release/name.h"

const char *const release_binary_names[RELEASE_BINARIES] = { "etcd", "etcdctl", "etcdutl" };

/* The keys of each binary: size, date, digest. */
static const char *const binary_keys[RELEASE_BINARIES][3] = {
	{ "ETCD_SIZE", "ETCD_CHANGED", "ETCD_SHA256" },
	{ "ETCDCTL_SIZE", "ETCDCTL_CHANGED", "ETCDCTL_SHA256" },
	{ "ETCDUTL_SIZE", "ETCDUTL_CHANGED", "ETCDUTL_SHA256" },
};

void release_record_free(struct release_record *r)
{
	keyfile_free(&r->file);
	*r = (struct release_record){ 0 };
}

/* A binary's three values; without a size it is not there. False when they make no sense. */
static bool parse_binary(const struct keyfile *k, const char *const keys[3], struct release_binary *b)
{
	const char *size = keyfile_get(k, keys[0]), *changed = keyfile_get(k, keys[1]),
		   *sha256 = keyfile_get(k, keys[2]);
	uint64_t bytes, seconds;

	if (!size)
		return true;
	if (!text_parse_u64(size, 1, INT64_MAX, &bytes) || !changed ||
	    !text_parse_u64(changed, 0, INT64_MAX, &seconds) || (sha256 && strlen(sha256) != DIGEST_HEX - 1))
		return false;
	*b = (struct release_binary){ .size = bytes, .changed = (long long)seconds };
	if (sha256)
		memcpy(b->sha256, sha256, DIGEST_HEX);
	return true;
}

void release_look(const char *dir, struct release_binary binaries[RELEASE_BINARIES])
{
	for (int i = 0; i < RELEASE_BINARIES; i++) {
		auto_free char *path = xasprintf("%s/%s", dir, release_binary_names[i]);
		struct stat st;

		binaries[i] = (struct release_binary){ 0 };
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
			binaries[i].size = (unsigned long long)st.st_size;
			binaries[i].changed = (long long)st.st_mtime;
		}
	}
}

static bool is_whole(const char *dir, const struct release_record *r)
{
	auto_free char *options = xasprintf("%s/options", dir);
	struct release_binary now[RELEASE_BINARIES];

	release_look(dir, now);
	for (int i = 0; i < RELEASE_BINARIES; i++) {
		const struct release_binary *was = &r->binaries[i];

		if (now[i].size != was->size || (was->sha256[0] == '\0' && now[i].changed != was->changed))
			return false;
	}
	return file_exists(options);
}

int release_record_read(const char *dir, struct release_record *r, struct err *e)
{
	auto_free char *path = xasprintf("%s/.release", dir);
	const char *version;
	bool good;

	*r = (struct release_record){ 0 };
	if (keyfile_read(path, &r->file, e) < 0)
		return err_absent(e);
	version = keyfile_get(&r->file, "VERSION");
	good = version && version_parse(version, &r->version);
	for (int i = 0; i < RELEASE_BINARIES; i++)
		good = good && parse_binary(&r->file, binary_keys[i], &r->binaries[i]);
	if (!good)
		return err_set(e, ERR_FAIL, "%s is damaged", path);
	r->sha256 = keyfile_get(&r->file, "SHA256");
	r->source = keyfile_get(&r->file, "SOURCE");
	r->trust = keyfile_get(&r->file, "TRUST");
	r->whole = is_whole(dir, r);
	return 1;
}

int release_record_write(const char *dir, const struct release_record *r, const char *options, struct err *e)
{
	auto_free char *path = xasprintf("%s/.release", dir), *list = xasprintf("%s/options", dir);
	const char *const texts[][2] = { { "SHA256", r->sha256 }, { "SOURCE", r->source }, { "TRUST", r->trust } };
	auto_buf struct buf out = { 0 };

	buf_printf(&out, "VERSION=" VERSION_FMT "\n", VERSION_ARGS(r->version));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i][1] && keyfile_put(&out, texts[i][0], texts[i][1], e) < 0)
			return -1;
	for (int i = 0; i < RELEASE_BINARIES; i++) {
		const struct release_binary *b = &r->binaries[i];

		if (b->size == 0)
			continue;
		buf_printf(&out, "%s=%llu\n%s=%lld\n", binary_keys[i][0], b->size, binary_keys[i][1], b->changed);
		if (b->sha256[0] != '\0')
			buf_printf(&out, "%s=%s\n", binary_keys[i][2], b->sha256);
	}
	if (file_replace(list, FILE_MODE(0644), options, strlen(options), e) < 0)
		return -1;
	return file_replace(path, FILE_MODE(0644), out.data, out.len, e);
}

static int verify_binary(const char *dir, int which, const struct release_binary *b, struct err *e)
{
	auto_free char *path = xasprintf("%s/%s", dir, release_binary_names[which]);
	auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t sha256[DIGEST_LEN];
	char hex[DIGEST_HEX];

	if (fd < 0)
		return err_sys(e, ERR_VERIFY, "cannot open %s", path);
	if (file_check_trusted(fd, path, e) < 0 || digest_file(fd, path, sha256, e) < 0)
		return -1;
	text_hex(sha256, DIGEST_LEN, hex);
	if (strcmp(hex, b->sha256) != 0)
		return err_set(e, ERR_VERIFY, "%s is not what was installed", path);
	return 0;
}

int release_verify(const struct machine *m, const char *name, struct err *e)
{
	auto_free char *dir = release_dir(m, name);
	cleanup(release_record_free) struct release_record r = { 0 };
	int rc = release_record_read(dir, &r, e);

	if (rc == 0)
		return err_set(e, ERR_CONFIG, "%s is not installed", name);
	if (rc < 0)
		return -1;
	if (!r.sha256) {
		(void)err_set(e, ERR_CONFIG, "%s is the distribution's, and its package manager verifies it", name);
		return err_hint(e, "dpkg --verify, or rpm --verify, with the name of the package");
	}
	for (int i = 0; i < RELEASE_BINARIES; i++)
		if (r.binaries[i].size > 0 && verify_binary(dir, i, &r.binaries[i], e) < 0)
			return err_hint(e, "etcd-cluster release install %s", name);
	if (r.whole)
		return 0;
	(void)err_set(e, ERR_VERIFY, "the files in %s are not exactly those that were installed", dir);
	return err_hint(e, "etcd-cluster release install %s", name);
}
