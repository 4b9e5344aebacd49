/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with the machine, each finding with the command that fixes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_BAD };

struct doctor_finding {
	enum doctor_level level;
	enum err_class class; /* of a bad one: decides the exit code */
	char *what;	      /* a plain sentence without the full stop */
	char *fix;	      /* what to type, or "" */
};

struct doctor_report {
	struct doctor_finding *list;
	size_t n;
	bool running; /* etcd runs on this machine */
};

void doctor_report_free(struct doctor_report *r);

/* "ok", "warn", "bad". */
const char *doctor_level_name(enum doctor_level level);

/* The first bad finding as an error (any of them is ERR_HEALTH while etcd runs), or 0. */
int doctor_verdict(const struct doctor_report *r, struct err *e) MUST_CHECK;

/* Adds a finding. The format is "what -> fix", or "what" alone; an arrow in one of the arguments does not count. */
void doctor_add(struct doctor_report *r, enum doctor_level level, enum err_class class, const char *fmt, ...)
	ERR_PRINTF(4, 5);
#define doctor_ok(r, ...)	  doctor_add(r, DOCTOR_OK, ERR_NONE, __VA_ARGS__)
#define doctor_warn(r, ...)	  doctor_add(r, DOCTOR_WARN, ERR_NONE, __VA_ARGS__)
#define doctor_bad(r, class, ...) doctor_add(r, DOCTOR_BAD, class, __VA_ARGS__)

/* An error as a bad finding. */
void doctor_error(struct doctor_report *r, const struct err *e);
