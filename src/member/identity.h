/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/member-id: which member of which cluster this machine is, written after its first healthy start and kept
 * apart from the data. A machine that has it and finds its data gone must not start empty: it would vote again for what
 * it has forgotten.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "config/machine.h"

struct identity {
	uint64_t cluster_id, member_id;
	char *name;
};

/*
 * 1: filled, the caller frees with identity_free. 0: there is none. -1: it is there and cannot be read or understood.
 */
int identity_read(const struct machine *m, struct identity *id, struct err *e) MUST_CHECK;

/* 1 written, 0 it said that already. With m->dry_run nothing is written. */
int identity_write(const struct machine *m, const struct identity *id, struct err *e) MUST_CHECK;

void identity_free(struct identity *id);
