/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/recovered: this machine's data is that of a former cluster which had lost its quorum (flow/recover.c),
 * or comes from a backup (flow/restore.c).
 * Written when the new data is whole, beside the old: from then on the recovery can only be finished. It is kept
 * afterwards, for the cluster token and for the look at the former members.
 */
#pragma once

#include "config/machine.h"

struct recovered {
	uint64_t cluster_id, member_id; /* of the new cluster */
	uint64_t former_cluster;	/* 0: not known */
	char *token; /* ETCD_INITIAL_CLUSTER_TOKEN: CLUSTER_TOKEN.nonce, so that no two recoveries have one ID */
	char **former_peers; /* strv: the peer URLs of the former members, or NULL */
	/* Of a restore from a backup; else NULL. */
	char *nonce; /* the one in token: the cluster has a record of its own (member/forming.h) */
	char *file;  /* which file it was (flow/restore.c) */
};

#define auto_recovered cleanup(recovered_free)

/* 1: filled, the caller frees. 0: this machine was never recovered. -1: it cannot be read or parsed. */
int recovered_read(const struct machine *m, struct recovered *r, struct err *e) MUST_CHECK;
void recovered_free(struct recovered *r);

/* 1 written, 0 it has this content already. */
int recovered_write(const struct machine *m, const struct recovered *r, struct err *e) MUST_CHECK;

/* Where the new data of a part (aside_parts) waits for its place. The caller frees. */
char *recovered_part(const char *part);

/* True while a recovery has not put the new data in its place and this machine's identity on it. */
bool recovered_pending(const struct machine *m, const struct recovered *r);
