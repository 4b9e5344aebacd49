/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/store.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

#define GENERATION "generation"
#define ROOM	   (1024ULL * 1024) /* bytes; a whole generation has some 30 KiB */

static char *staging_of(const struct machine *m)
{
	return xasprintf("%s/.pki.new", m->at.etc);
}

/* The number in dir; 0 when it has none (a person put files there), -1 when there is no such directory. */
static long long generation_of(const char *dir)
{
	auto_free char *path = xasprintf("%s/" GENERATION, dir);
	auto_buf struct buf text = { 0 };
	struct err ignored = { 0 };
	uint64_t n = 0;

	if (!file_exists(dir))
		return -1;
	if (file_read(path, 64, &text, &ignored) < 0)
		return 0;
	if (text.len > 0)
		text.data[strcspn(text.data, "\n")] = '\0';
	return text_parse_u64(buf_str(&text), 0, INT32_MAX, &n) ? (long long)n : 0;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return lstat(a, &x) == 0 && lstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_content(const char *name)
{
	return strcmp(name, GENERATION) != 0 && !text_starts(name, FILE_TEMP);
}

/* True when `former` has a file that is not the very same one in `now`. */
static bool has_more(const char *former, const char *now)
{
	auto_strv char **names = NULL;
	struct err ignored = { 0 };

	if (file_list(former, is_content, &names, &ignored) < 0)
		return true; /* not known: keep it */
	for (char **name = names; name && *name; name++) {
		auto_free char *old = xasprintf("%s/%s", former, *name), *new = xasprintf("%s/%s", now, *name);

		if (!same_file(old, new) && (!file_is_dir(old) || has_more(old, new)))
			return true;
	}
	return false;
}

static bool is_empty(const char *path)
{
	auto_strv char **names = NULL;
	struct err ignored = { 0 };

	return file_list(path, NULL, &names, &ignored) == 0 && !names;
}

/*
 * ca.key lies in one place, so that removing it there removes it from the machine. The content is overwritten only if
 * no other link has it: the one in use must not change.
 */
static int drop_ca_key(const char *generation, struct err *e)
{
	auto_free char *path = xasprintf("%s/ca.key", generation);
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(e, ERR_FAIL, "cannot inspect %s", path);
	if (S_ISREG(st.st_mode) && st.st_nlink == 1)
		return file_wipe(path, e) < 0 ? -1 : 0;
	return unlink(path) < 0 ? err_sys(e, ERR_FAIL, "cannot remove %s", path) : file_sync_parent(path, e);
}

/* Earlier versions kept a link to ca.key in each generation. */
static int drop_former_ca_keys(const struct machine *m, struct err *e)
{
	auto_free char *keep = xasprintf("%s/pki.old", m->at.etc);
	auto_strv char **names = NULL;

	if (file_list(keep, NULL, &names, e) < 0)
		return -1;
	for (char **name = names; name && *name; name++) {
		auto_free char *generation = xasprintf("%s/%s", keep, *name);

		if (drop_ca_key(generation, e) < 0)
			return -1;
	}
	return 0;
}

/* Moves the former generation, which the exchange left under the staging name, to where it is kept. */
static int keep_former(const struct machine *m, const char *former, struct err *e)
{
	auto_free char *keep = xasprintf("%s/pki.old", m->at.etc);
	auto_free char *to = xasprintf("%s/%lld", keep, generation_of(former));

	if (drop_ca_key(former, e) < 0)
		return -1;
	if (!has_more(former, m->at.pki))
		return file_remove_tree(former, e);
	for (unsigned int i = 1; file_exists(to); i++) {
		mem_free_ptr(&to);
		to = xasprintf("%s/%lld.%u", keep, generation_of(former), i);
	}
	if (file_mkdirs(keep, FILE_MODE(0700), e) < 0 || file_rename(former, to, e) < 0)
		return -1;
	log_info("the former certificates and keys are kept in %s", to);
	return 0;
}

int pki_store_recover(const struct machine *m, struct err *e)
{
	auto_free char *staging = staging_of(m);

	file_sweep(m->at.pki);
	if (drop_former_ca_keys(m, e) < 0)
		return -1;
	if (!file_exists(staging))
		return 0;
	/* A generation gets its number first, and a higher one than that in use: one with a lower number was in use. */
	if (generation_of(staging) < generation_of(m->at.pki))
		return keep_former(m, staging, e);
	log_info("removing %s, which an interrupted run left", staging);
	return file_remove_tree(staging, e);
}

static int check_room(const struct machine *m, struct err *e)
{
	unsigned long long bytes;

	if (file_free_space(m->at.etc, &bytes, e) < 0)
		return -1;
	if (bytes < ROOM) {
		(void)err_set(e, ERR_CONFIG, "the file system of %s is full: the certificates need %llu KiB", m->at.etc,
			      ROOM / 1024);
		return err_hint(e, "make room, then run: etcd-cluster setup");
	}
	return 0;
}

/* An exchange would replace the symbolic link, and its target would no longer be in use. */
static int check_directory(const struct machine *m, struct err *e)
{
	struct stat st;

	if (lstat(m->at.pki, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s must be a directory: a symbolic link cannot be replaced as a whole",
		      m->at.pki);
	return err_hint(e, "make it a directory with the files in it, then run: etcd-cluster setup");
}

/* The next generation with its number and everything of the present one. */
static int begin(const struct machine *m, const char *staging, struct err *e)
{
	auto_free char *number = xasprintf("%s/" GENERATION, staging);
	long long present = generation_of(m->at.pki);
	auto_free char *text = xasprintf("%lld\n", present < 0 ? 1 : present + 1);

	if (check_directory(m, e) < 0 || check_room(m, e) < 0 || file_mkdirs(m->at.etc, FILE_MODE(0755), e) < 0 ||
	    file_mkdirs(staging, machine_mode_group(m, 0750), e) < 0 ||
	    file_stage(number, FILE_MODE(0644), text, strlen(text), e) < 0)
		return -1;
	return present < 0 ? 0 : file_link_tree(m->at.pki, staging, e);
}

/* 1: in place, and the former one is under the staging name. 0: in place, there was no former one. */
static int put_in_place(const struct machine *m, const char *staging, struct err *e)
{
	if (file_sync_tree(staging, e) < 0)
		return -1;
	/* An empty directory can be replaced, as a file can. */
	if (!file_exists(m->at.pki) || is_empty(m->at.pki))
		return file_rename(staging, m->at.pki, e);
	if (file_exchange(staging, m->at.pki, e) == 0)
		return 1;
	/* overlayfs cannot exchange a directory of its lower layer (EXDEV), some file systems cannot at all (EINVAL). */
	if (e->sys != EXDEV && e->sys != EINVAL)
		return -1;
	e->class = ERR_CONFIG;
	return err_hint(e, "recreate the directory: mv %s %s.copy && mv %s.copy %s", m->at.pki, m->at.pki, m->at.pki,
			m->at.pki);
}

static void discard(const char *staging)
{
	struct err ignored = { 0 };

	if (file_exists(staging) && file_remove_tree(staging, &ignored) < 0)
		log_error(LOG_WARNING, &ignored);
}

int pki_store_change(const struct machine *m, pki_store_fill *fill, const void *what, struct err *e)
{
	auto_free char *staging = staging_of(m);
	int rc;

	if (begin(m, staging, e) < 0 || fill(m, staging, what, e) < 0) {
		discard(staging);
		return -1;
	}
	rc = put_in_place(m, staging, e);
	if (rc == 1)
		return keep_former(m, staging, e);
	/* An fsync may have failed after the swap: the number shows which generation is under the staging name. */
	if (rc < 0 && generation_of(staging) > generation_of(m->at.pki))
		discard(staging);
	return rc;
}
