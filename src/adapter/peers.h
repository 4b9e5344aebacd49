/* SPDX-License-Identifier: Apache-2.0
 *
 * What etcd says on its peer port about the cluster it is in: GET /members (server/etcdserver/api/etcdhttp, peerMembersHandler; the
 * same from 3.4 to 3.7). It answers as soon as the process runs, also while it still waits for a quorum, when its client port says
 * nothing yet: so it tells a cluster that is being formed from silence.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
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
 * Asks all of these peer URLs at once; out[i] is what urls[i] said, not come when it was nobody, not in time or not an etcd of our
 * CA. Takes timeout_ms at most. The caller frees each out[i].members.
 */
void peers_ask(char *const *urls, const struct peers_pair *as, unsigned int timeout_ms, struct peers_answer *out);

enum peers_standing {
	PEERS_NOT_LISTED,
	PEERS_LISTED,  /* it belongs to the cluster, but has not been up yet */
	PEERS_STARTED, /* and was up before: it has told its client URLs */
};

/* How the member with this peer URL stands in such a list. */
enum peers_standing peers_find(const char *members, const char *peer_url);
