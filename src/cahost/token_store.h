/* SPDX-License-Identifier: Apache-2.0
 *
 * On a CA host: the tokens that may be used, one file each, /etc/etcd/enroll/tokens/ID. The file has the key that was
 * made of the text, not the text. It also says who used the token: that is in one file, so that a kill leaves either
 * both, the use and its user, or neither.
 */
#pragma once

#include "enroll/token.h"

#define TOKEN_MAX_USES 1000U

/* A machine that got certificates for this token. */
struct token_use {
	char *name;
	char *key; /* SHA-256 of its peer key's SubjectPublicKeyInfo, hex */
	time_t at;
};

struct token_entry {
	struct token token;
	time_t made, expires;
	unsigned int uses; /* how many machines in all */
	bool members;	   /* for those of MEMBERS only */
	bool recovery;	   /* also while no quorum can be asked */
	bool client;	   /* for a client certificate, whose CN is name */
	char *name;	   /* for this one only, or NULL */
	char *address;	   /* for this one only, or NULL */
	char *from;	   /* IP literal that it connects from, in place of address; or NULL */
	char **addresses;  /* IP literals that it has beside address; strv or NULL */
	char **sans;	   /* that it may have beside EXTRA_SANS; strv or NULL */
	struct token_use *used;
	size_t n_used;
};

struct token_list {
	struct token_entry *entries;
	size_t n;
};

#define auto_token_entry cleanup(token_entry_free)
#define auto_token_list	 cleanup(token_list_free)
/* These wipe them, too. */
void token_entry_free(struct token_entry *t);
void token_list_free(struct token_list *list);

/* Who used it under this name; NULL: nobody. */
const struct token_use *token_used_by(const struct token_entry *t, const char *name);

/* How many more machines may use it; 0 for one that has expired. */
unsigned int token_left(const struct token_entry *t, time_t now);

/*
 * Makes the directories, and takes the lock <enroll>/lock: one at a time among the enrolment server, the verbs and
 * setup. Hold it from token_store_find to token_store_use. Removes what a killed one left half-written. Returns a
 * descriptor to close.
 */
int token_store_lock(const struct machine *m, struct err *e) MUST_CHECK;

/* 1 found (expired or used up, too: token_left), 0 there is no such token, -1. The caller frees *t in any case. */
int token_store_find(const struct machine *m, const char *id, struct token_entry *t, struct err *e) MUST_CHECK;

/* Writes a new one, or one that changed. Needs the lock. */
int token_store_put(const struct machine *m, const struct token_entry *t, struct err *e) MUST_CHECK;

/* Notes a use in *t and in its file. Needs the lock. */
int token_store_use(const struct machine *m, struct token_entry *t, const char *name, const char *key,
		    struct err *e) MUST_CHECK;

/* Overwrites and removes it. 1 done, 0 there is none, -1. Needs the lock. */
int token_store_remove(const struct machine *m, const char *id, struct err *e) MUST_CHECK;

/*
 * All of them, by id. A file that cannot be understood is an error; those before it are in the list. The caller frees,
 * also after a failure.
 */
int token_store_list(const struct machine *m, struct token_list *list, struct err *e) MUST_CHECK;

/*
 * Removes those that have expired, and those that were used up an hour ago: until then a machine whose answer got lost
 * can ask again, with the same key. Returns how many went, or -1. Needs the lock.
 */
int token_store_sweep(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * ROLE=cluster on the CA host: takes the token of ENROLL_TOKEN_FILE into the store, for seven days and as many machines
 * as MEMBERS has others. While the cluster is formed (gathers) the file stays, and the token is good for as long as
 * that takes. Then the file is wiped, and a token that was taken before stays what it has become. 1 changed (in a dry
 * run: would be), 0, -1. Takes the lock.
 */
int token_store_form(const struct machine *m, bool gathers, struct err *e) MUST_CHECK;
