/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known about a backup: FILE.json beside FILE. Only files that have it, and were made by us in BACKUP_DIR, are
 * ever removed by us.
 */
#pragma once

#include "adapter/digest.h"
#include "config/machine.h"

struct backup_meta {
	char *path; /* of the backup itself */
	uint64_t cluster_id, member_id;
	char *member; /* name of the machine that took it */
	char version[32];
	int64_t revision;
	int64_t keys; /* at that revision; -1: not counted */
	bool hashed;  /* the next two are known (rpc_hash_kv at that revision) */
	int64_t hash, compacted;
	time_t time;
	int64_t size;		 /* of the file */
	char sha256[DIGEST_HEX]; /* of the file */
	bool waits;		 /* BACKUP_COMMAND has not taken it yet */
	bool there;		 /* of a list: the file is there and has this size */
};

void backup_meta_free(struct backup_meta *b);

/* FILE.json. The caller frees. */
char *backup_meta_path(const char *file);

/* Writes it. */
int backup_meta_write(const struct backup_meta *b, struct err *e) MUST_CHECK;

/* 1: filled, the caller frees. 0: there is none. -1: it cannot be read or is not such a file (ERR_VERIFY). */
int backup_meta_read(const char *file, struct backup_meta *b, struct err *e) MUST_CHECK;

/* The same for its text; false when a field is missing or wrong. The caller frees b in any case. */
bool backup_meta_parse(const char *text, struct backup_meta *b);

struct backup_list {
	struct backup_meta *all; /* the newest first */
	size_t n;
};

/* The backups of this cluster (0: of any) in BACKUP_DIR. The caller frees. A missing directory has none. */
int backup_list_read(const struct machine *m, uint64_t cluster_id, struct backup_list *l, struct err *e) MUST_CHECK;
void backup_list_free(struct backup_list *l);

/* The newest one that is there; NULL: none. */
const struct backup_meta *backup_newest(const struct backup_list *l);
