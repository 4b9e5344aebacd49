/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of this machine's member to another version of etcd.
 *
 * Everything that can fail without a stop comes first: the release is fetched and verified, the step is judged
 * (release/step.h), a snapshot of the cluster is taken. Then the lock of the cluster is taken, the release becomes
 * current and etcd.env is written for it, the gate is asked again (cluster/gate.h), and etcd is started anew by one
 * order to systemd. It has to come back as a healthy member of that version. If it does not, and the cluster version
 * has not risen, the former release is put back and started.
 */
#pragma once

#include "config/machine.h"
#include "config/version.h"

struct upgrade_options {
	bool allow_outage;   /* of two voters, one is stopped */
	unsigned int within; /* seconds in which the new release has to be healthy */
};

/*
 * Under machine_lock. 1 done (with m->dry_run: would be), 0 this member runs that version already and nothing is left
 * of a run that was killed; -1:
 *   ERR_CONFIG   refused, before anything was changed: a rule of the step, more than one step, no member
 *   ERR_HEALTH   refused by the gate or because of a member that is down, before etcd was stopped; or the new release
 *                did not become healthy: the message says what runs now and names the snapshot
 *   and as release_install, take_run, lock_take, gate_check
 * Killed anywhere and run again with the same version, it goes on.
 */
int upgrade_run(const struct machine *m, struct version to, const struct upgrade_options *how,
		struct err *e) MUST_CHECK;
