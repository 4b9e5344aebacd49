/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/host: the machine that this member was set up on, by the UUID of its hardware, its machine-id and its
 * address. One of them may change: a mainboard is replaced, the network gives another address. Where two have changed,
 * this is probably a copy of a member that runs elsewhere.
 */
#pragma once

#include "config/machine.h"

/* 1 it is recorded, 0 it is not (or only root can read it), -1. */
int host_is_known(const struct machine *m, struct err *e) MUST_CHECK;

/* ERR_CONFIG when two facts are not those on record. Facts that this machine or the record does not have are equal. */
int host_check(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Records this machine, with a warning for hardware and machine-id that have changed. moved: its address, too, which
 * else stays as it was recorded, since a change of address takes effect with the others only. 1 written, 0, -1.
 */
int host_write(const struct machine *m, bool moved, struct err *e) MUST_CHECK;

/* A hash of the machine-id, which machine-id(5) asks to keep on the machine; 0: it has none. */
uint64_t host_machine_id(const struct machine *m);
