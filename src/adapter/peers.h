/* SPDX-License-Identifier: Apache-2.0
 *
 * What etcd answers on its peer port about the cluster it is in: GET /members (server/etcdserver/api/etcdhttp,
 * peerMembersHandler; the same from 3.4 to 3.7). It answers as soon as the process runs, also while it waits for a
 * quorum and its client port is silent.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"

struct peers_pair {
	const char *ca_file, *cert_file, *key_file; /* PEM; the pair is a peer's */
};

struct peers_answer {
	bool came;
	uint64_t cluster_id;
	struct buf members; /* JSON */
};

/*
 * Asks all of these peer URLs at once, for timeout_ms at most. out[i].came is false when urls[i] did not answer, not in
 * time, or is not an etcd of our CA. The caller frees each out[i].members.
 */
void peers_ask(char *const *urls, const struct peers_pair *as, unsigned int timeout_ms, struct peers_answer *out);

enum peers_standing {
	PEERS_NOT_LISTED,
	PEERS_LISTED,  /* a member that has not started yet */
	PEERS_STARTED, /* a member that has started before: it published its client URLs */
};

/* How the member with this peer URL stands in such a list; what is not a list has no members. */
enum peers_standing peers_find(const char *members, const char *peer_url);
