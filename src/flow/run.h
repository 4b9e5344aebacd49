/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of setup: its options, what its steps learn from each other, and the steps with a file of their own.
 */
#pragma once

#include "base/jail.h"
#include "cluster/health.h"
#include "config/machine.h"
#include "enroll/form_rules.h"
#include "member/identity.h"

struct setup_options {
	bool local;   /* no network, no waiting: certificates, directories, and what the cache allows; starts nothing */
	bool wait;    /* while other machines are not ready yet, look again for 20 minutes instead of 10 seconds */
	bool replace; /* as REPLACE=yes in cluster.conf */
	bool adopt;   /* a person says that this machine is the member's now, whatever has changed (member/host.h) */
	/*
	 * A unit runs it, not a person. What ended badly is tried again when it is due, cluster.conf is left alone for
	 * its first 10 seconds (somebody may be writing it), wrong bytes are not fetched again before six hours have
	 * passed, an etcd that a person stopped stays stopped, and an error that was printed is not printed again.
	 */
	bool unattended;
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
	enum form_move form;	     /* what forming asks of this machine (form.h) */
	struct forming record;	     /* of its cluster, when has_record */
	bool has_record;
	char disk[DISK_ID_HEX];
	struct form_reply answer;  /* of the first of MEMBERS to the last report */
	struct err others;	   /* ERR_PENDING: what other machines have to do first; may change any moment */
	struct err release;	   /* ERR_PENDING: what the release waits for; left to the retry timer */
	struct jail_child fetcher; /* installs the release while the cluster is formed; pid 0: none */
};

/*
 * A member that moves to another address (move.c). Once there is data, etcd ignores the peer URL of its settings, and
 * the others go on dialling the old one. So the cluster gets a member update first, then etcd is started again.
 *
 * move_check sets r->moves, before anything is changed. ERR_CONFIG: etcd still runs where its peers dial it.
 * move_announce, before etcd.env is written, gives the cluster the new peer URL. ERR_PENDING: no member takes it now.
 * move_settle, when etcd is healthy, corrects a peer URL that is not that of cluster.conf.
 */
int move_check(struct setup_run *r, struct err *e) MUST_CHECK;
int move_announce(struct setup_run *r, struct err *e) MUST_CHECK;
int move_settle(struct setup_run *r, struct err *e) MUST_CHECK;

/*
 * The last step (start.c): starts etcd, waits until it is healthy, makes a learner a voter, and writes down which
 * member this machine is. 1 changed, 0 it ran already. ERR_PENDING: etcd, or what it waits for, needs longer.
 */
int start_run(struct setup_run *r, struct err *e) MUST_CHECK;
