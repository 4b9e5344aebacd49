/* SPDX-License-Identifier: Apache-2.0
 *
 * The doctor: looks at the machine and reports what it finds, each finding with the command that fixes it.
 * Nothing here changes the machine.
 */
#ifndef DOCTOR_CHECK_H
#define DOCTOR_CHECK_H

#include "config/machine.h"

enum check_level { CHECK_OK, CHECK_WARN, CHECK_BAD };

struct check_finding {
	enum check_level level;
	enum err_class class; /* of a bad one: decides the exit code */
	char *what;	      /* a plain sentence without the full stop */
	char *fix;	      /* what to type, or "" */
};

struct check_report {
	struct check_finding *list;
	size_t n;
	bool running; /* etcd runs on this machine */
};

void check_report_free(struct check_report *r);

/* "ok", "warn", "bad". */
const char *check_level_name(enum check_level level);

/* The first bad finding as an error (any of them is ERR_HEALTH while etcd runs), or 0. */
int check_verdict(const struct check_report *r, struct err *e) MUST_CHECK;

/* What etcd.service asks before each start: release, certificates, data directory. Offline, reads a few files only. */
void check_start(const struct machine *m, struct check_report *r);

/* Everything. Takes up to a few seconds: measures the disk and asks etcd. */
void check_all(const struct machine *m, struct check_report *r);

/*
 * What setup asks before the very first start: ports free (else the program that holds them is named), the address is this machine's,
 * room on the disk. ERR_CONFIG.
 */
int check_before_start(const struct machine *m, struct err *e) MUST_CHECK;

#endif
