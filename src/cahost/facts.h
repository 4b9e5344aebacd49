/* SPDX-License-Identifier: Apache-2.0
 *
 * Gathers what the rules look at: first what is on this host, then what etcd and DNS say; and lets the records follow
 * the membership list.
 */
#pragma once

#include "cahost/active.h"
#include "cahost/rules.h"

void enroll_list_free(struct enroll_list *l);

/* Asks for it. Nothing to ask, or no answer, is an empty one. */
void enroll_list_ask(const struct machine *m, struct enroll_list *l);

/* What the list of a quorum says about a record: as it is, with another member ID or time, or to be buried. */
enum enroll_lesson { ENROLL_KEPT, ENROLL_CHANGED, ENROLL_GONE };
enum enroll_lesson enroll_learn_record(const struct enroll_list *l, time_t now, struct enroll_record *r);

/*
 * Notes which machines on record are listed, and the member IDs of voters that have started. One whose ID is gone gets
 * a tombstone, and so does a learner that the lists of 15 minutes lack. One that no list has had is awaited without
 * end. A cluster with another ID is that of a recovery: its members are awaited anew. Does nothing unless l->agreed. 1
 * changed, 0, -1. Needs token_store_lock.
 */
int enroll_learn(const struct machine *m, struct enroll_list *l, struct err *e) MUST_CHECK;

/* The two together, with the lock; no answer changes nothing. 1 changed, 0, -1. */
int enroll_learn_now(const struct machine *m, struct err *e) MUST_CHECK;

/* What the facts point to. */
struct enroll_known {
	struct enroll_active active;
	struct enroll_records records;
	struct enroll_tombstones tombstones;
	struct enroll_records clients;
	struct enroll_tombstones revoked;
	struct enroll_lookups lookups;
	struct enroll_list list;
	uint64_t looked_at; /* the member that was asked whether it is there; 0: none */
	bool answers;
	bool vacant;
};

void enroll_known_free(struct enroll_known *k);

/*
 * Fills standby, record, own, tombstone, refused and owners of f, anew when they were filled before; and with f->asked
 * view, vacant and addresses, too.
 */
void enroll_facts_fill(const struct enroll_question *q, const struct enroll_known *k, struct enroll_facts *f);

/* The same after reading records and tombstones; formed, too. */
int enroll_facts_load(const struct machine *m, const struct enroll_question *q, struct enroll_known *k,
		      struct enroll_facts *f, struct err *e) MUST_CHECK;

/* Asks etcd and DNS, which takes time: without the lock. Sets f->asked, and takes effect with the next load. */
void enroll_facts_ask(const struct machine *m, const struct enroll_question *q, struct enroll_known *k,
		      struct enroll_facts *f);

/* The record after a grant, without the serials of the new certificates. The caller frees. */
void enroll_next_record(const struct enroll_question *q, const struct enroll_known *k, const struct enroll_facts *f,
			struct enroll_record *r);
