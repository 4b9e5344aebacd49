/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/rules.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "config/check.h"
#include "member/forming.h"
#include "pki/profile.h"

#define CLOCK_SECONDS (30 * 60)
/* A machine that enrolled and is waiting to be added is no member yet. */
#define WAIT_SECONDS (7L * DAY)

/* The hint of a refusal that has none of its own. */
#define NEW_TOKEN "on the CA host: etcd-cluster token new; then on this machine: etcd-cluster setup"

/* As sixteen bytes, IPv4 in its IPv6 form (RFC 4291, 2.5.5.2). False for what is no literal. */
static bool parse_ip(const char *s, uint8_t ip[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(ip, mapped, sizeof(mapped));
	return inet_pton(AF_INET, s, ip + sizeof(mapped)) == 1 || inet_pton(AF_INET6, s, ip) == 1;
}

/* The same address, or the same name. */
static bool same(const char *a, const char *b)
{
	uint8_t x[16], y[16];

	return parse_ip(a, x) && parse_ip(b, y) ? memcmp(x, y, sizeof(x)) == 0 : strcasecmp(a, b) == 0;
}

static bool has(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (same(*v, s))
			return true;
	return false;
}

static const struct config_member *member_called(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_members; i++)
		if (strcmp(c->members[i].name, name) == 0)
			return &c->members[i];
	return NULL;
}

/* --- What is asked makes sense at all. */

static int check_name(const struct enroll_question *q, struct err *e)
{
	/* Every certificate is for localhost; and the peer port takes whoever is called PKI_PEER_CN. */
	if (strcmp(q->name, "localhost") != 0 && strcmp(q->name, PKI_PEER_CN) != 0)
		return 0;
	(void)err_set(e, ERR_VERIFY, "no machine can be called %s", q->name);
	return err_hint(e, "write NAME= in cluster.conf");
}

bool enroll_clocks_agree(time_t theirs, time_t ours)
{
	return llabs((long long)theirs - ours) <= CLOCK_SECONDS;
}

/* What is dated by a wrong clock is of no use to the machine, or to the others. */
static int check_clock(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
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

/* --- Nobody gets what is somebody else's. */

/* ours: this name and address are one machine's, and it is the one that asks. */
static bool clashes(const struct enroll_question *q, const char *name, const char *address, bool *ours)
{
	*ours = strcmp(q->name, name) == 0 && same(q->address, address);
	return !*ours &&
	       (same(q->name, name) || same(q->name, address) || same(q->address, name) || same(q->address, address));
}

static int check_pair(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	bool ours;

	if (clashes(q, f->conf->name, f->conf->address, &ours) || ours)
		return err_set(e, ERR_VERIFY, "%s=%s: the CA host itself has this name or address", q->name,
			       q->address);
	for (size_t i = 0; i < f->conf->n_members; i++) {
		const struct config_member *c = &f->conf->members[i];

		if (!clashes(q, c->name, c->address, &ours))
			continue;
		(void)err_set(e, ERR_VERIFY, "%s=%s is not what MEMBERS on the CA host says: %s=%s", q->name,
			      q->address, c->name, c->address);
		return err_hint(e, "correct NAME and ADDRESS here, or MEMBERS there");
	}
	if (has(f->others, q->name)) {
		(void)err_set(e, ERR_VERIFY, "the name %s is the address of another member", q->name);
		return err_hint(e, "write another NAME= in cluster.conf");
	}
	/* A token for just this name and address is a person's word that it is so. */
	if (has(f->others, q->address) && !(f->token && f->token->name && f->token->address)) {
		(void)err_set(e, ERR_VERIFY, "another member of the cluster has the address %s", q->address);
		return err_hint(e, "if that member is gone: etcd-cluster remove MEMBER, on a healthy one");
	}
	return 0;
}

/* As etcd itself asks of its peers: who connects must be where its certificate says. */
static int check_source(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const bool loopback = config_is_loopback(q->address);

	if (loopback == config_is_loopback(f->source) &&
	    (loopback || has(f->addresses, f->source) || same(q->address, f->source)))
		return 0;
	(void)err_set(e, ERR_VERIFY, "this machine asks from %s, which is not what ADDRESS %s%s stands for", f->source,
		      q->address, q->sans ? " or one of EXTRA_SANS" : "");
	return err_hint(e, "write ADDRESS= or EXTRA_SANS= so that the address it connects from is in it");
}

static int check_sans(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	for (char *const *san = q->sans; san && *san; san++) {
		if (same(*san, q->name) || same(*san, q->address) || has(f->conf->extra_sans, *san) ||
		    (f->token && has(f->token->sans, *san)) || (f->cert && has(f->cert->sans, *san)))
			continue;
		(void)err_set(e, ERR_VERIFY, "%s is not among the EXTRA_SANS of the CA host", *san);
		return err_hint(e, "add it there, or on the CA host: etcd-cluster token new --san %s", *san);
	}
	return 0;
}

/* --- With a token. */

/* Never a name that a live member has. */
static int check_alive(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	if (f->view == ENROLL_ALIVE) {
		(void)err_set(e, ERR_VERIFY, "a member of the cluster is called %s already, and it answers", q->name);
		return err_hint(e, "write another NAME= in cluster.conf; or, on that member: etcd-cluster leave");
	}
	/*
	 * Before the cluster has been there, nobody can be asked. One of MEMBERS at its address may be what the quorum is
	 * waiting for.
	 */
	if (f->view != ENROLL_UNKNOWN || !f->formed || (!f->record && member_called(f->conf, q->name)))
		return 0;
	(void)err_set(e, ERR_PENDING, "the CA host cannot ask a quorum whether a member is called %s already", q->name);
	return err_hint(e, "on the CA host: etcd-cluster status");
}

static int with_token(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct token_entry *t = f->token;
	const struct token_use *use = token_used_by(t, q->name);
	const struct enroll_record *r = f->record;

	if (f->gathers && !f->admitted && member_called(f->conf, q->name)) {
		(void)err_set(e, ERR_PENDING,
			      "the cluster is being formed, and its record does not name the disk of %s", q->name);
		return err_hint(e, "on this machine: etcd-cluster setup, which reports to the CA host first");
	}
	if (t->name && strcmp(t->name, q->name) != 0)
		return err_set(e, ERR_VERIFY, "this token is for a machine called %s, not %s", t->name, q->name);
	if (t->address && !same(t->address, q->address))
		return err_set(e, ERR_VERIFY, "this token is for the address %s, not %s", t->address, q->address);
	if (t->members && !member_called(f->conf, q->name))
		return err_set(e, ERR_VERIFY, "this token is for those in MEMBERS of the CA host, and %s is not",
			       q->name);
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
	if (!use && r && strcmp(r->key, f->key) == 0)
		return 1; /* the machine that had the name before */
	/* Given to another key before: the machine was built anew, or it is not that machine. */
	if (use || (r && strcmp(r->token, t->token.id) == 0))
		return err_set(e, ERR_VERIFY, "%s has enrolled with this token already, and with another key", q->name);
	if (r && t->made <= r->time)
		return err_set(e, ERR_VERIFY, "%s has enrolled on %s, after this token was made, and with another key",
			       q->name, clock_minute(r->time).text);
	return check_alive(q, f, e) < 0 ? -1 : 1;
}

/* --- With a certificate. */

static int with_cert(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	const struct config_member *mine = member_called(f->conf, q->name);
	const struct enroll_record *r = f->record;
	bool on_record = r && (strcmp(r->key, f->cert_key) == 0 || strcmp(r->former, f->cert_key) == 0 ||
			       strcmp(r->key, f->key) == 0);

	/* Another name for the same address: only where the CA host's own MEMBERS says so. */
	if (!has(f->cert->sans, q->name) && !(mine && has(f->cert->sans, q->address))) {
		(void)err_set(e, ERR_VERIFY, "this machine's certificate is not for the name %s", q->name);
		return err_hint(e, "on the CA host: etcd-cluster token new --name %s --address %s", q->name,
				q->address);
	}
	/* Made by another CA host since, it may be good; a certificate begins an hour before it is made (pki/sign.c). */
	if (r && !on_record && f->cert->not_before < r->time)
		return err_set(e, ERR_VERIFY,
			       "this machine's certificate is older than the one that %s got on %s for another key",
			       q->name, clock_minute(r->time).text);
	if (f->formed && f->view == ENROLL_STRANGER && !(on_record && r->time + WAIT_SECONDS > f->now)) {
		(void)err_set(e, ERR_VERIFY, "%s is not a member of the cluster any more", q->name);
		return err_hint(e, "on the CA host: etcd-cluster token new; then here: etcd-cluster join ADDRESS");
	}
	return 0;
}

int enroll_rules(const struct enroll_question *q, const struct enroll_facts *f, struct err *e)
{
	int rc;

	if (check_name(q, e) < 0 || check_clock(q, f, e) < 0 || check_cluster(q, f, e) < 0 || check_pair(q, f, e) < 0 ||
	    check_source(q, f, e) < 0 || check_sans(q, f, e) < 0)
		return -1;
	rc = f->token ? with_token(q, f, e) : with_cert(q, f, e);
	return rc < 0 ? err_hint(e, NEW_TOKEN) : rc;
}
