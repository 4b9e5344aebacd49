/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads cluster.conf and its drop-ins into a struct config.
 */
#pragma once

#include "base/err.h"
#include "config/config.h"
#include "config/layout.h"

/*
 * cluster.conf (an absent one is empty, unless --config named it), then its drop-ins (*.conf in byte order; a key
 * there replaces that of an earlier file). ERR_CONFIG for a mistake, with file and line; ERR_VERIFY when somebody else
 * can write a file; ERR_PENDING when the address is unknown and there is no network or DNS yet. The caller frees c in
 * any case.
 */
int config_load(const struct layout *at, struct config *c, struct err *e) MUST_CHECK;
