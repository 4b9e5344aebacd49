/* SPDX-License-Identifier: Apache-2.0
 *
 * While a cluster is formed: what each of MEMBERS reports to the first, and what the first answers. The enrolment
 * server keeps the reports below /run, from where setup on the first reads them. They count for ten seconds.
 */
#pragma once

#include "member/forming.h"

#define REPORT_SECONDS 10

enum report_state {
	REPORT_NEW,	 /* no data, no member-id, no record; or one that was never committed */
	REPORT_ACCEPTED, /* of record `nonce` */
	REPORT_STARTED,	 /* it belongs to the cluster of record `nonce`, and reaches no quorum */
};

struct report {
	char *name, *address, *disk;
	enum report_state state;
	char *nonce;		       /* NULL for REPORT_NEW */
	char *members, *ports, *token; /* as in struct forming */
	char *package;		       /* version of its etcd-cluster */
	time_t now;		       /* by its clock */
	/* Set for those that are kept: */
	char *source; /* address that it came from */
	char *why;    /* a machine that could not prove itself: the reason; all else but source is NULL */
};

struct report_list {
	struct report *list;
	size_t n;
};

#define auto_report	 cleanup(report_free)
#define auto_report_list cleanup(report_list_free)
void report_free(struct report *r);
void report_list_free(struct report_list *l);

/* What this machine reports, without state and nonce. The caller frees. */
void report_fill(const struct machine *m, const char *disk, struct report *r);
int report_put(const struct report *r, struct buf *out, struct err *e) MUST_CHECK;
/* True for a message that is meant to be a report. */
bool report_is(const struct buf *text);
/* From a stranger: ERR_VERIFY unless every field has the form that report_put gives it. The caller frees. */
int report_get(const struct buf *text, struct report *r, struct err *e) MUST_CHECK;

/*
 * Keeps a report, or the reason why somebody could not prove to be of this cluster, in place of the same machine's last
 * one. Stale ones are removed. When there are too many a refusal is not kept, and a report is ERR_PENDING.
 */
int report_keep(const struct machine *m, const struct report *r, const char *source, struct err *e) MUST_CHECK;
void report_refuse(const struct machine *m, const char *source, const char *why);

/* Those of the last ten seconds, in the order of their names. The caller frees. */
int report_read(const struct machine *m, struct report_list *l, struct err *e) MUST_CHECK;

/* --- The answer. */

enum form_word {
	FORM_SAYS_WAIT,	     /* message says for what */
	FORM_SAYS_OFFER,     /* accept the record */
	FORM_SAYS_COMMITTED, /* all have accepted the record */
	FORM_SAYS_FORMED,    /* the cluster was formed before there were records */
};

struct form_reply {
	enum form_word word;
	char *message;
	bool named;	       /* MEMBERS of the first has the reporter's name and address today */
	struct forming record; /* of an offer, and committed */
};

#define auto_form_reply cleanup(form_reply_free)
void form_reply_free(struct form_reply *r);
int form_reply_put(const struct form_reply *r, struct buf *out, struct err *e) MUST_CHECK;

/*
 * -1: ERR_VERIFY or ERR_PENDING, in the words of the server. A server of a version without reports has formed its
 * cluster: FORM_SAYS_FORMED. The caller frees, also after a failure.
 */
int form_reply_get(const struct buf *text, struct form_reply *r, struct err *e) MUST_CHECK;
