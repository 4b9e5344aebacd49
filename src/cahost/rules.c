/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/rules.h"

#include <string.h>

#include "base/clock.h"
#include "cahost/active.h"
#include "cahost/rules_names.h"
#include "config/check.h"
#include "member/forming.h"
#include "pki/profile.h"

static const struct config_member *member_called(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_members; i++)
		if (strcmp(c->members[i].name, name) == 0)
			return &c->members[i];
	return NULL;
}

/* --- What is asked makes sense at all. */

static int check_name(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (f->names_client && !f->record)
		return err_set(e, ERR_VERIFY, "a client with a certificate of this CA is called %s", q->name);
	/* Every certificate is for localhost; and the peer port takes whoever is called PKI_PEER_CN. */
	if (strcmp(q->name, "localhost") != 0 && strcmp(q->name, PKI_PEER_CN) != 0)
		return 0;
	(void)err_set(e, ERR_VERIFY, "no machine can be called %s", q->name);
	return err_hint(e, "write NAME= in cluster.conf");
}

/* What is dated by a wrong clock is of no use to the machine, or to the others. */
int enroll_rules_clock(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (enroll_clocks_agree(q->now, f->now))
		return 0;
	(void)err_set(e, ERR_PENDING, "the clock of this machine says %s and that of the CA host %s",
		      clock_minute(q->now).text, clock_minute(f->now).text);
	return err_hint(e, "set the clock that is wrong (timedatectl, chronyc makestep)");
}

static int check_same(const char *key, const char *theirs, const char *ours, struct err *e)
{
	if (!theirs || strcmp(theirs, ours) == 0)
		return 0;
	(void)err_set(e, ERR_VERIFY, "%s is %s on this machine and %s on the CA host", key, theirs,
		      *ours ? ours : "not set");
	return err_hint(e, "write the same line into cluster.conf of every machine");
}

/* Machines that form a cluster must agree on it: etcd would start and never find the others. */
static int check_cluster(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	auto_free char *members = f->conf->n_members > 0 ? forming_members(f->conf) : xstrdup("");
	auto_free char *ports = forming_ports(f->conf);

	if (!f->token) /* a renewal must not depend on what an edit of one cluster.conf left different */
		return 0;
	if (check_same("MEMBERS", q->members, members, e) < 0 ||
	    check_same("CLUSTER_TOKEN", q->cluster_token, f->conf->cluster_token, e) < 0)
		return -1;
	return check_same("CLIENT_PORT,PEER_PORT", q->ports, ports, e);
}

/* --- Whose word there is for a name and an address. */

/* The hint of a refusal that only a token for this very machine helps against. */
static int need_token(const struct enroll_question *q, struct err *e)
{
	return err_hint(e,
			"on the CA host: etcd-cluster token new --name %s --address %s; put the token into "
			"ENROLL_TOKEN_FILE on this machine, then: etcd-cluster cert renew --force",
			q->name, q->address);
}

/* A person's word that the address is this machine's: a token or MEMBERS. */
static bool is_ordered(const struct enroll_question *q, const struct enroll_facts *f)
{
	const struct config_member *mine = member_called(f->conf, q->name);

	return (f->token && f->token->address && enroll_same(f->token->address, q->address)) ||
	       (mine && enroll_same(mine->address, q->address));
}

static bool is_recorded(const struct enroll_question *q, const struct enroll_facts *f)
{
	const struct enroll_record *r = enroll_rules_given(f);

	return r && enroll_same(r->address, q->address);
}

/* Only the connection says so; a name could be anybody's. All loopback addresses are those of one machine. */
static bool is_from_source(const struct enroll_question *q, const struct enroll_facts *f)
{
	return config_is_ip(q->address) && !enroll_has(f->conf->extra_sans, q->address) &&
	       (enroll_same(q->address, f->source) ||
		(config_is_loopback(q->address) && config_is_loopback(f->source)));
}

/* For the better message: the address is one, and not where it comes from. */
static bool is_elsewhere(const struct enroll_question *q, const struct enroll_facts *f)
{
	return config_is_ip(q->address) && !enroll_same(q->address, f->source);
}

static int refuse_host(const struct enroll_question *q, struct err *e)
{
	return err_set(e, ERR_VERIFY, "%s=%s: the CA host itself has this name or address", q->name, q->address);
}

/* Another name or address than the others of MEMBERS and this host have, as text. */
static int check_members(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct config *own = f->conf;

	if (enroll_same(q->name, own->name) || enroll_same(q->name, own->address) ||
	    enroll_same(q->address, own->name) || enroll_same(q->address, own->address))
		return refuse_host(q, e);
	for (size_t i = 0; i < f->conf->n_members; i++) {
		const struct config_member *c = &f->conf->members[i];

		if (!enroll_same(q->name, c->name) && !enroll_same(q->name, c->address) &&
		    !enroll_same(q->address, c->name) && !enroll_same(q->address, c->address))
			continue;
		if (strcmp(q->name, c->name) == 0 && enroll_same(q->address, c->address))
			continue;
		(void)err_set(e, ERR_VERIFY, "%s=%s is not what MEMBERS on the CA host says: %s=%s", q->name,
			      q->address, c->name, c->address);
		return err_hint(e, "correct NAME and ADDRESS here, or MEMBERS there");
	}
	return 0;
}

/* --- Nobody gets what is somebody else's. */

static bool is_own(const struct enroll_question *q, const struct enroll_facts *f, const struct enroll_owner *o)
{
	return strcmp(o->name, q->name) == 0 ||
	       (o->by == ENROLL_RECORD && f->own && strcmp(f->own->name, o->name) == 0);
}

/* Whether a stronger word than that by which it is the other's says that it is this machine's. */
static bool outranks(const struct enroll_question *q, const struct enroll_facts *f, const struct enroll_owner *o)
{
	const struct enroll_record *base = enroll_rules_base(f);

	if (o->by != ENROLL_RECORD && o->by != ENROLL_LIST)
		return false;
	/* A token for just this name and address is a person's word that it is so. */
	if (f->token && f->token->name && f->token->address)
		return true;
	if (!base || strcmp(base->name, q->name) != 0 || !enroll_same(base->address, q->address))
		return false;
	return o->by == ENROLL_LIST || o->since < base->since;
}

static int refuse_overlap(const struct enroll_question *q, const struct enroll_owner *o, const char *what,
			  struct err *e)
{
	switch (o->by) {
	case ENROLL_HOST:
		return err_set(e, ERR_VERIFY, "%s is not for %s: the CA host itself has it", what, q->name);
	case ENROLL_MEMBERS:
		(void)err_set(e, ERR_VERIFY, "%s is not for %s: by MEMBERS on the CA host it belongs to %s", what,
			      q->name, o->name);
		return err_hint(e, "correct NAME and ADDRESS here, or MEMBERS there");
	case ENROLL_RECORD:
	case ENROLL_LIST:
		break;
	}
	(void)err_set(e, ERR_VERIFY, "another %s has %s",
		      o->by == ENROLL_LIST ? "member of the cluster" : "machine with certificates of this CA", what);
	return err_hint(e,
			"if that machine is gone: etcd-cluster remove MEMBER, on the CA host; or there: etcd-cluster "
			"token new --name %s --address %s",
			q->name, q->address);
}

static int check_owners(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const bool by_source = !is_ordered(q, f) && !is_recorded(q, f);

	for (size_t i = 0; i < f->owners.n; i++) {
		const struct enroll_owner *o = &f->owners.list[i];
		const char *what = is_own(q, f, o) && o->by != ENROLL_HOST
					   ? NULL
					   : enroll_overlap(q, f->addresses, f->conf->extra_sans, o);

		if (what && !outranks(q, f, o))
			return refuse_overlap(q, o, what, e);
		/* A name that cannot be resolved may stand for any address. */
		if (f->asked && by_source && o->unknown && !is_own(q, f, o)) {
			(void)err_set(e, ERR_PENDING,
				      "the CA host cannot resolve the address of %s, so it cannot tell whether %s "
				      "belongs to it",
				      o->name, q->address);
			return err_hint(e, "repair DNS on the CA host, or write MEMBERS there with addresses");
		}
	}
	return 0;
}

/* As etcd itself asks of its peers: who connects must be where its certificate says. Names prove nothing. */
static int check_source(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const bool loopback = config_is_loopback(q->address);
	const struct enroll_record *r = f->record;
	const struct enroll_record *base = enroll_rules_base(f);
	const char *from = f->token ? f->token->from : base ? base->from : NULL;
	char *const *at = f->addresses;

	/* A person has said where it comes from: it is behind NAT. */
	if (from && enroll_same(from, f->source))
		return 0;
	/* A name that cannot be resolved keeps the addresses on record. */
	if (!at && r && enroll_same(r->address, q->address))
		at = r->resolved;
	if (loopback == config_is_loopback(f->source) &&
	    (loopback || enroll_has(at, f->source) || enroll_same(q->address, f->source)))
		return 0;
	(void)err_set(e, ERR_VERIFY, "this machine asks from %s, which is not what ADDRESS %s stands for", f->source,
		      q->address);
	return err_hint(e, "write ADDRESS= so that the address that it connects from is in it");
}

/* --- With a token. */

/* What the token itself says, whoever has the name. */
static int check_token(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct token_entry *t = f->token;

	if (t->client)
		return err_set(e, ERR_VERIFY, "this token is for a client called %s, not for a machine", t->name);
	if (f->gathers && !f->admitted && member_called(f->conf, q->name)) {
		(void)err_set(e, ERR_PENDING,
			      "the cluster is being formed, and its record does not name the disk of %s", q->name);
		return err_hint(e, "on this machine: etcd-cluster setup, which reports to the CA host first");
	}
	if (t->name && strcmp(t->name, q->name) != 0)
		return err_set(e, ERR_VERIFY, "this token is for a machine called %s, not %s", t->name, q->name);
	if (t->address && !enroll_same(t->address, q->address))
		return err_set(e, ERR_VERIFY, "this token is for the address %s, not %s", t->address, q->address);
	if (t->members && !member_called(f->conf, q->name))
		return err_set(e, ERR_VERIFY, "this token is for those in MEMBERS of the CA host, and %s is not",
			       q->name);
	return 0;
}

/* A new key for a name that another key has or had. */
static int check_new_key(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct token_entry *t = f->token;
	const struct enroll_record *r = f->record;
	const struct enroll_tombstone *gone = f->tombstone;

	/* Given to another key before: the machine was built anew, or it is not that machine. */
	if (token_used_by(t, q->name) || (r && strcmp(r->token, t->token.id) == 0))
		return err_set(e, ERR_VERIFY, "%s has enrolled with this token already, and with another key", q->name);
	if (r && t->made <= r->since)
		return err_set(e, ERR_VERIFY, "%s has enrolled on %s, after this token was made, and with another key",
			       q->name, clock_minute(r->since).text);
	if (gone && t->made <= gone->time)
		return err_set(e, ERR_VERIFY, "%s was %s on %s, after this token was made", q->name,
			       q->client ? "revoked" : "removed", clock_minute(gone->time).text);
	if ((r || gone) && !t->name)
		return err_set(e, ERR_VERIFY, "%s had certificates for another key, and this token does not name it",
			       q->name);
	return 0;
}

int enroll_rules_token(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct token_entry *t = f->token;
	const struct token_use *use = token_used_by(t, q->name);

	if (t->expires <= f->now)
		return err_set(e, ERR_VERIFY, "this token has expired: it was good until %s",
			       clock_minute(t->expires).text);
	/* The answer got lost: the same machine asks again. */
	if (use && strcmp(use->key, f->key) == 0)
		return 0;
	/* The record of the forming cluster names its disk: what an earlier disk got or promised does not count. */
	if (f->admitted)
		return 1;
	if (!use && token_left(t, f->now) == 0)
		return err_set(e, ERR_VERIFY, "this token is used up");
	if (!use && f->record && strcmp(f->record->key, f->key) == 0)
		return 1; /* the one that had the name before */
	return check_new_key(q, f, e) < 0 ? -1 : 1;
}

/* A token for anybody gives a name that nobody has had, and that no DNS could have. */
static int check_token_names(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const bool known = f->record && strcmp(f->record->key, f->key) == 0;
	const bool anybody = !f->token->name && !member_called(f->conf, q->name) && !known;

	if (anybody && strchr(q->name, '.'))
		return err_set(e, ERR_VERIFY, "this token does not name %s, and a name with a dot needs that", q->name);
	if (anybody && enroll_has(f->conf->extra_sans, q->name))
		return err_set(e, ERR_VERIFY,
			       "this token does not name %s, which is among the EXTRA_SANS of all members", q->name);
	if (is_ordered(q, f) || is_recorded(q, f) || is_from_source(q, f))
		return 0;
	if (is_elsewhere(q, f) && check_source(q, f, e) < 0)
		return -1;
	return err_set(e, ERR_VERIFY, "neither the token nor MEMBERS on the CA host gives %s the address %s", q->name,
		       q->address);
}

static int no_quorum(const struct enroll_question *q, struct err *e)
{
	(void)err_set(e, ERR_PENDING, "the CA host cannot ask a quorum whether a member is called %s already", q->name);
	return err_hint(e,
			"on the CA host: etcd-cluster status; if the cluster cannot have a quorum without this "
			"machine: etcd-cluster token new --recovery --name %s --address %s",
			q->name, q->address);
}

/* Never a name that a live member has. */
static int check_alive(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct enroll_record *r = f->record;
	const bool same_key = r && strcmp(r->key, f->key) == 0;

	if (f->admitted || token_used_by(f->token, q->name))
		return 0;
	if (f->view == ENROLL_ALIVE && !same_key) {
		(void)err_set(e, ERR_VERIFY, "a member of the cluster is called %s already, and it answers", q->name);
		return err_hint(e, "write another NAME= in cluster.conf; or, on that member: etcd-cluster leave");
	}
	if (f->view != ENROLL_UNKNOWN || !f->formed || f->token->recovery)
		return 0;
	/*
	 * Before the cluster has been there, nobody can be asked. One of MEMBERS at its address may be what the quorum is
	 * waiting for.
	 */
	if (!r && !f->tombstone && member_called(f->conf, q->name))
		return 0;
	return same_key && r->time + ENROLL_TRUST_SECONDS > f->now ? 0 : no_quorum(q, e);
}

/* --- With a certificate. */

/* A key that was replaced or removed, or that never was this machine's. */
static int refuse_key(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (f->refused && !(f->record && strcmp(f->record->name, f->refused->name) == 0))
		(void)err_set(e, ERR_VERIFY, "%s was removed on %s, and the CA host refuses its key for good",
			      f->refused->name, clock_minute(f->refused->time).text);
	else if (f->refused)
		(void)err_set(e, ERR_VERIFY, "a newer key has replaced that of this machine's certificate on %s",
			      clock_minute(f->record->since).text);
	else
		(void)err_set(e, ERR_VERIFY,
			      "the key of this machine's certificate is not the one that %s has had since %s", q->name,
			      clock_minute(f->record->since).text);
	return need_token(q, e);
}

/* One of MEMBERS whose certificate was copied to it, or made by a CA host that kept no record. */
static int check_unrecorded(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct config_member *mine = member_called(f->conf, q->name);

	if (mine && enroll_same(mine->address, q->address) && enroll_has(f->cert->sans, q->name) &&
	    enroll_has(f->cert->sans, q->address))
		return 0;
	(void)err_set(e, ERR_VERIFY,
		      enroll_has(f->cert->sans, q->name)
			      ? "%s is neither on record nor in MEMBERS of the CA host with %s"
			      : "this machine's certificate is not for the name %s",
		      q->name, q->address);
	return need_token(q, e);
}

/* Another name than on record: only at the same address, and where MEMBERS of this host says so. */
static int check_rename(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct config_member *mine = member_called(f->conf, q->name);

	if (!f->record && !f->tombstone && mine && enroll_same(mine->address, q->address) &&
	    enroll_same(f->own->address, q->address))
		return 0;
	(void)err_set(e, ERR_VERIFY, "this machine's certificate is not for the name %s", q->name);
	return need_token(q, e);
}

/* Another address than on record: MEMBERS says so, or the connection comes from it (check_move). */
static int check_cert_address(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	/* Whether it is one is learned from the membership list. */
	const bool member = f->own->member != 0 || !f->asked;

	if (is_ordered(q, f) || is_recorded(q, f))
		return 0;
	if (member && !member_called(f->conf, q->name) && is_from_source(q, f))
		return 0;
	if (member && is_elsewhere(q, f) && check_source(q, f, e) < 0)
		return -1;
	(void)err_set(e, ERR_VERIFY, "the address of %s on record is %s, not %s", q->name, f->own->address, q->address);
	return need_token(q, e);
}

/* Whether the key of the certificate counts for anything. Only members have PKI_PEER_CN (pki/profile.h). */
static int judge_key(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (f->cert && strcmp(f->cert->cn, PKI_PEER_CN) != 0)
		return err_set(e, ERR_VERIFY, "the certificate of %s is not one of a member", f->cert->cn);
	if (f->refused || (!f->own && f->record))
		return refuse_key(q, f, e);
	return f->own || !f->tombstone
		       ? 0
		       : err_set(e, ERR_VERIFY, "%s was removed on %s", q->name, clock_minute(f->tombstone->time).text);
}

static int judge_cert(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (judge_key(q, f, e) < 0)
		return -1;
	if (strcmp(f->key, f->cert_key) != 0)
		return err_set(e, ERR_VERIFY, "a new key of %s needs a token", q->name);
	if (!f->own)
		return check_unrecorded(q, f, e);
	if (strcmp(f->own->name, q->name) != 0)
		return check_rename(q, f, e);
	return check_cert_address(q, f, e);
}

/* A move that only the connection shows. */
static int check_move(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (!f->own || is_ordered(q, f) || is_recorded(q, f))
		return 0;
	if (f->view == ENROLL_MEMBER && f->vacant)
		return 0;
	(void)err_set(e, ERR_PENDING, "%s cannot move from %s to %s yet: %s", q->name, f->own->address, q->address,
		      f->view == ENROLL_UNKNOWN	   ? "the CA host cannot ask a quorum"
		      : f->view == ENROLL_STRANGER ? "the cluster does not have it as a member"
						   : "something answers at the former address");
	return err_hint(e, "stop etcd there; or write the new address into MEMBERS of the CA host");
}

/* Only members get certificates for a certificate. */
static int check_member(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (!f->formed || f->view == ENROLL_MEMBER || f->view == ENROLL_ALIVE)
		return 0;
	if (f->view == ENROLL_UNKNOWN)
		return f->own && f->own->time + ENROLL_TRUST_SECONDS > f->now ? 0 : no_quorum(q, e);
	if (!f->own || f->own->member != 0)
		(void)err_set(e, ERR_VERIFY, "%s is not a member of the cluster any more", q->name);
	else
		(void)err_set(e, ERR_PENDING, "%s is not a member of the cluster yet", q->name);
	return need_token(q, e);
}

/* The rules that need nobody else. 1 and 0 as enroll_rules. */
static int judge(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	int rc;

	if (check_name(q, f, e) < 0 || enroll_rules_clock(q, f, e) < 0 || check_cluster(q, f, e) < 0 ||
	    check_members(q, f, e) < 0 || check_owners(q, f, e) < 0)
		return -1;
	if (f->token && f->refused)
		return refuse_key(q, f, e);
	if (f->token && check_token(q, f, e) < 0)
		return -1;
	rc = f->token ? enroll_rules_token(q, f, e) : judge_cert(q, f, e);
	if (rc < 0 || (f->token && check_token_names(q, f, e) < 0))
		return -1;
	return enroll_rules_further(q, f, e) < 0 ? -1 : rc;
}

int enroll_rules(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	int rc = active_check(f->standby, f->conf->name, e);

	rc = rc < 0 ? -1 : q->list_only ? judge_key(q, f, e) : judge(q, f, e);
	if (rc >= 0 && f->asked && !q->list_only &&
	    (check_source(q, f, e) < 0 || (f->token ? check_alive(q, f, e) : check_member(q, f, e)) < 0 ||
	     (f->cert && check_move(q, f, e) < 0)))
		rc = -1;
	return rc < 0 && !e->hint[0] ? need_token(q, e) : rc;
}
