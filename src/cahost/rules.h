/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets certificates: one decision over facts that the caller gathered (cahost/facts.h). Asks nobody, changes
 * nothing.
 *
 * Names and addresses come from a token that names them, from MEMBERS of this host, or from the record of the machine.
 * What etcd says can only refuse: whoever has a client certificate can change it.
 */
#pragma once

#include "cahost/request_facts.h"

/*
 * q as enroll_question_get leaves it: valid in form, but a stranger's word.
 * 1: sign, and with a token this is a use of it (token_store_use). 0: sign; the token's use was counted already, or
 * there is none. -1: no. ERR_PENDING: it may be otherwise later (clocks, etcd does not answer); ERR_VERIFY: refused
 * for good. Message and hint are for the machine that asks, and hold nothing that it did not say or may not know.
 * A question for the revocation list alone (list_only) changes nothing: 0 for a key that is not refused.
 * Unless f->asked, only the rules that need nobody else are applied: what they refuse is not worth a question.
 */
int enroll_rules(const struct enroll_question *q, const struct enroll_facts *f, struct err *e) MUST_CHECK;

/* Two of these rules, for clients, too. Whether the token still counts, for this key: 1 and 0 as above. */
int enroll_rules_token(const struct enroll_question *q, const struct enroll_facts *f, struct err *e) MUST_CHECK;

/* Nothing is dated by a wrong clock. 0; -1, ERR_PENDING: the clocks differ. */
int enroll_rules_clock(const struct enroll_question *q, const struct enroll_facts *f, struct err *e) MUST_CHECK;
