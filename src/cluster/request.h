/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of one member to another: root's orders in a place that clients can write. So each is one line, signed by
 * the peer key of the member that asks, whose certificate comes with it:
 *
 *   etcd-cluster-request-1 CLUSTER ID FROM NAME TO EXPIRES WHAT ARGUMENT OUTAGE CERTIFICATE SIGNATURE
 *
 * CLUSTER, FROM and TO are IDs of etcd, ID 32 hex digits, EXPIRES in seconds, ARGUMENT "-" for none, OUTAGE
 * "allow-outage" or "-"; the signature is over all that is before it, its blank included. The key is
 * "etcd-cluster/request/TO"; the member answers at "etcd-cluster/answer/TO": "ID done|failed|refused words".
 */
#pragma once

#include "cluster/health.h"
#include "member/disk.h"

struct request {
	uint64_t cluster, from, to;
	char id[DISK_ID_HEX];
	time_t expires;
	char *name; /* of the member that asks */
	char *what; /* "restart" */
	char *argument;
	bool allow_outage;
};

#define auto_request cleanup(request_free)
void request_free(struct request *r);

/* A request is valid for at most so long. */
#define REQUEST_SECONDS 3600

/*
 * The line, signed with the peer key of this machine. The caller frees. NULL: the pair cannot be read (ERR_CONFIG), or
 * others could not check it, since its certificate is not signed by a CA of ca.crt itself (ERR_CONFIG).
 */
char *request_sign(const struct machine *m, const struct request *r, struct err *e);

/* What a request is compared with. */
struct request_facts {
	const struct buf *ca;		/* ca.crt, PEM */
	char *const *revoked;		/* serials: strv or NULL */
	const char *peer_cn;		/* of peer certificates; "" when they have none */
	const struct rpc_members *list; /* the members, as a quorum has them */
	uint64_t own;			/* the member of this machine */
	char *const *known;		/* IDs of requests that were carried out or begun: strv or NULL */
	time_t now;
};

/*
 * Whether this is an order for this machine. 0, and r (the caller frees), or ERR_VERIFY with the reason: nothing of the
 * text is believed before its certificate is one of the CA, for a peer, in date and not revoked, and its signature
 * fits. Then: the cluster, the member that asks (listed, a voter, and the certificate is for an address of it), this
 * machine, the time, and that the request is new.
 */
int request_check(const char *text, const struct request_facts *f, struct request *r, struct err *e) MUST_CHECK;

/* --- The journal, /var/lib/etcd-cluster.state/requests: a request runs once, even if it is there again. */

enum request_state { REQUEST_BEGUN, REQUEST_DONE, REQUEST_FAILED, REQUEST_REFUSED };
const char *request_state_name(enum request_state state);

struct request_entry {
	char id[DISK_ID_HEX]; /* of a refused one: of zeros */
	enum request_state state;
	int64_t revision; /* of the key */
	time_t when;
	char *words; /* the answer, or why it was refused */
};

struct request_journal {
	struct request_entry *list; /* the oldest first */
	size_t n;
};

void request_journal_free(struct request_journal *j);
/* A missing file is an empty journal. */
int request_journal_read(const struct machine *m, struct request_journal *j, struct err *e) MUST_CHECK;
/* Adds it, or replaces the entry with its ID, and writes the file. Without m->now: when is set by the caller. */
int request_journal_put(const struct machine *m, struct request_journal *j, const struct request_entry *one,
			struct err *e) MUST_CHECK;

/* --- The keys. The caller frees them. */
char *request_key(uint64_t to);
char *request_answer_key(uint64_t to);
