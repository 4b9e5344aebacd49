/* SPDX-License-Identifier: Apache-2.0
 *
 * What the members of the cluster report about themselves and each other, asked as this machine's administrator (the
 * etcdctl-etcd-client certificate).
 */
#pragma once

#include "adapter/rpc.h"
#include "config/machine.h"

struct member_health {
	bool healthy; /* it reaches a quorum */
	uint64_t cluster_id, member_id;
};

/*
 * Asks the member on this machine once. 0: it answered, look at h. -1 (ERR_HEALTH; e->rpc is 14 or 4 while it is still
 * starting): it did not.
 */
int member_probe(const struct machine *m, unsigned int timeout_ms, struct member_health *h, struct err *e) MUST_CHECK;

/* One member as seen from here. */
struct member {
	uint64_t id; /* 0: not known, because it is not listed and does not answer */
	char *name;
	char *url;	  /* client URL that it was asked at, or "" when it has none */
	char **peer_urls; /* strv, as the list has them, or NULL */
	bool here;	  /* the one on this machine */
	bool listed;	  /* in the membership list */
	bool learner;
	bool answers; /* status is filled */
	bool healthy; /* it reaches a quorum */
	struct rpc_status status;
	time_t cert_begin, cert_end; /* of the certificate that it serves to clients; 0: not seen */
	bool has_clock;
	long long ahead_ms; /* its clock, ahead of this machine's; up to half a second wrong */
	struct err why;	    /* why it does not answer or is not healthy */
};

struct member_survey {
	uint64_t cluster_id; /* 0: nobody answered */
	uint64_t leader;     /* 0: nobody knows one, or they do not agree */
	bool agreed;	     /* a quorum exists: some voter reached it */
	struct member *list;
	size_t n;
	struct rpc_alarm *alarms;
	size_t n_alarms;
	char *elsewhere; /* NULL, or: the URL of another machine that answers as this one's member */
	uint64_t home_cluster,
		home_member; /* what this machine was until now: member-id, else its data; 0: not known */
};

/*
 * Asks the local member, all others that this machine knows of (endpoint_all), and the members that these name. All at
 * once: those that do not answer cost timeout_ms together, and so does a cluster without quorum. The list is what a
 * quorum agrees on, else what the local member knows, else any; members that are down are in it. Without any answer
 * the result has the local member, with why, and the others of MEMBERS, not listed. -1 only when no member can be asked
 * at all (no client certificate, say). The caller frees, also after a failure.
 */
int member_survey(const struct machine *m, unsigned int timeout_ms, struct member_survey *s, struct err *e) MUST_CHECK;
void member_survey_free(struct member_survey *s);

/* Voting members: all, healthy ones, and how many of these make a quorum. */
struct member_votes {
	size_t all, healthy, quorum;
};
struct member_votes member_count_votes(const struct member_survey *s);
