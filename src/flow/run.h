/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of setup: its options, and what its steps learn from each other.
 */
#pragma once

#include <stdbool.h>

#include "config/machine.h"
#include "member/health.h"
#include "member/identity.h"

struct setup_options {
	bool local;   /* no network, no waiting: certificates, directories, and what the cache allows; starts nothing */
	bool wait;    /* while other machines are not ready yet, look again for 20 minutes instead of 10 seconds */
	bool replace; /* as REPLACE=yes in cluster.conf */
};

struct setup_run {
	struct machine *m;
	const struct setup_options *how;
	struct identity id; /* of the member that this machine is */
	bool has_id;
	struct member_health health; /* the last answer of etcd */
	bool runs;		     /* it answered before anything was changed */
	bool changed;		     /* some step did something */
	bool moves;		     /* etcd.env is for another address than cluster.conf */
	bool restart;		     /* etcd runs with older settings than those of its files */
	struct err others;	     /* ERR_PENDING: what other machines have to do first; may change any moment */
	struct err release;	     /* ERR_PENDING: what the release waits for; left to the retry timer */
};
