/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/rules_names.h"

#include <string.h>

const struct enroll_record *enroll_rules_base(const struct enroll_facts *f)
{
	return f->own && strcmp(f->own->key, f->key) == 0 ? f->own : NULL;
}

const struct enroll_record *enroll_rules_given(const struct enroll_facts *f)
{
	const struct enroll_record *base = enroll_rules_base(f);

	return !base && f->token && f->token->name ? f->record : base;
}

char *const *enroll_rules_addresses(const struct enroll_facts *f)
{
	const struct enroll_record *r = enroll_rules_given(f);

	return r ? r->addresses : NULL;
}

/* Further names are for the server certificate only: those that all have, and those that a token gave this machine. */
static int check_sans(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct enroll_record *base = enroll_rules_base(f);

	for (char *const *san = q->sans; san && *san; san++) {
		if (enroll_same(*san, q->name) || enroll_same(*san, q->address) ||
		    enroll_has(f->conf->extra_sans, *san) || (f->token && enroll_has(f->token->sans, *san)) ||
		    (base && enroll_has(base->sans, *san)))
			continue;
		(void)err_set(e, ERR_VERIFY, "%s is not among the EXTRA_SANS of the CA host", *san);
		return err_hint(e, "add it there; or on the CA host: etcd-cluster token new --name %s --san %s",
				q->name, *san);
	}
	return 0;
}

/* Further addresses are in the peer certificate, too: only a token for this machine gives them. */
static int check_addresses(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	for (char *const *a = q->addresses; a && *a; a++) {
		if (!enroll_has(f->conf->extra_sans, *a) &&
		    (enroll_has(enroll_rules_addresses(f), *a) ||
		     (f->token && f->token->name && enroll_has(f->token->addresses, *a))))
			continue;
		(void)err_set(e, ERR_VERIFY, "no token has given %s the further address %s", q->name, *a);
		return err_hint(e,
				"on the CA host: etcd-cluster token new --name %s --address %s --addresses %s; put the "
				"token into ENROLL_TOKEN_FILE on this machine, then: etcd-cluster setup",
				q->name, q->address, *a);
	}
	return 0;
}

int enroll_rules_further(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	return check_addresses(q, f, e) < 0 ? -1 : check_sans(q, f, e);
}
