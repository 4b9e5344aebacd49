/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of forming that the first of MEMBERS does, and a lone machine, which is the first of one.
 */
#pragma once

#include "flow/run.h"

/* As form_agree and form_commit. */
int form_first_agree(struct setup_run *r, struct err *e) MUST_CHECK;
int form_first_commit(struct setup_run *r, struct err *e) MUST_CHECK;

/* Fingerprint of the public key of ca.crt, which the caller frees. 1, 0 there is none, -1. */
int form_ca(const struct machine *m, char **fingerprint, struct err *e) MUST_CHECK;

/* ERR_PENDING with what is awaited. -1. */
int form_wait(const struct setup_run *r, const char *why, struct err *e);

/*
 * The same. A machine that answers on its peer port belongs to a cluster, whose CA and data this one must not shadow:
 * then the message and the hint name it.
 */
int form_wait_for_others(const struct setup_run *r, const char *why, struct err *e);
