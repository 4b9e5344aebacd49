/* SPDX-License-Identifier: Apache-2.0
 *
 * Where members can be asked, and as whom: as this machine's administrator, with the etcdctl-etcd-client certificate
 * (clientAuth, CN=root, so that it works with RBAC, too).
 */
#pragma once

#include "adapter/grpc.h"
#include "config/machine.h"

/* The name of its files in /etc/etcd/pki. */
#define ENDPOINT_PAIR "etcdctl-etcd-client"

/*
 * A session with the member at url. Connecting may take connect_ms (0: as long as a call), each call call_ms,
 * connecting included. NULL (ERR_CONFIG, with what to type) when a certificate is missing or cannot be read; nothing is
 * sent yet. The caller closes it.
 */
struct grpc *endpoint_open(const struct machine *m, const char *url, unsigned int connect_ms, unsigned int call_ms,
			   struct err *e);

/*
 * Client URL at which this machine's member can be asked, and no other one: the first in etcd.env (advertised, then
 * listened on), else that of cluster.conf, when it leads to an address of this machine; else loopback, where etcd
 * listens, too. Below --root no address is looked at. The caller frees.
 */
char *endpoint_own(const struct machine *m);

/* The first client URL that etcd.env advertises, which the others use; NULL while there is none. The caller frees. */
char *endpoint_advertised(const struct machine *m);

/* Whether the host of that URL is, or is the name of, an address that this machine has now. */
bool endpoint_is_here(const char *url);

/*
 * Peer URL of this machine's member: by cluster.conf (an ETCD_ line of it wins, as in etcd.env), and in etcd.env; NULL
 * while there is none. The caller frees.
 */
char *endpoint_peer(const struct config *c);
char *endpoint_peer_in_use(const struct machine *m);

/*
 * Client URLs where the cluster may be known: the own one first, then those of MEMBERS, of JOIN, and of the initial
 * cluster in etcd.env; each once. A strv that the caller frees.
 */
char **endpoint_all(const struct machine *m);

/* "https://[::1]:2379": the host without brackets, which the caller frees, and the port. False for anything else. */
bool endpoint_split(const char *url, char **host, uint16_t *port);
