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
	enum err_class class
		;	  /* of a bad one: decides the exit code; ERR_HEALTH of a warning: the cluster is degraded */
	const char *code; /* "no_quorum": stable, for programs */
	char *what;	  /* a plain sentence without the full stop */
	char *fix;	  /* what to type, or "" */
};

struct doctor_report {
	struct doctor_finding *list;
	size_t n;
	bool running; /* etcd runs on this machine */
};

void doctor_report_free(struct doctor_report *r);

/* "ok", "warn", "bad". */
const char *doctor_level_name(enum doctor_level level);

/* The code of what only root can see. */
#define DOCTOR_NOT_ROOT "not_root"

/* The worst first. Equal ones stay in their order. */
void doctor_sort(struct doctor_report *r);

/* The first bad finding as an error (any of them is ERR_HEALTH while etcd runs), else a degraded cluster, or 0. */
int doctor_verdict(const struct doctor_report *r, struct err *e) MUST_CHECK;

/*
 * Adds a finding, unless the report has one with the same words. The format is "what -> fix", or "what" alone; an arrow
 * in one of the arguments does not count.
 */
void doctor_add(struct doctor_report *r, enum doctor_level level, enum err_class class, const char *code,
		const char *fmt, ...) ERR_PRINTF(5, 6);
#define doctor_ok(r, ...)	  doctor_add(r, DOCTOR_OK, ERR_NONE, __VA_ARGS__)
#define doctor_warn(r, ...)	  doctor_add(r, DOCTOR_WARN, ERR_NONE, __VA_ARGS__)
#define doctor_bad(r, class, ...) doctor_add(r, DOCTOR_BAD, class, __VA_ARGS__)

/* Removes the warnings that end with these words: what is added next says the same, and is worse. */
void doctor_supersede(struct doctor_report *r, const char *what);

/* An error as a bad finding. One that only root would not have had is a warning that says so, "not_root". */
void doctor_error(struct doctor_report *r, const char *code, const struct err *e);
