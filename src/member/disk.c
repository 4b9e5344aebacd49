/* SPDX-License-Identifier: Apache-2.0 */
#include "member/disk.h"

#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/text.h"

#define ID_BYTES ((DISK_ID_HEX - 1) / 2)

/* Where it is kept. DATA_DIR/member goes aside with the data (member/aside.h). A strv. */
static char **places(const struct machine *m)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir), *first = xasprintf("%s/member/disk-id", data);
	auto_free char *wal = m->conf.wal_dir ? layout_path(&m->at, m->conf.wal_dir) : NULL;
	auto_free char *second = wal ? xasprintf("%s/disk-id", wal) : NULL;
	char **all = NULL;

	strv_add(&all, first);
	if (second)
		strv_add(&all, second);
	return all;
}

bool disk_is_id(const char *id)
{
	uint8_t bytes[ID_BYTES];

	return id && text_unhex(id, bytes, sizeof(bytes)) && strspn(id, "0123456789abcdef") == DISK_ID_HEX - 1;
}

void disk_new_id(char id[DISK_ID_HEX])
{
	uint8_t bytes[ID_BYTES];

	must(getrandom(bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
	text_hex(bytes, sizeof(bytes), id);
}

/* 1 read; 0 there is none, or something else; -1. */
static int read_one(const char *path, char id[DISK_ID_HEX], struct err *e)
{
	auto_buf struct buf text = { 0 };

	if (file_read(path, DISK_ID_HEX, &text, e) < 0) {
		if (e->sys != 0 && e->sys != ENOENT && e->sys != ENOTDIR)
			return -1;
		err_clear(e);
		return 0;
	}
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.data[text.len - 1] = '\0';
	if (!disk_is_id(buf_str(&text)))
		return 0;
	memcpy(id, text.data, DISK_ID_HEX);
	return 1;
}

int disk_read(const struct machine *m, char id[DISK_ID_HEX], struct err *e)
{
	auto_strv char **paths = places(m);
	char here[DISK_ID_HEX] = "";
	int rc = 1;

	for (size_t i = 0; rc > 0 && paths[i]; i++) {
		rc = read_one(paths[i], here, e);
		if (rc > 0 && i > 0 && strcmp(here, id) != 0)
			rc = 0;
		memcpy(id, here, DISK_ID_HEX);
	}
	if (rc <= 0)
		id[0] = '\0';
	return rc;
}

int disk_ensure(const struct machine *m, char id[DISK_ID_HEX], struct err *e)
{
	auto_strv char **paths = places(m);
	auto_free char *member = xstrndup(paths[0], (size_t)(strrchr(paths[0], '/') - paths[0]));
	const struct file_mode how = machine_mode_etcd(m, 0700);
	auto_free char *text = NULL;
	int rc = disk_read(m, id, e);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (m->dry_run) {
		log_info("would make a disk-id in %s", member);
		return 1;
	}
	disk_new_id(id);
	text = xasprintf("%s\n", id);
	/* A killed run may have left it to root. */
	if (file_mkdirs(member, how, e) < 0 || file_set_mode(member, how, e) < 0)
		return -1;
	for (char **path = paths; *path; path++) {
		auto_free char *dir = xstrndup(*path, (size_t)(strrchr(*path, '/') - *path));

		file_sweep(dir);
		if (file_replace(*path, machine_mode_etcd(m, 0600), text, strlen(text), e) < 0)
			return -1;
	}
	return 1;
}

int disk_stage(const struct machine *m, const char *member, const char *id, struct err *e)
{
	auto_free char *path = xasprintf("%s/disk-id", member), *text = xasprintf("%s\n", id);

	return file_stage(path, machine_mode_etcd(m, 0600), text, strlen(text), e);
}
