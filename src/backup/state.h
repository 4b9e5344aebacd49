/* SPDX-License-Identifier: Apache-2.0
 *
 * How the backups of this machine went, for `status`: /var/lib/etcd-cluster.state/backup.
 */
#pragma once

#include "config/machine.h"

struct backup_state {
	time_t time; /* of the last backup in BACKUP_DIR; 0: none yet */
	char *file;
	time_t failed; /* of the first failure since; 0: none */
	char *why;
	char *command_why; /* why BACKUP_COMMAND failed last, or "" */
	time_t rehearsed;  /* of the last rehearsal; 0: none yet */
	char *rehearsed_file;
	char *rehearsed_why; /* why it failed, or "" */
};

/* What cannot be read is empty. The caller frees. */
void backup_state_read(const struct machine *m, struct backup_state *s);
void backup_state_free(struct backup_state *s);

/* 1 written, 0 it has this content already. */
int backup_state_write(const struct machine *m, const struct backup_state *s, struct err *e) MUST_CHECK;

/* Replaces a text; NULL is "". What a line of the file cannot have becomes '?'. */
void backup_state_text(char **to, const char *text);
