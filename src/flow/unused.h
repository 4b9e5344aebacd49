/* SPDX-License-Identifier: Apache-2.0
 *
 * A machine that was installed without answers is a cluster of its own: one member on loopback, with a CA of its own.
 * When it gets the answers of another cluster later, and no key was ever written into its own, that one is given up.
 */
#pragma once

#include "config/machine.h"

/*
 * Gives an unused cluster up: stops etcd, and moves data, member-id, etcd.env and, unless this machine makes the CA of
 * the new cluster, pki aside. Only when this machine alone formed it, it still has one member, and holds nothing; and
 * only for ROLE=join, ROLE=cluster with others, or `joins` (the verb join, which is about to write ROLE=join). Under
 * machine_lock, before anything else looks at the machine.
 * 1 given up (dry run: would be), or an interrupted run finished; 0 this machine is not an unused cluster; -1:
 * ERR_CONFIG, it holds keys, or cannot be asked or stopped; ERR_PENDING, `local` starts and stops nothing.
 */
int unused_give_up(const struct machine *m, bool joins, bool local, struct err *e) MUST_CHECK;
