/* SPDX-License-Identifier: Apache-2.0
 *
 * How the maintenance by this machine went, for `status`: /var/lib/etcd-cluster.state/maintain.
 */
#pragma once

#include "config/machine.h"

struct upkeep_state {
	time_t time;   /* when it last defragmented a database; 0: not yet */
	char *member;  /* of which member, or "" */
	time_t failed; /* of the first failure since; 0: none */
	char *why;     /* of the last failure, or "" */
};

/* What cannot be read is empty. The caller frees. */
void upkeep_state_read(const struct machine *m, struct upkeep_state *s);
void upkeep_state_free(struct upkeep_state *s);

/* 1 written, 0 it has this content already, -1. */
int upkeep_state_write(const struct machine *m, const struct upkeep_state *s, struct err *e) MUST_CHECK;
