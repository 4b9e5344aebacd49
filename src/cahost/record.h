/* SPDX-License-Identifier: Apache-2.0
 *
 * On a CA host: /etc/etcd/enroll/members/NAME, what a machine got and for which key; and its tombstone,
 * /etc/etcd/enroll/removed/NAME, which refuses the keys of a removed machine for ever.
 */
#pragma once

#include "cahost/visits.h"
#include "config/machine.h"

/* Certificates that were made together. */
struct enroll_grant {
	time_t end;    /* of the last one */
	char *serials; /* "peer:1f… server:2e…" */
};

/* The certificates of a machine that have not expired, for a revocation. */
struct enroll_grants {
	struct enroll_grant *list;
	size_t n;
};

/* More valid certificates than a machine needs in its life; their list has to fit into a file. */
#define ENROLL_GRANTS_MAX 400

void enroll_grants_free(struct enroll_grants *g);
/* Appends one, and those of another list; each is there once. What ended before `now` is left out. */
void enroll_grants_add(struct enroll_grants *g, time_t end, const char *serials, time_t now);
void enroll_grants_join(struct enroll_grants *g, const struct enroll_grants *more, time_t now);

struct enroll_record {
	char *name, *address;
	char **addresses;	  /* strv of IP literals: its further ones, that a token gave it; NULL: none */
	char **sans;		  /* strv: further names that a token gave it; NULL: none */
	char *from;		  /* IP literal that it connects from, by its token; NULL: its address */
	char **resolved;	  /* strv of IP literals: what ADDRESS stood for last; NULL: not known */
	char *key;		  /* SHA-256 of the peer key's SubjectPublicKeyInfo, hex */
	char *token;		  /* id of the token that the key came with; "" for none */
	uint64_t cluster, member; /* its IDs in etcd; 0: not known yet */
	uint64_t not_member;	  /* a member of its name that another key was; 0: none */
	time_t since;		  /* when this key came */
	time_t time;		  /* when a token or a quorum confirmed it last */
	struct enroll_grants grants;
	struct visits visits; /* with this key */
};

struct enroll_tombstone {
	char *name;
	char **keys; /* strv; refused for ever */
	time_t time; /* of the last removal: an older token does not reopen the name */
	struct enroll_grants grants;
};

struct enroll_records {
	struct enroll_record *list;
	size_t n;
};

struct enroll_tombstones {
	struct enroll_tombstone *list;
	size_t n;
};

void enroll_record_free(struct enroll_record *r);
void enroll_tombstone_free(struct enroll_tombstone *t);
void enroll_records_free(struct enroll_records *r);
void enroll_tombstones_free(struct enroll_tombstones *t);

/*
 * 1 read, 0 nobody of that name is on record, -1. name must be a valid one (config_check_name). A record of a version
 * that kept less counts as one of its NAME and ADDRESS. The caller frees *r in any case.
 */
int enroll_record_read(const struct machine *m, const char *name, struct enroll_record *r, struct err *e) MUST_CHECK;
int enroll_tombstone_read(const struct machine *m, const char *name, struct enroll_tombstone *t,
			  struct err *e) MUST_CHECK;

/* All of them, by name. One that cannot be read is -1: it must not count as absent. The caller frees in any case. */
int enroll_records_read(const struct machine *m, struct enroll_records *r, struct err *e) MUST_CHECK;
int enroll_tombstones_read(const struct machine *m, struct enroll_tombstones *t, struct err *e) MUST_CHECK;

/* Puts it in place of the one before; NULL counts as "". Needs token_store_lock. */
int enroll_record_write(const struct machine *m, const struct enroll_record *r, struct err *e) MUST_CHECK;
int enroll_tombstone_write(const struct machine *m, const struct enroll_tombstone *t, struct err *e) MUST_CHECK;

/*
 * Moves the record of this name into its tombstone. The tombstone is there first: a kill leaves both, which refuses,
 * too. 1 done, 0 there was no record and the tombstone has a new time, -1. Needs token_store_lock.
 */
int enroll_record_bury(const struct machine *m, const char *name, struct err *e) MUST_CHECK;

/* Forgets a record whose machine has another name now. 1 done, 0 there was none, -1. */
int enroll_record_drop(const struct machine *m, const char *name, struct err *e) MUST_CHECK;

/*
 * All files as text, for a copy of the CA. And takes such a text in: refused keys are added to those that are refused
 * here, and a record that is not here, or came later than the one here, is put here unless its key is refused. 1
 * changed, 0, -1 (ERR_VERIFY: it is not such a text). *exported: when the text was made; 0: it does not say. Export
 * takes the lock if there is something to read.
 */
int enroll_records_export(const struct machine *m, struct buf *out, struct err *e) MUST_CHECK;
int enroll_records_import(const struct machine *m, const struct buf *text, time_t *exported, struct err *e) MUST_CHECK;

/* The names on record as a strv in byte order, or NULL for none. The caller frees. */
char **enroll_record_names(const struct machine *m);
