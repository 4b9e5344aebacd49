/* SPDX-License-Identifier: Apache-2.0
 *
 * The units under systemd, by systemctl(1). Functions do nothing on a machine that is not live.
 */
#pragma once

#include "config/machine.h"

/*
 * Lets etcd.service write to DATA_DIR and WAL_DIR when they are not the packaged ones: a drop-in in
 * /etc/systemd/system, removed when it is not needed. 1 changed, 0 unchanged, -1. Works below --root too.
 */
int service_paths(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Starts etcd.service, also after a failure, unless systemd is about it already. It does not wait: a member sends
 * READY=1 only once there is a quorum, which can take for ever. kill: ends a running etcd by SIGKILL first, since one
 * whose address is gone tries for more than a minute to reach its peers when it is stopped. What it has acknowledged is
 * on its disk.
 */
int service_start(const struct machine *m, bool kill, struct err *e) MUST_CHECK;

/* Stops etcd.service and waits until it has ended. */
int service_stop(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Opens or closes the enrolment port: starts or stops etcd-cluster-enroll.socket, with a drop-in for an ENROLL_PORT
 * that is not the packaged one. 1 changed, 0 unchanged, -1. Below --root it only writes the drop-in.
 */
int service_enroll_port(const struct machine *m, bool open, struct err *e) MUST_CHECK;

/* How the last run of etcd.service ended. All but the first have a reason. */
enum service_end {
	SERVICE_GOOD,	  /* it runs, starts, or was stopped */
	SERVICE_FAILED,	  /* for good */
	SERVICE_SKIPPED,  /* a condition of the unit was not met */
	SERVICE_RESTARTS, /* it failed, or its preflight refused, and systemd starts it again */
};

/* By the unit's properties ActiveState, Result and ConditionResult. */
enum service_end service_end(const char *state, const char *result, const char *condition);

/*
 * An enum service_end, or -1. *why gets the reason (the caller frees), *restarts (may be NULL) how often systemd has
 * started it again since service_start.
 */
int service_failed(const struct machine *m, unsigned int *restarts, char **why, struct err *e) MUST_CHECK;

/* True when etcd ended because the leader knows entries of its log that are gone (raft, "tocommit is out of range"). */
bool service_lost_log(const struct machine *m);

/*
 * True when etcd.service is masked, or ran since the boot and was stopped, by a person or by a verb like `leave`. A
 * stop from before the installation of this package does not count: the package manager did that.
 */
bool service_was_stopped(const struct machine *m);

/* Starts or stops the timer that runs setup again: it is on until the machine is ready or idle. And whether it is. */
int service_retry(const struct machine *m, bool on, struct err *e) MUST_CHECK;
bool service_retry_is_on(const struct machine *m);

/*
 * systemctl VERB UNIT: enable, disable, start, stop of any unit, and what takes no unit ("daemon-reload", NULL). A
 * start waits until the unit is ready, 100 s at most.
 */
int service_do(const struct machine *m, const char *verb, const char *unit, struct err *e) MUST_CHECK;
/* True when it is started at the boot. */
bool service_is_enabled(const struct machine *m, const char *unit);
