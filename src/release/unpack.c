/* SPDX-License-Identifier: Apache-2.0 */
#include "release/tarball.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/unpack.h"
#include "base/clock.h"
#include "base/jail.h"
#include "base/proc.h"
#include "base/text.h"

#define UNPACK_MEMORY (64ULL << 20)
#define UNPACK_CPU    60 /* seconds; it takes less than one */
#define TICK_MS	      4

/* The programs on their way out of the archive, and how much of each is hashed. */
struct outputs {
	struct output {
		char *path;
		int fd;
		digest_ctx *digest;
		unsigned long long hashed;
	} of[RELEASE_BINARIES];
};

static void outputs_free(struct outputs *o)
{
	for (int i = 0; i < RELEASE_BINARIES; i++) {
		free(o->of[i].path);
		mem_close_fd(&o->of[i].fd);
		digest_free(&o->of[i].digest);
	}
}

/* Hashes what has been written since the last look. 1 there was something, 0 there was not. */
static int hash_more(struct outputs *o, struct err *e)
{
	int some = 0;

	for (struct output *one = o->of; one < o->of + RELEASE_BINARIES; one++) {
		unsigned long long size;
		struct stat st;

		if (fstat(one->fd, &st) < 0)
			return err_sys(e, ERR_FAIL, "cannot look at %s", one->path);
		size = (unsigned long long)st.st_size;
		if (size <= one->hashed)
			continue;
		if (digest_add_file(one->digest, one->fd, one->hashed, size - one->hashed, one->path, e) < 0)
			return -1;
		one->hashed = size;
		some = 1;
	}
	return some;
}

static int unpack_jailed(void *arg, void *result, struct err *e)
{
	(void)result;
	return unpack(arg, e);
}

/* One processor unpacks, another hashes what came out meanwhile. */
static int unpack_and_hash(struct unpack *u, struct outputs *o, struct err *e)
{
	const struct jail jail = {
		.file_bytes = UNPACK_FILE_MAX,
		.memory_bytes = UNPACK_MEMORY,
		.cpu_seconds = UNPACK_CPU,
	};
	struct err meanwhile = { 0 };
	struct jail_child child;
	int rc = 0;

	if (jail_start(&jail, unpack_jailed, u, 0, &child, e) < 0)
		return -1;
	while (rc >= 0 && !proc_has_ended(child.pid)) {
		rc = hash_more(o, &meanwhile);
		if (rc == 0)
			clock_sleep(TICK_MS);
	}
	if (jail_finish(&child, NULL, e) < 0)
		return -1;
	if (rc >= 0)
		rc = hash_more(o, &meanwhile);
	if (rc < 0)
		*e = meanwhile;
	return rc < 0 ? -1 : 0;
}

int tarball_unpack(const struct tarball *t, struct version v, const char *dir,
		   struct release_binary binaries[RELEASE_BINARIES], struct err *e)
{
	auto_free char *top = xstrndup(t->file, strlen(t->file) - strlen(TARBALL_SUFFIX));
	struct unpack_file files[RELEASE_BINARIES];
	struct unpack u = { .fd = t->fd, .top = top, .files = files, .n_files = RELEASE_BINARIES };
	cleanup(outputs_free) struct outputs o = { .of = { [0 ... RELEASE_BINARIES - 1] = { .fd = -1 } } };
	uint8_t sha256[DIGEST_LEN];

	for (int i = 0; i < RELEASE_BINARIES; i++) {
		struct output *one = &o.of[i];

		one->path = xasprintf("%s/%s", dir, release_binary_names[i]);
		one->digest = digest_new();
		one->fd = file_create(one->path, FILE_MODE(0755), e);
		if (one->fd < 0)
			return -1;
		files[i] = (struct unpack_file){ .name = release_binary_names[i],
						 .fd = one->fd,
						 .required = i != RELEASE_ETCDUTL || version_at_least(v, 3, 5) };
	}
	if (unpack_and_hash(&u, &o, e) < 0)
		return err_wrap(e, "%s", t->source);
	release_look(dir, binaries);
	for (int i = 0; i < RELEASE_BINARIES; i++) {
		if (o.of[i].hashed > 0) {
			digest_end(o.of[i].digest, sha256);
			text_hex(sha256, DIGEST_LEN, binaries[i].sha256);
		} else if (unlink(o.of[i].path) < 0) {
			return err_sys(e, ERR_FAIL, "cannot remove %s", o.of[i].path);
		}
	}
	return 0;
}
