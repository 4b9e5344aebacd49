/* SPDX-License-Identifier: Apache-2.0
 *
 * enroll_facts_ask in a child without privileges: what DNS and etcd answer is parsed there.
 */
#pragma once

#include "base/jail.h"
#include "cahost/facts.h"

/*
 * As enroll_facts_ask. The child has the certificate of a client of etcd, as every member has, and nothing else of this
 * machine; `secret` is wiped in its memory. When it fails or tells nonsense, nothing is known: nobody answered.
 */
void enroll_ask(const struct machine *m, const struct enroll_question *q, struct enroll_known *k,
		struct enroll_facts *f, struct token *secret);

/*
 * active_confirm in a child of the same kind. It is started before ca.key is read, of which it has no copy then, and
 * waits: what counts is what etcd says when the certificates are signed.
 */
struct enroll_confirm {
	struct jail_child child;
	int go; /* its other end begins the question; 0: no child was started */
};

int enroll_confirm_start(const struct machine *m, const struct enroll_list *l, struct token *secret,
			 struct enroll_confirm *c, struct err *e) MUST_CHECK;

/* ERR_PENDING, in words of this process: it is not confirmed. 0 without a child. */
int enroll_confirm_finish(struct enroll_confirm *c, struct err *e) MUST_CHECK;

/* Ends a child that was not asked. */
void enroll_confirm_free(struct enroll_confirm *c);

/* --- For tests: what the child tells, and what is made of it. False: nonsense, and k is as nobody had answered. */
void enroll_told_put(const struct enroll_known *k, struct buf *out);
bool enroll_told_get(const char *text, size_t len, struct enroll_known *k);
