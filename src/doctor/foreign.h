/* SPDX-License-Identifier: Apache-2.0
 *
 * An etcd of somebody else on this machine. The packages look for one before they are unpacked (scripts/foreign); this
 * is the look of setup, which also runs later.
 */
#pragma once

#include "config/machine.h"
#include "doctor/report.h"

/*
 * For a machine without a member-id, before anything is changed. ERR_CONFIG: an etcd.service overrides that of the
 * package, or etcd.env was not made by setup, or a running etcd that setup did not start uses the certificates in
 * /etc/etcd/pki. Only reads. Below --root it does not look at processes.
 */
int foreign_check(const struct machine *m, struct err *e) MUST_CHECK;

/* Reports an adoption (adopt/adopt.h) that was interrupted, or that a person has not confirmed yet. */
void doctor_adopted(const struct machine *m, struct doctor_report *r);
