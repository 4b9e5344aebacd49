/* SPDX-License-Identifier: Apache-2.0
 *
 * A member that moves to another address. Once there is data, etcd ignores the peer URL of its settings, and the others
 * go on dialling the old one. So the cluster gets a member update first, then etcd is started on the new address.
 */
#pragma once

#include "flow/run.h"

/*
 * Sets r->moves. Refuses (ERR_CONFIG) to move an etcd that still runs on an address of this machine at which its peers
 * dial it; before anything is changed, since the certificates of the new address are of no use at the old one.
 */
int move_check(struct setup_run *r, struct err *e) MUST_CHECK;

/* Before etcd.env is written: gives the cluster the new peer URL. 1, 0; ERR_PENDING: no member can take it now. */
int move_announce(struct setup_run *r, struct err *e) MUST_CHECK;

/* When etcd is healthy: gives the cluster the peer URL of cluster.conf if it has another one. 1, 0, -1. */
int move_settle(struct setup_run *r, struct err *e) MUST_CHECK;
