/* SPDX-License-Identifier: Apache-2.0
 *
 * Which names and addresses, besides NAME and ADDRESS, a machine may have: by its record, a token and EXTRA_SANS.
 */
#pragma once

#include "cahost/request_facts.h"

/* The record whose names a request for this key may have without anybody's word. NULL: none. */
const struct enroll_record *enroll_rules_base(const struct enroll_facts *f);

/* The same; and that of the machine before it, for which a token names it. */
const struct enroll_record *enroll_rules_given(const struct enroll_facts *f);

/* The ADDRESSES of that: strv or NULL. */
char *const *enroll_rules_addresses(const struct enroll_facts *f);

/* -1, ERR_VERIFY: one of the SANs or ADDRESSES that are asked for was given to nobody, or to another machine. */
int enroll_rules_further(const struct enroll_question *q, const struct enroll_facts *f, struct err *e) MUST_CHECK;
