/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets a client certificate: one decision over facts, as cahost/rules.h is for machines. Its CN comes from a token
 * for it, or from the record of a client that had one; from where it asks does not count.
 */
#pragma once

#include "cahost/rules.h"

/*
 * NULL when a client may have this CN; else why not: it is none, one that the profiles have, or a name or address of a
 * machine: of this host, of MEMBERS, of one that is or was on record.
 */
const char *client_rules_cn(const struct config *conf, const struct enroll_records *machines,
			    const struct enroll_tombstones *removed, const char *cn);

/*
 * As enroll_rules, for a question that is one for a client. Of the facts, record, own, tombstone and refused are those
 * of clients, and key is that of the certificate.
 */
int client_rules(const struct enroll_question *q, const struct enroll_facts *f, struct err *e) MUST_CHECK;
