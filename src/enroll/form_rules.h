/* SPDX-License-Identifier: Apache-2.0
 *
 * How a cluster is formed: the decisions, over facts that the caller gathered. Asks nobody, changes nothing. That
 * somebody is silent only ever leads to waiting.
 */
#pragma once

#include "enroll/report.h"

/* This machine, which has no data. */
struct form_self {
	const char *name, *disk;
	char *members, *ports, *token; /* as cluster.conf has them, in the form of struct forming */
	char *ca;		       /* fingerprint of the CA that is here, or NULL */
	const struct forming *record;  /* or NULL */
	time_t now;
};

enum form_move {
	FORM_NOTHING, /* nothing is to be formed here */
	FORM_WAIT,    /* for what `why` says */
	FORM_OFFER,   /* first: make the CA, unless there is one, and a new record with the disks that were reported */
	FORM_STAND,   /* first: the offer that is out is still right. Others: the accepted record is */
	FORM_ACCEPT,  /* others: get certificates, and accept the record that was offered */
	FORM_COMMIT,  /* first: all have accepted the record */
	FORM_START,   /* all have accepted the record of this machine */
	FORM_ENTER,   /* the cluster was formed without this disk: a quorum decides whether it may enter */
	FORM_LOST,    /* this machine has promised something on a disk that is gone: a person must replace it */
};

/* From cluster.conf; the caller adds ca, record and disk, and frees. */
void form_self_fill(const struct machine *m, struct form_self *s);
void form_self_free(struct form_self *s);

/*
 * True when the record is of this machine alone, never ran, and differs from cluster.conf, or its CA is gone: it binds
 * nobody, and counts as none.
 */
bool form_is_void(const struct form_self *s);

/* The move of the first of MEMBERS, or of a lone member; who is awaited and who differs is appended to why. */
enum form_move form_first(const struct form_self *s, const struct report_list *heard, struct buf *why);

/* The move of another one. answer: of the first, or NULL while it is silent. */
enum form_move form_other(const struct form_self *s, const struct form_reply *answer, struct buf *why);

/* What the first, which has `record` or NULL, answers to a report. why: of form_first. The caller frees *out. */
void form_answer(const struct forming *record, const struct report *r, const char *why, struct form_reply *out);

/* The disks of s and of all that were heard, for a record. NULL unless each was heard once. The caller frees. */
char *form_disks(const struct form_self *s, const struct report_list *heard);
