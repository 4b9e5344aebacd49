/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/adopted/journal: how far taking over is, and what is needed to go back.
 */
#pragma once

#include <sys/types.h>

#include "adopt/plan.h"

enum adopt_step {
	ADOPT_NOTHING,
	ADOPT_SWITCHING, /* their etcd is being stopped and their files moved; ours is not started */
	ADOPT_PLACED,	 /* our files are in place: setup starts etcd */
	ADOPT_READY,	 /* it was healthy */
	ADOPT_UNDOING,
	ADOPT_FINISHED,
};

struct adopt_journal {
	enum adopt_step step;
	char *unit;	/* theirs; NULL: a static pod */
	char *path;	/* of the unit or the manifest, without --root */
	char *release;	/* "v3.5.16" */
	char *current;	/* what releases/current pointed at; NULL: there was none */
	char *data_dir; /* without --root */
	char *wal_dir;	/* or NULL */
	char *name;
	uint64_t cluster_id, member_id;
	uid_t uid; /* of the data, before */
	gid_t gid;
	bool enabled;	   /* their unit started at the boot */
	bool allow_outage; /* a person has accepted it */
	bool many;	   /* there are other members */
};

#define auto_journal cleanup(adopt_journal_free)
void adopt_journal_free(struct adopt_journal *j);

/* 1, 0 there is none (step is ADOPT_NOTHING), -1. The caller frees. */
int adopt_journal_read(const struct layout *at, struct adopt_journal *j, struct err *e) MUST_CHECK;
int adopt_journal_write(const struct layout *at, const struct adopt_journal *j, struct err *e) MUST_CHECK;
const char *adopt_step_name(enum adopt_step step);
