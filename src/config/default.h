/* SPDX-License-Identifier: Apache-2.0
 *
 * Defaults from the machine: its name, its address, the release that the package pins.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "config/layout.h"

/*
 * The host name in lower case, checked (config_check_name); of one that is too long the part before the first dot.
 * Below --root the name in its /etc/hostname, if any. The caller frees.
 */
char *config_default_name(const struct layout *at, struct err *e) MUST_CHECK;

/*
 * The source address of the default route, IPv4 before IPv6: that of a UDP socket connected to a documentation address
 * (RFC 5737, RFC 3849), for which no packet is sent. ERR_PENDING when there is no route. The caller frees.
 */
char *config_default_address(struct err *e) MUST_CHECK;

/* The newest 3.6 for our architecture in the pinned table (layout.digests), or NULL. The caller frees. */
char *config_default_release(const struct layout *at);

/* True when an interface of this machine that is up has this IP literal. */
bool config_is_own_address(const char *address);

/* True when this machine has only loopback and link-local IPv6 addresses: its network is not up (yet). */
bool config_is_offline(void);

/*
 * Why an address may be missing that comes by itself: "which has no network", "whose interface eth1 has no carrier" (it
 * is up, and without an address); NULL: nothing is missing. The caller frees.
 */
char *config_network_gap(void);

/* The same for a DNS name: 1 an address of this machine, 0 another address, -1 it cannot be resolved now. */
int config_is_own_name(const char *name);
