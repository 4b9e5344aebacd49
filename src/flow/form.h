/* SPDX-License-Identifier: Apache-2.0
 *
 * How setup forms the cluster of MEMBERS, or of a lone machine, once and never again. Every machine without data
 * reports to the first of MEMBERS; that one makes a record when all have reported, commits it when all have accepted
 * it, and only then etcd starts anywhere (enroll/form_rules.h, member/forming.h). Killed anywhere and run again, it
 * goes on.
 */
#pragma once

#include "flow/run.h"

/*
 * Before the certificates: what forming asks of this machine, in r->form. 1 it has made its disk-id, 0, -1.
 * ERR_PENDING: it waits for what the message says; ERR_CONFIG: it was a member, and its data is gone.
 */
int form_agree(struct setup_run *r, struct err *e) MUST_CHECK;

/* True when all that may ever have had a CA of this cluster have reported that they are new. */
bool form_makes_ca(const struct setup_run *r);

/*
 * With certificates: makes and commits the record, or accepts the one that is offered and waits until it is committed.
 * Then r->form is FORM_START. 1 the record changed, 0, -1: ERR_PENDING.
 */
int form_commit(struct setup_run *r, struct err *e) MUST_CHECK;

/*
 * Has this machine added to a running cluster: by its ROLE, its journal, `replace`; or because its cluster was formed
 * without this disk, and a quorum says that its slot was never used, or the first of MEMBERS names it newly. 1 changed,
 * 0 there is nothing to enter or it was added before, -1: as join_enter.
 */
int form_enter(struct setup_run *r, struct err *e) MUST_CHECK;

/* True when etcd.env can be written: what it takes from the record is decided. */
bool form_is_decided(const struct setup_run *r);

/* Right before etcd is started for the first time: member-id, and the record says so. 0, -1. */
int form_start(struct setup_run *r, struct err *e) MUST_CHECK;

/* True while etcd was started for the first time, and was not seen healthy yet. */
bool form_is_open(const struct machine *m);

/* etcd is healthy: the record says so from now on, and the enrolment token is wiped. 1 changed, 0, -1. */
int form_started(const struct machine *m, struct err *e) MUST_CHECK;

/* Tells the first of MEMBERS that this machine has started and reaches no quorum, for its status. */
void form_tell(struct setup_run *r);

void form_end(struct setup_run *r);
