/* SPDX-License-Identifier: Apache-2.0
 *
 * Where members can be asked, and as whom: as this machine's administrator, with the etcdctl-etcd-client certificate
 * (clientAuth, CN=root, so that it stays welcome when RBAC is switched on).
 */
#pragma once

#include "adapter/grpc.h"
#include "config/machine.h"

/* The name of its files in /etc/etcd/pki. */
#define ENDPOINT_PAIR "etcdctl-etcd-client"

/*
 * A session with the member at url. Connecting may take connect_ms (0: as long as a call), each call call_ms,
 * connecting included. NULL (ERR_CONFIG, with what to type) when a certificate is missing or not for us to read;
 * nothing is sent yet. The caller closes it.
 */
struct grpc *endpoint_open(const struct machine *m, const char *url, unsigned int connect_ms, unsigned int call_ms,
			   struct err *e);

/*
 * Where the member of this machine is: what etcd.env tells it to advertise, else what cluster.conf says. The caller
 * frees.
 */
char *endpoint_own(const struct machine *m);

/*
 * Where the others dial this member: what cluster.conf says now (an ETCD_ line of it wins, as it does in etcd.env), and
 * what etcd.env says; NULL while there is none. The caller frees.
 */
char *endpoint_peer(const struct config *c);
char *endpoint_peer_in_use(const struct machine *m);

/*
 * Client URLs at which somebody may know the cluster: the own one first, then those of MEMBERS, of JOIN, and of the
 * members that etcd.env tells etcd to begin with; each once. A strv that the caller frees.
 */
char **endpoint_all(const struct machine *m);

/*
 * Takes "https://[::1]:2379" apart: the host without brackets, which the caller frees, and the port. False when it is
 * no such thing.
 */
bool endpoint_split(const char *url, char **host, uint16_t *port);
