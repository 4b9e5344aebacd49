/* SPDX-License-Identifier: Apache-2.0
 *
 * What an examination of a machine and its cluster has found.
 */
#pragma once

#include "backup/state.h"
#include "cahost/active.h"
#include "cahost/record.h"
#include "cluster/health.h"
#include "config/machine.h"
#include "doctor/report.h"
#include "member/joining.h"
#include "pki/list.h"
#include "release/release.h"
#include "service/outcome.h"

/* Backups, as far as this machine knows. */
struct doctor_backups {
	struct backup_state here; /* how those of this machine went */
	time_t newest;		  /* of the cluster; 0: none is known */
	char *file, *member;	  /* its name, and the machine that took it; or NULL */
	long period;		  /* of BACKUP_SCHEDULE, in seconds; 0: not known */
};

struct doctor_exam {
	bool has_outcome; /* setup has run since boot */
	struct outcome outcome;
	bool interrupted;	   /* that setup was killed */
	bool retries;		   /* setup is not ready, and the retry timer runs */
	long long next_ms;	   /* until it tries again; 0: at once */
	bool joins;		   /* this machine is on its way into a running cluster */
	enum joining_step joining; /* how far */
	bool has_release;
	struct release release;		/* the installed one */
	struct member_survey survey;	/* empty when nobody could be asked */
	const struct member *here;	/* the one on this machine, or NULL */
	struct pki_entry *certs;	/* pki_list; NULL: not looked at */
	size_t servers;			/* other machines that accept connections to the enrolment port */
	bool has_ca;			/* ca.key is here */
	struct enroll_active active;	/* then: whether this machine signs for others */
	struct enroll_records enrolled; /* on a CA host, which machines got certificates */
	struct enroll_records clients;	/* likewise, which clients */
	struct doctor_backups backups;
	struct doctor_report report; /* with the "ok" findings */
};
