/* SPDX-License-Identifier: Apache-2.0
 *
 * A member that moves to another address. etcd itself notices nothing: once there is data it ignores what its settings say about its peer URL, and the
 * others go on dialling the old one. So the cluster is told, by a member update, and etcd is started on the new address.
 */
#pragma once

#include "flow/run.h"

/*
 * Sets r->moves. Before anything is changed, for the certificates of the new address would not do for the old one: an etcd that still runs on an
 * address of this machine, and whose peers dial it there, is not moved while it serves (ERR_CONFIG, with what to type).
 */
int move_check(struct setup_run *r, struct err *e) MUST_CHECK;

/* Before etcd.env is made anew: tells the others where they will find this member. 1, 0; ERR_PENDING: nobody can be told now. */
int move_announce(struct setup_run *r, struct err *e) MUST_CHECK;

/* Once etcd is healthy: makes the cluster dial it where cluster.conf says, if it does not. 1, 0, -1. */
int move_settle(struct setup_run *r, struct err *e) MUST_CHECK;
