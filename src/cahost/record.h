/* SPDX-License-Identifier: Apache-2.0
 *
 * On a CA host: /etc/etcd/enroll/members/NAME, what a machine got and for which key; and its tombstone,
 * /etc/etcd/enroll/removed/NAME, which refuses the keys of a removed machine for ever. Likewise clients/CN and
 * revoked/CN, for the certificates of clients that came with a token; and issued/NAME for those of cert issue.
 */
#pragma once

#include "adapter/keyfile.h"
#include "config/machine.h"

/* The last times that it got certificates, and from where: a thief with its key and its address gets them, too. */
#define VISITS_MAX 5

struct visit {
	time_t time;
	char *source; /* IP literal that it connected from */
};

struct visits {
	struct visit list[VISITS_MAX]; /* the last one first */
	size_t n;
};

void visits_free(struct visits *v);

/* Puts one before the others; the oldest one goes. */
void visits_add(struct visits *v, time_t time, const char *source);

/* Makes *to, which is freed, a copy. */
void visits_copy(const struct visits *from, struct visits *to);

/* The last one came from elsewhere than the one before. */
bool visits_moved(const struct visits *v);

/* Lines VISIT_1="<time> 10.0.0.2" of a record. False when there is one that is not such a line. The caller frees. */
bool visits_get(const struct keyfile *k, struct visits *v);
int visits_put(const struct visits *v, struct buf *out, struct err *e) MUST_CHECK;

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

/* ENROLL_ISSUED: what cert issue made for this name, without its own way to renew. Its tombstone is a client's. */
enum enroll_kind { ENROLL_MACHINE, ENROLL_CLIENT, ENROLL_ISSUED };

struct enroll_record {
	enum enroll_kind kind; /* of a client: name is the CN, key that of its certificate; it has no address and ID */
	char *name, *address;
	char **addresses;	  /* strv of IP literals: its further ones, that a token gave it; NULL: none */
	char **sans;		  /* strv: further names that a token gave it; NULL: none */
	char *from;		  /* IP literal that it connects from, by its token; NULL: its address */
	char **resolved;	  /* strv of IP literals: what ADDRESS stood for last; NULL: not known */
	char *key;		  /* SHA-256 of the peer key's SubjectPublicKeyInfo, hex */
	char *token;		  /* id of the token that the key came with; "" for none */
	uint64_t cluster, member; /* its IDs in etcd; 0: not known yet */
	uint64_t not_member;	  /* a member of its name that another key was; 0: none */
	bool listed;		  /* a quorum has listed it, as a voter or a learner, in this cluster */
	unsigned int missed;	  /* looks at a quorum's list since then that did not find it */
	time_t missed_at;	  /* the last one */
	time_t since;		  /* when this key came */
	time_t time;		  /* when a token or a quorum confirmed it last */
	struct enroll_grants grants;
	struct visits visits; /* with this key */
};

struct enroll_tombstone {
	enum enroll_kind kind;
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
 * 1 read, 0 nobody of that name is on record, -1. name must be a valid one (enroll_record_is_name). A record of a
 * version that kept less counts as one of its NAME and ADDRESS. The caller frees *r in any case.
 */
int enroll_record_read(const struct machine *m, enum enroll_kind kind, const char *name, struct enroll_record *r,
		       struct err *e) MUST_CHECK;
int enroll_tombstone_read(const struct machine *m, enum enroll_kind kind, const char *name, struct enroll_tombstone *t,
			  struct err *e) MUST_CHECK;

/* All of a kind, by name. One that cannot be read is -1: it must not count as absent. The caller frees in any case. */
int enroll_records_read(const struct machine *m, enum enroll_kind kind, struct enroll_records *r,
			struct err *e) MUST_CHECK;
int enroll_tombstones_read(const struct machine *m, enum enroll_kind kind, struct enroll_tombstones *t,
			   struct err *e) MUST_CHECK;

/* Puts it in place of the one before; NULL counts as "". Needs token_store_lock. */
int enroll_record_write(const struct machine *m, const struct enroll_record *r, struct err *e) MUST_CHECK;
int enroll_tombstone_write(const struct machine *m, const struct enroll_tombstone *t, struct err *e) MUST_CHECK;

/*
 * Moves the record of this name into its tombstone. The tombstone is there first: a kill leaves both, which refuses,
 * too. 1 done, 0 there was no record and the tombstone has a new time, -1. Needs token_store_lock.
 */
int enroll_record_bury(const struct machine *m, enum enroll_kind kind, const char *name, struct err *e) MUST_CHECK;

/* The same for a machine that was removed: what was issued for its name ends, too. */
int enroll_machine_bury(const struct machine *m, const char *name, struct err *e) MUST_CHECK;

/* The end of the last certificate; 0: none is valid. */
time_t enroll_record_end(const struct enroll_record *r);

/* Forgets a record whose machine has another name now. 1 done, 0 there was none, -1. */
int enroll_record_drop(const struct machine *m, enum enroll_kind kind, const char *name, struct err *e) MUST_CHECK;

/* The names on record as a strv in byte order, or NULL for none. The caller frees. */
char **enroll_record_names(const struct machine *m, enum enroll_kind kind);

/* For copy.c: the directories below /etc/etcd/enroll; whether a name can be in them; and what is in a file. */
const char *enroll_record_dir(enum enroll_kind kind, bool tombstones);
bool enroll_record_is_name(enum enroll_kind kind, const char *name);
int enroll_record_list(const struct machine *m, enum enroll_kind kind, bool tombstones, char ***names,
		       struct err *e) MUST_CHECK;
/* False: it is not as it was written. The caller frees in any case. */
bool enroll_record_parse(const struct keyfile *k, enum enroll_kind kind, const char *name, struct enroll_record *r);
bool enroll_tombstone_parse(const struct keyfile *k, enum enroll_kind kind, const char *name,
			    struct enroll_tombstone *t);
