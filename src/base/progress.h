/* SPDX-License-Identifier: Apache-2.0
 *
 * How far a download is: on the terminal, and in a file for `status`.
 */
#pragma once

#include <stdbool.h>

#define PROGRESS_NAME 96

struct progress {
	char name[PROGRESS_NAME]; /* without blanks */
	unsigned long long done;  /* bytes */
	unsigned long long total; /* bytes; 0: not known */
	unsigned long long rate;  /* bytes a second, of this try */
};

/* "etcd-v3.6.14-linux-amd64.tar.gz: 12.0 of 24.0 MiB, 50 %, 3.2 MiB/s, 4 s left". The caller frees. */
char *progress_text(const struct progress *p);

/* Seconds until the end at the present rate; -1: not known. */
long long progress_left(const struct progress *p);

/* One try. Zeroed but for now.name and fd. */
struct progress_meter {
	struct progress now;
	int fd; /* an empty file to write it to; 0: none */
	bool begun;
	long long began_ms, last_ms;
	unsigned long long first; /* bytes that were there before */
};

/* Shows it, a few times a second. The line on the terminal replaces the one before; progress_end clears it. */
void progress_show(struct progress_meter *m, unsigned long long done, unsigned long long total);
void progress_end(const struct progress_meter *m);

/* What a meter has written to this file last; false: nothing. */
bool progress_read(const char *path, struct progress *p);
