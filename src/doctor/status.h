/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything `status` shows, gathered: this machine, its cluster, and what is wrong with either.
 */
#ifndef DOCTOR_STATUS_H
#define DOCTOR_STATUS_H

#include "doctor/check.h"
#include "member/health.h"
#include "member/joining.h"
#include "pki/list.h"
#include "release/release.h"
#include "service/outcome.h"

struct status {
	bool has_outcome; /* setup has run since boot */
	struct outcome outcome;
	bool joins;		   /* this machine is on its way into a running cluster */
	enum joining_step joining; /* how far */
	bool has_release;
	struct release release;	     /* the installed one */
	struct member_survey survey; /* empty when nobody could be asked */
	struct pki_entry *certs;
	size_t n_certs;
	struct check_report report; /* with the "ok" findings */
};

/* Asks and reads all of it; what cannot be had is a finding. Each call to a member takes timeout_ms at most. The caller frees. */
void status_gather(const struct machine *m, unsigned int timeout_ms, struct status *s);
void status_free(struct status *s);

/* The member on this machine, or NULL. */
const struct member *status_here(const struct status *s);

/* True when a quorum of this machine's cluster says that its member is none any more. */
bool status_removed(const struct status *s);

/* 0 when this machine is healthy or meant to be idle; else -1: ERR_PENDING while setup will try again, ERR_HEALTH otherwise. */
int status_verdict(const struct machine *m, const struct status *s, struct err *e) MUST_CHECK;

#endif
