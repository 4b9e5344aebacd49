/* SPDX-License-Identifier: Apache-2.0
 *
 * What the steps of one walk learn from each other.
 */
#ifndef FLOW_ROAD_H
#define FLOW_ROAD_H

#include <stdbool.h>

#include "config/machine.h"
#include "flow/setup.h"
#include "member/health.h"
#include "member/identity.h"

struct setup_run {
	struct machine *m;
	const struct setup_options *how;
	struct identity id; /* of the member that this machine is, once there is one */
	bool has_id;
	struct member_health health; /* the last answer of etcd */
	bool runs;		     /* it answered before we changed anything */
	bool changed;		     /* some step did something */
	bool moves;		     /* etcd.env is for another address than cluster.conf says */
	bool restart;		     /* etcd runs with settings that are no longer those of its files */
	struct err release;	     /* ERR_PENDING: what the release waits for */
	struct err others; /* ERR_PENDING: what other machines have to do first; worth another look in a moment */
};

/* Folds the 1 / 0 / -1 of a step into the road. */
int setup_took(struct setup_run *r, int rc) MUST_CHECK;

/* The same of a step that may have to wait for other machines, whose error is in e: ERR_PENDING goes to r->others, and counts as nothing done. */
int setup_took_others(struct setup_run *r, int rc, struct err *e) MUST_CHECK;

/*
 * The last part of the road: starts etcd, waits until it is healthy, and writes down which member this machine is (flow/start.c).
 * What it has to wait for longer is in r->others.
 */
int setup_start(struct setup_run *r, struct err *e) MUST_CHECK;

#endif
