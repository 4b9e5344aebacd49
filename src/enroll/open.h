/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the enrolment server of this machine is to run.
 */
#pragma once

#include "config/machine.h"

/*
 * On a CA host (ca.crt and ca.key are there): with ROLE=cluster takes the token of ENROLL_TOKEN_FILE into the store
 * for the other MEMBERS and wipes the file; removes spent tokens; opens the enrolment port while somebody may come:
 * other MEMBERS, a cluster that was joined, tokens, enrolled machines. Else, and on any other machine, closes it.
 * Needs machine_lock, and the certificates in place. 1 changed, 0, -1.
 */
int enroll_open(const struct machine *m, struct err *e) MUST_CHECK;
