/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/last-good: the settings and the release with which etcd was healthy last. A member whose cluster.conf is
 * broken or missing goes on with them, beside the data of the same member.
 *
 *   cluster.conf   all settings in one file
 *   etcd.env       a copy
 *   state          the SHA-256 of both, the release, and which member it was
 */
#pragma once

#include "config/machine.h"

/*
 * Records what the etcd that runs here was started with. 1 written, 0 it has that already, or etcd does not run with
 * the settings of now, or this machine is no member yet; -1.
 */
int last_good_write(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * After machine_open has failed with e: fills m->conf with the settings of the last healthy start, moves e to m->broken
 * and returns true. False, with m and e as they were, when there is none, it was changed, or it is of another member
 * than this machine.
 */
bool last_good_open(struct machine *m, struct err *e);

/* Makes etcd.env the one of the last healthy start. 1 put back, 0 it is that, -1. */
int last_good_put_back(const struct machine *m, struct err *e) MUST_CHECK;

/* The release of the last healthy start: "v3.6.14", or NULL. The caller frees. */
char *last_good_release(const struct machine *m);
