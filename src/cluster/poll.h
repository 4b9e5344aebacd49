/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks many members at once, each in a thread of its own, so that those that are down cost one time limit together.
 */
#pragma once

#include <pthread.h>

#include "adapter/rpc.h"
#include "config/machine.h"

/* More than any cluster has members; etcd advises at most 7. */
#define POLL_MAX 64

/* One member that is asked. The fields belong to its thread until done. */
struct poll_answer {
	struct poll *poll;
	char *url;
	struct grpc *g; /* NULL: no session; why has the reason */
	bool answers;	/* status is filled */
	struct rpc_status status;
	struct err why; /* why it does not answer */

	/* Filled by member_survey only. list and agreed: with the lock held. */
	bool healthy;		 /* it reaches a quorum; why has the reason when not */
	struct rpc_members list; /* the members as this one knows them; empty: it gave none */
	bool agreed;		 /* it reached a quorum just before it gave the list */
	time_t cert_begin, cert_end;
	bool has_clock;
	long long ahead_ms;

	/* Of poll_run. done: with the lock held. */
	pthread_t thread;
	bool threaded, done;
};

struct poll {
	const struct machine *m;
	unsigned int connect_ms, call_ms;     /* as for endpoint_open */
	void (*ask)(struct poll_answer *one); /* runs in the thread */
	bool (*add_more)(struct poll *r);     /* NULL, or: poll_add what became known; true when that added something */

	struct poll_answer *list;
	size_t n;
	long long begin_ms;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* signalled when add_more may find something new */
};

/*
 * Asks the client URLs (strv, taken over; may be NULL) for their status, each within call_ms, connecting within 2.5 s
 * of it: a member that is starting accepts connections and is silent. Returns how many answered. The caller frees with
 * poll_free, also when none did.
 */
size_t poll_all(const struct machine *m, char **urls, unsigned int call_ms, struct poll *r);
void poll_free(struct poll *r);

/* The same for any question: poll_init, fill in ask and add_more, poll_add the URLs, poll_run. */
void poll_init(struct poll *r, const struct machine *m, unsigned int connect_ms, unsigned int call_ms);
bool poll_add(struct poll *r, const char *url); /* false: it is there already, or there are POLL_MAX */
void poll_run(struct poll *r);

/* The one that is asked at url, or NULL. */
struct poll_answer *poll_at(const struct poll *r, const char *url);

/*
 * The error that nobody answered, with the reason of each: ERR_HEALTH, or ERR_VERIFY when one and this machine do not
 * trust each other.
 */
int poll_fail(const struct poll *r, struct err *e);

/* The session of the k-th voting member that answered, those that know a leader first; it stays r's. NULL: no more. */
struct grpc *poll_voter(const struct poll *r, size_t k);
