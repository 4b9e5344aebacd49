/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificates as etcd sees them when it starts.
 */
#pragma once

#include "config/machine.h"

/*
 * The check before etcd starts, which itself would start and fail later: every pair loads, matches, is in date,
 * verifies up to ca.crt for its uses, and has the names that others dial (ADDRESS, NAME, loopback). ERR_VERIFY or
 * ERR_CONFIG with the file and the command that fixes it.
 */
int pki_check_start(const struct machine *m, struct err *e) MUST_CHECK;

/* The CN of the peer.crt in use, for ETCD_PEER_CERT_ALLOWED_CN; "" when a copied one has none. The caller frees. */
char *pki_peer_cn(const struct machine *m, struct err *e) MUST_CHECK;
