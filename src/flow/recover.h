/* SPDX-License-Identifier: Apache-2.0
 *
 * After so many members are lost for ever that the rest has no quorum: the data of this machine goes on as a cluster of
 * one.
 */
#pragma once

#include "config/machine.h"

/*
 * Makes this machine's member the only one of its cluster (etcd's --force-new-cluster) and starts it. cluster_id is
 * what the person typed: it must be that of the data here. Refused while there is a quorum or any other member can be
 * reached. The data is copied first. Killed anywhere and run again, it ends the same. 1 done, 0 it is a healthy cluster
 * of one already, -1.
 */
int recover_run(const struct machine *m, uint64_t cluster_id, struct err *e) MUST_CHECK;
