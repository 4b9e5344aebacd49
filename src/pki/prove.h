/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks by handshakes that a running etcd serves the certificates on disk.
 */
#pragma once

#include "config/machine.h"

/*
 * One handshake with each address of the client port and the peer port. A port that nobody listens on passes. Another
 * program there is ERR_HEALTH on a live machine and passes below a --root, where ports belong to the host. Another
 * serial of our own CA is always ERR_HEALTH.
 */
int pki_prove(const struct machine *m, struct err *e) MUST_CHECK;
