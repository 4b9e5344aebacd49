/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine that was installed without answers is a cluster of its own, of one member on loopback, with a CA of its own. When it is told later that
 * it belongs to another cluster, and nobody has ever written a key into its own, that one is in the way, and nothing but in the way.
 */
#pragma once

#include "config/machine.h"

/*
 * Gives such a cluster up: stops etcd, and moves data, member-id, etcd.env and, unless this machine makes the CA of the new cluster, pki aside. Only
 * when it was formed by this machine alone, still has one member, and holds nothing; for ROLE=join, ROLE=cluster with others, or when `joins`
 * (the verb join, which is about to write ROLE=join). Under machine_lock, before anything else looks at the machine.
 * 1 given up (dry run: would be), or an interrupted one finished; 0 this is no such machine; -1: ERR_CONFIG, it holds keys, or cannot be asked or
 * stopped; ERR_PENDING, it would be, but `local` starts and stops nothing.
 */
int unused_give_up(const struct machine *m, bool joins, bool local, struct err *e) MUST_CHECK;
