/* SPDX-License-Identifier: Apache-2.0
 *
 * The etcd of this machine is stopped and started again, when the others can do without it.
 */
#pragma once

#include "config/machine.h"

struct restart_how {
	bool allow_outage; /* also when one of two voting members stops */
	time_t since; /* not 0: an etcd that was started after that has been restarted already (a run was killed) */
};

/*
 * Writes etcd.env for the cluster.conf of now, checks that etcd could be started, takes the lock of the cluster, waits
 * for the gate (cluster/gate.h), moves the leadership away, has etcd stopped and started, waits until it is in sync,
 * and releases the lock. Needs the machine lock. Killed anywhere and run again, it goes on. An etcd that does not run
 * is started. Without systemd it is ended by SIGTERM, and what supervises it must start it again.
 *
 * 1 done (dry run: would be), -1: before the stop nothing but etcd.env has changed, and the lock is released; after it
 * the lock stays with this machine, so that no other member stops too.
 */
int restart_run(const struct machine *m, const struct restart_how *how, struct err *e) MUST_CHECK;
