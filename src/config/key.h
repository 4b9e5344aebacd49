/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of cluster.conf, one setter each: checks a value by itself and stores it. What concerns several keys at once is config.c's.
 */
#ifndef CONFIG_KEY_H
#define CONFIG_KEY_H

#include "base/err.h"
#include "config/config.h"

/* One line of cluster.conf or of a drop-in. */
struct config_line {
	char *key;
	char *value;
	char *where; /* "file:line" */
};

/* ERR_CONFIG, "where: KEY=value <why>". Returns -1. */
int config_bad(const struct config_line *line, const char *why, struct err *e);

/* Checks and stores one line; an empty value leaves the default. An unknown key is ERR_CONFIG with the nearest known one. */
int config_key_set(struct config *c, const struct config_line *line, struct err *e) MUST_CHECK;

/* An ETCD_* line: refused when a key of ours sets the same, or when it would take the protection away; else appended to c->etcd. */
int config_etcd_set(struct config *c, const struct config_line *line, struct err *e) MUST_CHECK;

#endif
