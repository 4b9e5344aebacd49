/* SPDX-License-Identifier: Apache-2.0
 *
 * Which machine signs for the others: the key etcd-cluster/ca-host. Whoever has a client certificate can write it, so
 * it tells whom to ask and who must not sign; it permits nothing.
 */
#pragma once

#include "adapter/grpc.h"
#include "config/machine.h"

struct ca_host {
	uint64_t cluster, member; /* its IDs */
	char *name, *server;	  /* "n1", and its enrolment server as in ca.host: "10.0.0.1:2382"; NULL: not known */
};

#define auto_ca_host cleanup(ca_host_free)
void ca_host_free(struct ca_host *h);

/*
 * What the member of g has, or with quorum what a quorum has. *revision is for ca_host_put. 1; 0 there is none that can
 * be understood; -1. The caller frees.
 */
int ca_host_get(struct grpc *g, bool quorum, struct ca_host *h, int64_t *revision, struct err *e) MUST_CHECK;

/* Records it, unless somebody has changed the key since that revision: 0. 1 done, -1. */
int ca_host_put(struct grpc *g, const struct ca_host *h, int64_t revision, struct err *e) MUST_CHECK;

/* Whether nobody has changed the key since that revision, as a quorum has it. 1, 0, -1. */
int ca_host_same(struct grpc *g, int64_t revision, struct err *e) MUST_CHECK;

/* This machine, as member of that cluster. The caller frees. */
void ca_host_self(const struct config *conf, uint64_t cluster, uint64_t member, struct ca_host *h);

/*
 * Whether h is that machine: by its member ID, or by its name, which a rebuilt machine and a recovered cluster have
 * kept.
 */
bool ca_host_is(const struct ca_host *h, const struct ca_host *self);

/* "n2 (10.0.0.2:2382)", "10.0.0.2:2382", or "another machine". The caller frees. */
char *ca_host_words(const struct ca_host *h);
