/* SPDX-License-Identifier: Apache-2.0
 *
 * The etcd unit under systemd, by systemctl(1). Every function does nothing on a machine that is not live.
 */
#pragma once

#include "config/machine.h"

/*
 * Tells systemd which directories etcd may write when they are not the packaged default: a drop-in for etcd.service in
 * /etc/systemd/system, removed again when it is not needed. 1 changed, 0 as it was, -1. Works below --root too.
 */
int service_paths(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Asks systemd to start etcd.service and does not wait: a member of N sends READY=1 only once there is a quorum, so
 * waiting for the job can take for ever. A unit that had failed before gets a fresh start.
 */
int service_start(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Kills an etcd that runs and starts the unit: for one whose address is gone, which would try in vain to tell its peers
 * for more than a minute. What it has acknowledged is on its disk.
 */
int service_kill_and_start(const struct machine *m, struct err *e) MUST_CHECK;

/* Stops etcd.service and waits until it has ended; one that does not run is stopped already. */
int service_stop(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Opens or closes the enrolment port: starts or stops etcd-cluster-enroll.socket, with a drop-in for an ENROLL_PORT
 * that is not the packaged one. 1 changed, 0 as it was, -1. Below --root it only writes the drop-in.
 */
int service_enroll_port(const struct machine *m, bool open, struct err *e) MUST_CHECK;

/*
 * Whether etcd.service has given up (failed, or its preflight refused); *why is then a plain clause. The caller frees.
 */
int service_failed(const struct machine *m, char **why, struct err *e) MUST_CHECK;

/* Starts or stops the timer that runs setup again; it is on only while something is pending. */
int service_retry(const struct machine *m, bool on, struct err *e) MUST_CHECK;
