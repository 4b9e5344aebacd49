/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll_facts_ask in a child without privileges: what DNS and etcd answer is parsed there.
 */
#pragma once

#include "cahost/facts.h"

/*
 * As enroll_facts_ask. The child has the certificate of a client of etcd, as every member has, and nothing else of this
 * machine; `secret` is wiped in its memory. When it fails or tells nonsense, nothing is known: nobody answered.
 */
void enroll_ask(const struct machine *m, const struct enroll_question *q, struct enroll_known *k,
		struct enroll_facts *f, struct token *secret);

/* --- For tests: what the child tells, and what is made of it. False: nonsense, and k is as nobody had answered. */
void enroll_told_put(const struct enroll_known *k, struct buf *out);
bool enroll_told_get(const char *text, size_t len, struct enroll_known *k);
