/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/member-id: which member of which cluster this machine is. It is written as soon as etcd has begun its log,
 * and kept apart from the data: a machine that has it and finds its data gone must not start empty, since it would vote
 * again on what it has forgotten.
 */
#pragma once

#include "config/machine.h"

struct identity {
	uint64_t cluster_id, member_id;
	char *name;
};

/* 1: filled, the caller frees with identity_free. 0: there is none. -1: it cannot be read or parsed. */
int identity_read(const struct machine *m, struct identity *id, struct err *e) MUST_CHECK;

/* 1 written (with m->dry_run: would be), 0 it has this content already. */
int identity_write(const struct machine *m, const struct identity *id, struct err *e) MUST_CHECK;

void identity_free(struct identity *id);
