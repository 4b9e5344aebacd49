/* SPDX-License-Identifier: Apache-2.0
 *
 * What the values of cluster.conf must look like, one function for each kind. They return NULL for a valid value, else
 * the reason, which stands after "KEY=value ". A valid value holds nothing that a unit, a URL, a certificate or an
 * environment file reads in a special way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* One line of cluster.conf or of a drop-in. */
struct config_line {
	char *key;
	char *value;
	char *where; /* "file:line" */
};

void config_line_free(struct config_line *line);

/* ERR_CONFIG, "where: KEY=value <why>". Returns -1. */
int config_bad(struct err *e, const struct config_line *line, const char *why, ...) ERR_PRINTF(3, 4);

/* True for an IPv4 or IPv6 literal (no zone, no brackets). */
bool config_is_ip(const char *address);

/* True for a literal of loopback: 127.0.0.0/8, also in IPv6 form, and ::1. */
bool config_is_loopback(const char *address);

/* Characters of a member name: 64 in a common name (RFC 5280, ub-common-name), 63 in a DNS label (RFC 1035, 2.3.4). */
#define CONFIG_NAME_MAX 63U

/* A member name, which becomes a DNS SAN: labels of lower-case letters, digits and hyphens, with dots between them. */
const char *config_check_name(const char *s);

/*
 * What others can dial: a DNS name (RFC 1123 labels of at most 63, 253 in all) or an IP literal (no brackets, no zone,
 * neither unspecified nor multicast).
 */
const char *config_check_address(const char *s);

/* A SAN: as above, and *.example.com. */
const char *config_check_san(const char *s);

/* http://ADDRESS:PORT, ADDRESS an IP literal (IPv6 in brackets) or localhost. */
const char *config_check_metrics_url(const char *s);

/* A base to fetch releases from: https://, http://, file:///, or an absolute directory; no user and password in it. */
const char *config_check_release_base(const char *s);

/* An absolute path without ., .., // and a slash at its end, of letters, digits and . _ / + @ - only. */
const char *config_check_path(const char *s);

/* True when path is dir or lies below it. */
bool config_is_below(const char *path, const char *dir);

/* A path for backups, which the hardened unit can reach. */
const char *config_check_backup_dir(const char *s);

/* What a calendar event of systemd.time(7) can have; only systemd can check all of it. */
const char *config_check_calendar(const char *s);

/* A program with an absolute path, and its arguments. */
const char *config_check_command(const char *s);

/* A name in passwd(5). */
const char *config_check_user(const char *s);

/* A path that may become a data directory: neither shared with others nor hidden from the hardened unit. */
const char *config_check_data_dir(const char *s);
