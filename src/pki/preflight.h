/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates as etcd sees them when it starts.
 */
#ifndef PKI_PREFLIGHT_H
#define PKI_PREFLIGHT_H

#include "config/machine.h"

/*
 * The preflight before etcd starts, which itself would start and fail later: every pair loads, matches, is in date, verifies up to ca.crt for its uses,
 * and the names others dial (ADDRESS, NAME, loopback) are in it. ERR_VERIFY or ERR_CONFIG with the file and the mending command.
 */
int pki_check_start(const struct machine *m, struct err *e) MUST_CHECK;

/* The CN of the peer.crt in use, for ETCD_PEER_CERT_ALLOWED_CN; "" when a given one has none. The caller frees. */
char *pki_peer_cn(const struct machine *m, struct err *e) MUST_CHECK;

#endif
