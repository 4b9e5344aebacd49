/* SPDX-License-Identifier: Apache-2.0
 *
 * The mark: how far the log of this machine's member had come, kept outside the data. A log that ends before it is an
 * older copy: such a member would vote again on what it has forgotten.
 *
 * It is in /var/lib/etcd-cluster.state/mark, and with more than one member also in etcd as "etcd-cluster/mark/NAME",
 * where it survives this machine's disk. Both are one line: cluster, member, term, index and a hash of the machine-id,
 * 16 hex digits each, and the name. In the file the client URLs of the other members follow, one a line.
 */
#pragma once

#include "config/machine.h"
#include "member/identity.h"

/*
 * Asks this machine's etcd how far it has applied its log, and stores that: in etcd first. Once a later write is
 * applied here, all before it is on the disk; a lone member applies only what is (3.5 shows as committed what is not
 * yet). 1 stored; 0 it cannot be now, for the lack of a quorum, say; -1: the file cannot be written.
 */
int mark_store(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Before etcd starts: ERR_CONFIG when the log ends before the mark of this member. ask: also by the marks that the
 * other members give within a second; and when another machine, at the address that this one had, answers as this
 * member. 0 when no mark is there, nobody answers, or the log cannot be read (a warning).
 */
int mark_check(const struct machine *m, bool ask, struct err *e) MUST_CHECK;

/* Whether this member had others beside it when its mark was stored. */
bool mark_names_others(const struct machine *m, const struct identity *id);

/* The members of this cluster, as "n1 and n2", that have the same machine-id; NULL: none. The caller frees. */
char *mark_twins(const struct machine *m);

/*
 * The number of the revocation list that is in force at this member, as etcd key "etcd-cluster/crl/NAME", for the
 * others: "member number name". Where it cannot be stored it is missing. A lone member stores none, as above.
 */
void mark_store_list(const struct machine *m, int64_t number);

/*
 * What these members (ids, strv of their names) have stored, as the etcd of this machine has it; 0 for nothing. Any
 * client can write these keys unless etcd has RBAC, so they serve for reports only.
 */
int mark_lists(const struct machine *m, const uint64_t *ids, char *const *names, int64_t *numbers,
	       struct err *e) MUST_CHECK;
