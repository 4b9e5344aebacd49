/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/meta.h"

#include <string.h>
#include <sys/stat.h>

#include "adapter/json.h"
#include "base/clock.h"
#include "base/text.h"

#define META_MAX 65536
#define PREFIX	 "etcd-"
#define SUFFIX	 ".json"

void backup_meta_free(struct backup_meta *b)
{
	free(b->path);
	free(b->member);
	b->path = b->member = NULL;
}

char *backup_meta_path(const char *file)
{
	return xasprintf("%s" SUFFIX, file);
}

int backup_meta_write(const struct backup_meta *b, struct err *e)
{
	auto_free char *path = backup_meta_path(b->path), *text = NULL;
	struct json_object *o = json_new_object();

	json_text(o, "file", strrchr(b->path, '/') + 1);
	json_id(o, "cluster_id", b->cluster_id);
	json_id(o, "member_id", b->member_id);
	json_text(o, "member", b->member);
	json_text(o, "version", b->version);
	json_number(o, "revision", b->revision);
	if (b->keys >= 0)
		json_number(o, "keys", b->keys);
	if (b->hashed) {
		json_number(o, "hash_kv", b->hash);
		json_number(o, "compact_revision", b->compacted);
	}
	json_text(o, "time", clock_rfc3339(b->time).text);
	json_number(o, "size_bytes", b->size);
	json_text(o, "sha256", b->sha256);
	json_flag(o, "command_pending", b->waits);
	text = json_dump(o);
	return file_replace(path, FILE_MODE(0600), text, strlen(text), e);
}

static bool parse(struct json_object *o, struct backup_meta *b)
{
	const char *const cluster = json_get_text(o, "cluster_id"), *member = json_get_text(o, "member_id"),
			  *name = json_get_text(o, "member"), *version = json_get_text(o, "version"),
			  *when = json_get_text(o, "time"), *sha256 = json_get_text(o, "sha256");
	uint8_t digest[DIGEST_LEN];

	if (!text_parse_id(cluster, &b->cluster_id) || !text_parse_id(member, &b->member_id) || !name || !version ||
	    !when || !clock_parse_rfc3339(when, &b->time) || !sha256 || !text_unhex(sha256, digest, sizeof(digest)) ||
	    !json_get_number(o, "revision", 1, INT64_MAX, &b->revision) ||
	    !json_get_number(o, "size_bytes", 1, INT64_MAX, &b->size))
		return false;
	b->member = xstrdup(name);
	text_printable(b->member);
	(void)snprintf(b->version, sizeof(b->version), "%s", version);
	text_printable(b->version);
	text_hex(digest, sizeof(digest), b->sha256);
	if (!json_get_number(o, "keys", 0, INT64_MAX, &b->keys))
		b->keys = -1;
	b->hashed = json_get_number(o, "hash_kv", 0, UINT32_MAX, &b->hash) &&
		    json_get_number(o, "compact_revision", -1, INT64_MAX, &b->compacted);
	b->waits = json_get_flag(o, "command_pending");
	return true;
}

bool backup_meta_parse(const char *text, struct backup_meta *b)
{
	cleanup(json_free) struct json_object *o = json_parse(text);

	*b = (struct backup_meta){ 0 };
	return o && parse(o, b);
}

int backup_meta_read(const char *file, struct backup_meta *b, struct err *e)
{
	auto_free char *path = backup_meta_path(file);
	auto_buf struct buf text = { 0 };
	struct stat st;

	*b = (struct backup_meta){ 0 };
	if (file_read(path, META_MAX, &text, e) < 0)
		return err_absent(e);
	if (!backup_meta_parse(buf_str(&text), b)) {
		backup_meta_free(b);
		return err_set(e, ERR_VERIFY, "%s does not describe a backup", path);
	}
	b->path = xstrdup(file);
	b->there = stat(file, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == b->size;
	return 1;
}

static bool is_meta(const char *name)
{
	return text_starts(name, PREFIX) && text_ends(name, SUFFIX);
}

/* Two of one second: by their names. */
static int newest_first(const void *a, const void *b)
{
	const struct backup_meta *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? 1 : -1;
	return strcmp(y->path, x->path);
}

int backup_list_read(const struct machine *m, uint64_t cluster_id, struct backup_list *l, struct err *e)
{
	auto_free char *dir = layout_path(&m->at, m->conf.backup_dir);
	auto_strv char **names = NULL;

	*l = (struct backup_list){ 0 };
	if (file_list(dir, is_meta, &names, e) < 0)
		return -1;
	l->all = xcalloc(strv_len(names) + 1, sizeof(*l->all));
	for (char **name = names; name && *name; name++) {
		auto_free char *file = xasprintf("%s/%.*s", dir, (int)(strlen(*name) - strlen(SUFFIX)), *name);
		struct backup_meta *b = &l->all[l->n];
		struct err foreign = { 0 };

		if (backup_meta_read(file, b, &foreign) <= 0)
			continue;
		if (cluster_id == 0 || b->cluster_id == cluster_id)
			l->n++;
		else
			backup_meta_free(b);
	}
	qsort(l->all, l->n, sizeof(*l->all), newest_first);
	return 0;
}

void backup_list_free(struct backup_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		backup_meta_free(&l->all[i]);
	free(l->all);
	*l = (struct backup_list){ 0 };
}

const struct backup_meta *backup_newest(const struct backup_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].there)
			return &l->all[i];
	return NULL;
}
