/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks whether a running etcd serves the certificates that are on disk.
 */
#pragma once

#include "config/machine.h"

/*
 * One handshake with each address of the client and the peer port. Nobody listening is fine. Something else listening
 * is ERR_HEALTH on a live machine, and nothing below a --root, where it is no business of ours; another serial of our
 * own CA is always ERR_HEALTH.
 */
int pki_prove(const struct machine *m, struct err *e) MUST_CHECK;
