/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/rules.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "config/check.h"
#include "pki/profile.h"

#define CLOCK_SECONDS (30 * 60)
/* A machine that enrolled and is waiting to be added is no member yet. */
#define WAIT_SECONDS (7L * DAY)

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
	bool literal = parse_ip(a, x);

	if (literal != parse_ip(b, y))
		return false;
	return literal ? memcmp(x, y, sizeof(x)) == 0 : strcasecmp(a, b) == 0;
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

char *enroll_members_text(const struct config *c)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < c->n_members; i++)
		buf_printf(&text, "%s%s=%s", i > 0 ? "," : "", c->members[i].name, c->members[i].address);
	return text.data ? text.data : xstrdup("");
}

char *enroll_ports_text(const struct config *c)
{
	return xasprintf("%u,%u", c->client_port, c->peer_port);
}

/* --- What is asked makes sense at all. */

static int check_form(const struct enroll_ask *ask, struct err *e)
{
	const char *why = config_check_name(ask->name);

	if (why)
		return err_set(e, ERR_VERIFY, "the name asked for %s", why);
	/* Every certificate is for localhost; and the peer port takes whoever is called PKI_PEER_CN. */
	if (strcmp(ask->name, "localhost") == 0 || strcmp(ask->name, PKI_PEER_CN) == 0) {
		(void)err_set(e, ERR_VERIFY, "no machine can be called %s", ask->name);
		return err_hint(e, "write NAME= in cluster.conf");
	}
	why = config_check_address(ask->address);
	if (why)
		return err_set(e, ERR_VERIFY, "the address asked for %s", why);
	for (char *const *san = ask->sans; san && *san; san++) {
		why = config_check_san(*san);
		if (why)
			return err_set(e, ERR_VERIFY, "a further name asked for %s", why);
	}
	return *ask->key ? 0 : err_set(e, ERR_VERIFY, "no certificate for the peer port was asked for");
}

/* What is dated by a wrong clock is of no use to the machine, or to the others. */
static int check_clock(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	int64_t apart;

	if (!__builtin_sub_overflow((int64_t)ask->time, (int64_t)f->now, &apart) && apart <= CLOCK_SECONDS &&
	    apart >= -CLOCK_SECONDS)
		return 0;
	(void)err_set(e, ERR_PENDING, "the clock of this machine says %s and that of the CA host %s",
		      clock_minute(ask->time).text, clock_minute(f->now).text);
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
static int check_cluster(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	auto_free char *members = enroll_members_text(f->conf), *ports = enroll_ports_text(f->conf);

	if (!f->token) /* a renewal must not depend on what an edit of one cluster.conf left different */
		return 0;
	if (check_same("MEMBERS", ask->members, members, e) < 0 ||
	    check_same("CLUSTER_TOKEN", ask->cluster_token, f->conf->cluster_token, e) < 0)
		return -1;
	return check_same("CLIENT_PORT,PEER_PORT", ask->ports, ports, e);
}

/* --- Nobody gets what is somebody else's. */

/* ours: this name and address are one machine's, and it is the one that asks. */
static bool clashes(const struct enroll_ask *ask, const char *name, const char *address, bool *ours)
{
	*ours = strcmp(ask->name, name) == 0 && same(ask->address, address);
	return !*ours && (same(ask->name, name) || same(ask->name, address) || same(ask->address, name) ||
			  same(ask->address, address));
}

static int check_pair(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	bool ours;

	if (clashes(ask, f->conf->name, f->conf->address, &ours) || ours)
		return err_set(e, ERR_VERIFY, "%s=%s: the CA host itself has this name or address", ask->name,
			       ask->address);
	for (size_t i = 0; i < f->conf->n_members; i++) {
		const struct config_member *c = &f->conf->members[i];

		if (!clashes(ask, c->name, c->address, &ours))
			continue;
		(void)err_set(e, ERR_VERIFY, "%s=%s is not what MEMBERS on the CA host says: %s=%s", ask->name,
			      ask->address, c->name, c->address);
		return err_hint(e, "correct NAME and ADDRESS here, or MEMBERS there");
	}
	if (has(f->others, ask->name)) {
		(void)err_set(e, ERR_VERIFY, "the name %s is the address of another member", ask->name);
		return err_hint(e, "write another NAME= in cluster.conf");
	}
	/* A token for just this name and address is a person's word that it is so. */
	if (has(f->others, ask->address) && !(f->token && f->token->name && f->token->address)) {
		(void)err_set(e, ERR_VERIFY, "another member of the cluster has the address %s", ask->address);
		return err_hint(e, "if that member is gone: etcd-cluster remove MEMBER, on a healthy one");
	}
	return 0;
}

/* As etcd itself asks of its peers: who connects must be where its certificate says. */
static int check_source(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	bool loopback = config_is_loopback(ask->address);

	if (loopback ? config_is_loopback(f->source) : !config_is_loopback(f->source) && has(f->addresses, f->source))
		return 0;
	if (!loopback && !config_is_loopback(f->source) && same(ask->address, f->source))
		return 0;
	(void)err_set(e, ERR_VERIFY, "this machine asks from %s, which is not what ADDRESS %s%s stands for", f->source,
		      ask->address, ask->sans ? " or one of EXTRA_SANS" : "");
	return err_hint(e, "write ADDRESS= or EXTRA_SANS= so that the address it connects from is in it");
}

static int check_sans(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	for (char *const *san = ask->sans; san && *san; san++) {
		if (same(*san, ask->name) || same(*san, ask->address) || has(f->conf->extra_sans, *san) ||
		    (f->token && has(f->token->sans, *san)) || (f->cert && has(f->cert->sans, *san)))
			continue;
		(void)err_set(e, ERR_VERIFY, "%s is not among the EXTRA_SANS of the CA host", *san);
		return err_hint(e, "add it there, or on the CA host: etcd-cluster token new --san %s", *san);
	}
	return 0;
}

/* --- With a token. */

static int check_limits(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	const struct token_entry *t = f->token;
	int rc = 0;

	if (t->name && strcmp(t->name, ask->name) != 0)
		rc = err_set(e, ERR_VERIFY, "this token is for a machine called %s, not %s", t->name, ask->name);
	else if (t->address && !same(t->address, ask->address))
		rc = err_set(e, ERR_VERIFY, "this token is for the address %s, not %s", t->address, ask->address);
	else if (t->members && !member_called(f->conf, ask->name))
		rc = err_set(e, ERR_VERIFY, "this token is for those in MEMBERS of the CA host, and %s is not",
			     ask->name);
	else if (t->expires <= f->now)
		rc = err_set(e, ERR_VERIFY, "this token has expired: it was good until %s",
			     clock_minute(t->expires).text);
	return rc < 0 ? err_hint(e, NEW_TOKEN) : 0;
}

/* The name was given to another key before: the machine was built anew, or it is not that machine. */
static int check_successor(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	if (strcmp(f->record->token, f->token->token.id) == 0)
		(void)err_set(e, ERR_VERIFY, "%s has enrolled with this token already, and with another key",
			      ask->name);
	else if (f->token->made <= f->record->time)
		(void)err_set(e, ERR_VERIFY, "%s has enrolled on %s, after this token was made, and with another key",
			      ask->name, clock_minute(f->record->time).text);
	else
		return 0;
	return err_hint(e, NEW_TOKEN);
}

/* Never a name that a live member has. */
static int check_alive(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	if (f->view == ENROLL_ALIVE) {
		(void)err_set(e, ERR_VERIFY, "a member of the cluster is called %s already, and it answers", ask->name);
		return err_hint(e, "write another NAME= in cluster.conf; or, on that member: etcd-cluster leave");
	}
	/*
	 * Before the cluster has been there, nobody can be asked. One of MEMBERS at its address may be what the quorum is
	 * waiting for.
	 */
	if (f->view != ENROLL_UNKNOWN || !f->formed || (!f->record && member_called(f->conf, ask->name)))
		return 0;
	(void)err_set(e, ERR_PENDING, "the CA host cannot ask a quorum whether a member is called %s already",
		      ask->name);
	return err_hint(e, "on the CA host: etcd-cluster status");
}

static int with_token(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	const struct token_use *use = token_used_by(f->token, ask->name);

	if (check_limits(ask, f, e) < 0)
		return -1;
	/* The answer got lost: the same machine asks again. */
	if (use && strcmp(use->key, ask->key) == 0)
		return 0;
	if (use) {
		(void)err_set(e, ERR_VERIFY, "%s has enrolled with this token already, and with another key",
			      ask->name);
		return err_hint(e, NEW_TOKEN);
	}
	if (token_left(f->token, f->now) == 0) {
		(void)err_set(e, ERR_VERIFY, "this token is used up");
		return err_hint(e, NEW_TOKEN);
	}
	if (f->record && strcmp(f->record->key, ask->key) == 0)
		return 1; /* the machine that had the name before */
	if (f->record && check_successor(ask, f, e) < 0)
		return -1;
	return check_alive(ask, f, e) < 0 ? -1 : 1;
}

/* --- With a certificate. */

static int with_cert(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	const struct config_member *mine = member_called(f->conf, ask->name);
	const struct enroll_record *r = f->record;
	bool on_record = r && (strcmp(r->key, f->cert_key) == 0 || strcmp(r->former, f->cert_key) == 0 ||
			       strcmp(r->key, ask->key) == 0);

	/* Another name for the same address: only where the CA host's own MEMBERS says so. */
	if (!has(f->cert->sans, ask->name) && !(mine && has(f->cert->sans, ask->address))) {
		(void)err_set(e, ERR_VERIFY, "this machine's certificate is not for the name %s", ask->name);
		return err_hint(e, "on the CA host: etcd-cluster token new --name %s --address %s", ask->name,
				ask->address);
	}
	/* Made by another CA host since, it may be good; a certificate begins an hour before it is made (pki/sign.c). */
	if (r && !on_record && f->cert->not_before < r->time) {
		(void)err_set(e, ERR_VERIFY,
			      "this machine's certificate is older than the one that %s got on %s for another key",
			      ask->name, clock_minute(r->time).text);
		return err_hint(e, NEW_TOKEN);
	}
	if (f->formed && f->view == ENROLL_STRANGER && !(on_record && r->time + WAIT_SECONDS > f->now)) {
		(void)err_set(e, ERR_VERIFY, "%s is not a member of the cluster any more", ask->name);
		return err_hint(e, "on the CA host: etcd-cluster token new; then here: etcd-cluster join ADDRESS");
	}
	return 0;
}

int enroll_rules(const struct enroll_ask *ask, const struct enroll_facts *f, struct err *e)
{
	if (check_form(ask, e) < 0 || check_clock(ask, f, e) < 0 || check_cluster(ask, f, e) < 0 ||
	    check_pair(ask, f, e) < 0 || check_source(ask, f, e) < 0 || check_sans(ask, f, e) < 0)
		return -1;
	return f->token ? with_token(ask, f, e) : with_cert(ask, f, e);
}
