/* SPDX-License-Identifier: Apache-2.0
 *
 * The last step of setup.
 */
#pragma once

#include "flow/run.h"

/*
 * Starts etcd, waits until it is healthy, makes a learner a voter, and writes down which member this machine is. 1
 * changed, 0 it ran already. ERR_PENDING: etcd, or what it waits for, needs longer.
 */
int start_run(struct setup_run *r, struct err *e) MUST_CHECK;
