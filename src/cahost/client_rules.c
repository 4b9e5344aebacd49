/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/client_rules.h"

#include <string.h>

#include "base/clock.h"
#include "cahost/active.h"

static int need_token(const struct enroll_question *q, struct err *e)
{
	return err_hint(e,
			"on the CA host: etcd-cluster token new --client %s; put the token into a file of mode 0600 "
			"here, then: etcd-cluster cert request --force --token-file FILE",
			q->name);
}

const char *client_rules_cn(const struct config *conf, const struct enroll_records *machines,
			    const struct enroll_tombstones *removed, const char *cn)
{
	const char *why = pki_check_cn(cn);

	if (why)
		return why;
	if (pki_is_profile_cn(cn))
		return "is a name that certificates of machines have";
	if (enroll_same(cn, "localhost") || enroll_same(cn, conf->name) || enroll_same(cn, conf->address) ||
	    enroll_has(conf->addresses, cn))
		return "is the CA host itself";
	for (const struct config_member *c = conf->members; c < conf->members + conf->n_members; c++)
		if (enroll_same(cn, c->name) || enroll_same(cn, c->address))
			return "is one of MEMBERS";
	for (const struct enroll_record *r = machines->list; r < machines->list + machines->n; r++)
		if (enroll_same(cn, r->name) || enroll_same(cn, r->address) || enroll_has(r->addresses, cn))
			return "is a machine with certificates of this CA";
	for (const struct enroll_tombstone *t = removed->list; t < removed->list + removed->n; t++)
		if (enroll_same(cn, t->name))
			return "is the name of a machine that was removed";
	return NULL;
}

static int check_question(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const char *why = client_rules_cn(f->conf, f->machines, f->removed, q->name);

	if (why)
		return err_set(e, ERR_VERIFY, "a client cannot be called %s: it %s", q->name, why);
	return enroll_rules_clock(q, f, e);
}

static int refuse_revoked(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (f->record && strcmp(f->record->name, f->refused->name) == 0)
		return err_set(e, ERR_VERIFY, "a newer key has replaced that of this certificate on %s",
			       clock_minute(f->record->since).text);
	return err_set(e, ERR_VERIFY,
		       "the certificate of %s was revoked on %s, and the CA host refuses its key for good", q->name,
		       clock_minute(f->refused->time).text);
}

/* Of etcd's list only a first certificate depends: who can change the list must not be able to stop a client. */
static int check_listed(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	for (size_t i = 0; i < f->owners.n; i++)
		if (f->owners.list[i].by == ENROLL_LIST && enroll_same(f->owners.list[i].name, q->name))
			return err_set(e, ERR_VERIFY, "a member of the cluster is called %s", q->name);
	return 0;
}

/* 1 and 0 as enroll_rules. */
static int judge_token(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct token_entry *t = f->token;
	int use;

	if (!t->client)
		return err_set(e, ERR_VERIFY, "this token is for a machine, not for a client");
	if (!t->name || strcmp(t->name, q->name) != 0)
		return err_set(e, ERR_VERIFY, "this token is for a client called %s, not %s", t->name ? t->name : "",
			       q->name);
	if (f->refused)
		return refuse_revoked(q, f, e);
	use = enroll_rules_token(q, f, e);
	return use > 0 && check_listed(q, f, e) < 0 ? -1 : use;
}

static int judge_cert(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (strcmp(f->cert->cn, q->name) != 0)
		return err_set(e, ERR_VERIFY, "this certificate is that of %s, not of %s", f->cert->cn, q->name);
	if (strcmp(f->key, f->cert_key) != 0)
		return err_set(e, ERR_VERIFY, "a new key of %s needs a token", q->name);
	if (f->refused)
		return refuse_revoked(q, f, e);
	if (!f->record)
		return err_set(e, ERR_VERIFY, "no token has given %s a certificate", q->name);
	if (!f->own)
		return err_set(e, ERR_VERIFY, "the key of this certificate is not the one that %s has had since %s",
			       q->name, clock_minute(f->record->since).text);
	return 0;
}

/* Another CA host may have taken over: as for a machine, without a quorum only a key on record counts, for a while. */
static int check_quorum(const struct enroll_facts *f, struct err *e)
{
	if (!f->asked || !f->formed || f->view != ENROLL_UNKNOWN)
		return 0;
	if (f->own && f->own->time + ENROLL_TRUST_SECONDS > f->now)
		return 0;
	(void)err_set(e, ERR_PENDING, "the CA host cannot ask a quorum whether it still is the CA host");
	return err_hint(e, "on the CA host: etcd-cluster status");
}

int client_rules(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	int rc = active_check(f->standby, f->conf->name, e);

	if (rc == 0)
		rc = check_question(q, f, e);
	if (rc == 0)
		rc = f->token ? judge_token(q, f, e) : judge_cert(q, f, e);
	if (rc >= 0 && check_quorum(f, e) < 0)
		rc = -1;
	return rc < 0 && !e->hint[0] ? need_token(q, e) : rc;
}
