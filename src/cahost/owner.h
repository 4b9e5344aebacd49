/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose names and addresses are, as far as a CA host knows: its own, those of MEMBERS, of the machines on record, and
 * of the members that etcd lists.
 */
#pragma once

#include "adapter/rpc.h"
#include "cahost/record.h"
#include "enroll/message.h"

enum enroll_source { ENROLL_HOST, ENROLL_MEMBERS, ENROLL_RECORD, ENROLL_LIST };

struct enroll_owner {
	enum enroll_source by;
	char *name;
	char **texts; /* strv: its addresses, and names from its tokens, as they are written */
	char **ips;   /* strv of literals: what the addresses stand for, now or when it was recorded */
	bool unknown; /* one of its addresses can neither be resolved nor was it ever */
	time_t since; /* ENROLL_RECORD: when its key came */
};

struct enroll_owners {
	struct enroll_owner *list;
	size_t n;
};

void enroll_owners_free(struct enroll_owners *o);

/* What names stand for: answers of DNS, to be asked for once. */
struct enroll_lookup {
	char *name;
	char **ips; /* strv, or NULL: it cannot be resolved */
};

struct enroll_lookups {
	struct enroll_lookup *list;
	size_t n;
};

void enroll_lookups_free(struct enroll_lookups *l);

/* Looks the name up, unless that was done or it is a literal or a wildcard. */
void enroll_lookup(struct enroll_lookups *l, const char *name);

/* The literals that it stands for: itself, or a past answer. A strv that the caller frees, or NULL. */
char **enroll_looked_up(const struct enroll_lookups *l, const char *name);

/*
 * Those of cluster.conf and of the records. A name that was not looked up, or that could not be resolved, keeps the
 * addresses of the record. The caller frees.
 */
void enroll_owners_here(const struct config *conf, const struct enroll_records *records,
			const struct enroll_lookups *looked_up, struct enroll_owners *out);

/* Adds the members that etcd lists, apart from the one with this ID (0: none) and those without a name. */
void enroll_owners_listed(const struct rpc_members *list, uint64_t own, const struct enroll_lookups *looked_up,
			  struct enroll_owners *out);

/* The hosts in the peer URLs of a member. A strv that the caller frees, or NULL. */
char **enroll_owner_hosts(const struct rpc_member *one);

/* The same address, in whatever form, or the same name, with or without its final dot. */
bool enroll_same(const char *a, const char *b);
bool enroll_has(char *const *v, const char *s);

/*
 * What of the owner's the question asks for: its NAME, its ADDRESS, one of its ADDRESSES, one of `addresses` (strv or
 * NULL), for which ADDRESS stands, or one of its SANs that is not in `shared`. NULL: nothing.
 */
const char *enroll_overlap(const struct enroll_question *q, char *const *addresses, char *const *shared,
			   const struct enroll_owner *o);
