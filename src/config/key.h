/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of cluster.conf: each checks its value and stores it. What concerns several keys at once is config/load.c's.
 */
#pragma once

#include "config/check.h"
#include "config/config.h"

/* "single", "cluster", "join", "none". */
const char *config_role_name(enum role role);

/*
 * One entry of JOIN: "10.0.0.1", "fd00::3", "[fd00::3]", "10.0.0.1:12379", "[fd00::3]:12379", "db1.example.org:12379".
 * *address (freed by the caller) is what stands before the port, *port 0 when there is none. False for a port that is
 * not a number.
 */
bool config_split_join(const char *entry, char **address, uint16_t *port);

/* Checks and stores one line; an empty value keeps the default. For an unknown key the error names the nearest one. */
int config_key_set(struct config *c, const struct config_line *line, struct err *e) MUST_CHECK;

/* An ETCD_* line: refused when a key of ours sets it or when it weakens the protection; else added to c->etcd. */
int config_etcd_set(struct config *c, const struct config_line *line, struct err *e) MUST_CHECK;
