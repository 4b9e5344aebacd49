/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/serve.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "adapter/x509_crl.h"
#include "adapter/x509_csr.h"
#include "base/clock.h"
#include "base/log.h"
#include "cahost/ask.h"
#include "cahost/client_rules.h"
#include "cahost/revoke.h"
#include "cahost/rules_names.h"
#include "enroll/gather.h"
#include "member/forming.h"
#include "pki/check.h"
#include "pki/sign.h"

/* How often a parser may ask for the TLS key of a token: TLS 1.3 asks twice at most for each that is offered. */
#define KEYS_MAX 8

/* One client, and all that is known about it. */
struct client {
	const struct machine *m;
	int parser; /* what comes from there is a stranger's word until `proved` */
	uint8_t nonce[SEAL_NONCE];
	bool proved;
	struct buf request;
	x509_cert *peer;	/* by which it proved itself; NULL: by the token */
	struct pki_pair server; /* with which it is answered then */
	struct enroll_question q;
	x509_key *keys[PKI_LEAVES]; /* that it proved to have; NULL: not asked for */
	struct pki_pair ca;
	struct enroll_facts facts; /* its token, cert and records are these three */
	struct token_entry token;
	struct x509_info cert;
	struct enroll_known known;
	struct enroll_confirm confirm;
	struct pki_signed made;
};

#define auto_client cleanup(client_free)

static void client_free(struct client *c)
{
	buf_free(&c->request);
	x509_cert_free_ptr(&c->peer);
	pki_pair_free(&c->server);
	enroll_question_free(&c->q);
	for (int i = 0; i < PKI_LEAVES; i++)
		x509_key_free_ptr(&c->keys[i]);
	pki_pair_free(&c->ca);
	free(c->facts.key);
	free(c->facts.cert_key);
	strv_free(c->facts.addresses);
	enroll_owners_free(&c->facts.owners);
	token_entry_free(&c->token);
	x509_info_free(&c->cert);
	enroll_known_free(&c->known);
	enroll_confirm_free(&c->confirm);
	pki_signed_free(&c->made);
}

char *enroll_source(const struct sockaddr_storage *from)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	char text[INET6_ADDRSTRLEN] = "nowhere";

	if (from->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
	else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		(void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof(text));
	else if (from->ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
	return xstrdup(text);
}

/* --- Who it is. */

/* Any token on file will do for talking; whether it still counts is for the rules, which can say so. */
static int give_key(const struct client *c, const char *id, struct err *e)
{
	auto_token_entry struct token_entry t = { 0 };
	struct parser_key reply = { .found = false };
	struct err why = { 0 };
	int rc = token_store_find(c->m, id, &t, &why);
	bool told;

	if (rc < 0)
		log_error(LOG_WARNING, &why);
	reply.found = rc > 0;
	memcpy(reply.key, t.token.psk, sizeof(reply.key));
	told = send(c->parser, &reply, sizeof(reply), MSG_NOSIGNAL) == (ssize_t)sizeof(reply);
	explicit_bzero(&reply, sizeof(reply));
	return told ? 0 : err_sys(e, ERR_FAIL, "cannot answer the process that parses its messages");
}

static int prove_token(struct client *c, const struct parser_message *d, struct err *e)
{
	int rc = token_store_find(c->m, d->id, &c->token, e);

	if (rc <= 0)
		return rc < 0 ? -1 : err_set(e, ERR_VERIFY, "there is no token %s here any more", d->id);
	if (!c->token.token.proves)
		return err_set(
			e, ERR_VERIFY,
			"token %s is of an older version of etcd-cluster; on the CA host: etcd-cluster token new",
			d->id);
	if (!seal_holds(c->nonce, NULL, c->token.token.proof, NULL, &d->seal, &c->request))
		return err_set(e, ERR_VERIFY, "its request does not prove that it has token %s", d->id);
	return 0;
}

/* Whether a client with a record, or one that was revoked and is to hear it, has this certificate. */
static int is_client(const struct client *c, struct err *e)
{
	cleanup(enroll_tombstone_free) struct enroll_tombstone gone = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	const char *cn = c->cert.cn;

	if (!enroll_record_is_name(ENROLL_CLIENT, cn))
		return 0;
	if (enroll_record_read(c->m, ENROLL_CLIENT, cn, &r, e) < 0 ||
	    enroll_tombstone_read(c->m, ENROLL_CLIENT, cn, &gone, e) < 0)
		return -1;
	return (r.key && strcmp(r.key, c->facts.cert_key) == 0) || strv_has(gone.keys, c->facts.cert_key);
}

/* No other profile carries the name of peers (pki/profile.h), and only members get it. */
static int check_cert(struct client *c, struct err *e)
{
	int rc;

	x509_describe(c->peer, &c->cert);
	c->facts.cert = &c->cert;
	c->facts.cert_key = x509_spki_fingerprint(c->peer);
	if (strcmp(c->cert.cn, PKI_PEER_CN) == 0)
		return 0;
	rc = is_client(c, e);
	if (rc != 0)
		return rc > 0 ? 0 : -1;
	return err_set(e, ERR_VERIFY, "its certificate (CN=%s) is not one of a member, or of a client on record",
		       c->cert.cn);
}

static int prove_cert(struct client *c, const struct parser_message *d, struct err *e)
{
	auto_free char *path = machine_pki_path(c->m, "ca", "crt");
	auto_buf struct buf ca = { 0 };

	if (!file_exists(path))
		return err_set(e, ERR_VERIFY, "this machine has no certificates yet, and asks for a token");
	if (file_read(path, PKI_FILE_MAX, &ca, e) < 0)
		return -1;
	c->peer = x509_raw_cert(d->seal.cert, d->seal.cert_len, &ca, e);
	if (!c->peer || check_cert(c, e) < 0)
		return -1;
	if (!seal_holds(c->nonce, NULL, NULL, c->peer, &d->seal, &c->request))
		return err_set(e, ERR_VERIFY, "its request does not prove that it has the key of its certificate");
	return 0;
}

/* Its request, once it has proved to be who may ask. Nothing in it is parsed before. */
static int hear(struct client *c, long long deadline, struct err *e)
{
	auto_free struct parser_message *d = xcalloc(1, sizeof(*d));
	int rc;

	for (int keys = 0; (rc = parser_hear(c->parser, deadline, d, e)) > 0 && d->kind == PARSER_WANTS_KEY; keys++)
		if (keys == KEYS_MAX || give_key(c, d->id, e) < 0)
			return keys == KEYS_MAX ? err_set(e, ERR_VERIFY, "it offers too many tokens") : -1;
	if (rc <= 0)
		return rc;
	buf_add(&c->request, d->body, d->body_len);
	if ((d->id[0] ? prove_token(c, d, e) : prove_cert(c, d, e)) < 0)
		return -1;
	c->proved = true;
	return 1;
}

/* --- What it asks for. */

static int read_question(struct client *c, struct err *e)
{
	if (enroll_question_get(&c->request, &c->q, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		if (!c->q.csr[i])
			continue;
		c->keys[i] = x509_csr_get(c->q.csr[i], e);
		if (!c->keys[i])
			return err_wrap(e, "the request for %s", pki_profile((enum pki_leaf)i)->name);
	}
	return 0;
}

/* Which key it is known by: that of the certificate of a peer, or of a client, asked for now or shown. */
static int identify(struct client *c, struct err *e)
{
	x509_key *key = c->keys[c->q.client ? PKI_ETCDCTL : PKI_PEER];
	struct enroll_facts *f = &c->facts;

	if (key)
		f->key = x509_key_fingerprint(key);
	if (!f->cert)
		return f->key ? 0 : err_set(e, ERR_VERIFY, "a request with a token must include a peer certificate");
	if (!f->key)
		f->key = xstrdup(f->cert_key);
	return 0;
}

/*
 * As enroll_rules, on what is on this host now. The first time before anybody is asked: a stranger must not have this
 * host search DNS and etcd for nothing.
 */
static int judge(struct client *c, struct err *e)
{
	if (enroll_facts_load(c->m, &c->q, &c->known, &c->facts, e) < 0)
		return -1;
	c->facts.token = c->facts.cert ? NULL : &c->token;
	return (c->q.client ? client_rules : enroll_rules)(&c->q, &c->facts, e);
}

static int gather_facts(struct client *c, struct err *e)
{
	c->facts.gathers = forming_gathers(c->m);
	c->facts.admitted = c->facts.gathers && !c->q.client && gather_admits(c->m, c->q.name, c->facts.source);
	if (judge(c, e) < 0)
		return -1;
	enroll_ask(c->m, &c->q, &c->known, &c->facts, &c->token.token);
	if (c->q.list_only)
		return 0;
	return enroll_confirm_start(c->m, &c->known.list, &c->token.token, &c->confirm, e);
}

static int sign(struct client *c, struct enroll_reply *r, struct err *e)
{
	for (int i = 0; i < PKI_LEAVES; i++) {
		struct pki_profile p = *pki_profile(i);

		if (c->q.client)
			p.cn = c->q.name;
		auto_want struct pki_want want = pki_want(c->q.name, c->q.address, c->q.addresses, c->q.sans, &p);

		if (!c->keys[i])
			continue;
		if (pki_sign_leaf(c->m, &c->ca, &want, c->keys[i], &r->made.cert[i], e) < 0 ||
		    pki_signed_add(&c->made, &p, &r->made.cert[i], e) < 0)
			return -1;
	}
	buf_add(&r->made.ca_pem, c->ca.pem.data, c->ca.pem.len);
	return 0;
}

/* A key that this one replaces is refused from now on; a record under the former name of the machine is dropped. */
static int write_record(struct client *c, struct err *e)
{
	cleanup(enroll_record_free) struct enroll_record next = { .name = NULL };
	const struct enroll_record *old = c->facts.record, *base = enroll_rules_base(&c->facts);

	enroll_next_record(&c->q, &c->known, &c->facts, &next);
	enroll_grants_add(&next.grants, c->made.end, c->made.serials ? c->made.serials : "", c->m->now);
	if (old && strcmp(old->key, next.key) != 0 && enroll_record_bury(c->m, old->kind, old->name, e) < 0)
		return -1;
	if (enroll_record_write(c->m, &next, e) < 0)
		return -1;
	return base && strcmp(base->name, next.name) != 0 && enroll_record_drop(c->m, base->kind, base->name, e) < 0
		       ? -1
		       : 0;
}

static int check_many(const struct client *c, struct err *e)
{
	const struct enroll_record *base = enroll_rules_base(&c->facts);

	if (!base || base->grants.n < ENROLL_GRANTS_MAX)
		return 0;
	return err_set(e, ERR_VERIFY, "%s got %zu sets of certificates that are still valid, and gets no more",
		       c->q.name, base->grants.n);
}

/* It may have been used or revoked since. */
static int read_token_again(struct client *c, struct err *e)
{
	char id[TOKEN_ID_HEX];
	int rc;

	memcpy(id, c->token.token.id, sizeof(id));
	token_entry_free(&c->token);
	rc = token_store_find(c->m, id, &c->token, e);
	return rc == 0 ? err_set(e, ERR_VERIFY, "there is no token %s here any more", id) : rc;
}

/* The revocation list, for who can take one and has an older one; and what is known about the key. */
static int add_list(struct client *c, struct enroll_reply *r, struct err *e)
{
	r->quorum = c->known.list.agreed;
	r->member = c->q.list_only && c->facts.own ? c->facts.own->member : 0;
	if (enroll_list_update(c->m, e) < 0)
		return -1;
	if (c->q.list < 0)
		return 0;
	if (enroll_list_read(c->m, &r->made.crl, e) < 0)
		return -1;
	if (r->made.crl.len > 0 && x509_crl_number(&r->made.crl) <= c->q.list)
		buf_free(&r->made.crl);
	return 0;
}

static int give(struct client *c, int use, struct enroll_reply *r, struct err *e)
{
	if (check_many(c, e) < 0 || sign(c, r, e) < 0)
		return -1;
	/* Another one may have taken over since etcd was asked: then none of this leaves. */
	if (c->known.list.host_revision >= 0 && enroll_confirm_finish(&c->confirm, e) < 0)
		return -1;
	if (use > 0 && token_store_use(c->m, &c->token, c->q.name, c->facts.key, e) < 0)
		return -1;
	return write_record(c, e);
}

/* All that must not happen twice at once. What the cluster has removed is learned first. */
static int grant(struct client *c, struct enroll_reply *r, struct err *e)
{
	auto_close int lock = token_store_lock(c->m, e);
	struct err unswept = { 0 };
	int use;

	if (lock < 0)
		return -1;
	if (token_store_sweep(c->m, &unswept) < 0)
		log_error(LOG_WARNING, &unswept);
	if (enroll_learn(c->m, &c->known.list, e) < 0)
		return -1;
	if (!c->peer && read_token_again(c, e) < 0)
		return -1;
	use = judge(c, e);
	if (use < 0 || (!c->q.list_only && give(c, use, r, e) < 0))
		return -1;
	return add_list(c, r, e);
}

/* Only now: the processes that were started before have no copy of it. */
static int load_ca(struct client *c, struct err *e)
{
	if (pki_pair_load(c->m, "ca", false, &c->ca, e) < 0)
		return -1;
	if (!c->ca.cert || !c->ca.key)
		return err_set(e, ERR_VERIFY, "this machine is not a CA host: it has no CA key");
	return pki_check_ca(c->m, &c->ca, e);
}

/* Only now: while others were asked, the key was not in this memory. */
static int load_server(struct client *c, struct err *e)
{
	if (pki_pair_load(c->m, pki_profile(PKI_SERVER)->name, true, &c->server, e) < 0)
		return -1;
	if (c->server.cert && c->server.key)
		return 0;
	return err_set(e, ERR_FAIL, "%s has no certificate of a server to answer with", c->m->at.pki);
}

/* Whoever proved nothing gets an answer that proves nothing. */
static int answer(struct client *c, const struct buf *body, struct err *e)
{
	const int rc = c->proved && c->peer && !c->server.key ? load_server(c, e) : 0;
	const struct seal_with with = { .secret = c->peer ? NULL : c->token.token.proof,
					.key = c->server.key,
					.cert = c->server.cert };
	auto_buf struct buf message = { 0 };

	if (rc < 0 || seal_put(c->nonce, &c->request, c->proved ? &with : NULL, body, &message, e) < 0)
		return -1;
	if (message.len <= CHANNEL_MESSAGE_MAX &&
	    send(c->parser, message.data, message.len, MSG_NOSIGNAL) == (ssize_t)message.len)
		return 0;
	return err_sys(e, ERR_FAIL, "cannot pass the answer on");
}

/* The reasons of the rules are for the client; troubles of this host are for its own log. */
static void refuse(struct client *c, struct err *why)
{
	static char trouble[] = "the CA host has a problem; its journal names it";
	const bool told = why->class == ERR_VERIFY || why->class == ERR_PENDING;
	const struct enroll_reply no = { .status = why->class == ERR_VERIFY ? ENROLL_REFUSED : ENROLL_BUSY,
					 .message = told ? why->msg : trouble,
					 .hint = told ? why->hint : NULL,
					 .ca_host = c->facts.standby ? c->facts.standby->server : NULL,
					 .standby = c->facts.standby != NULL };
	auto_buf struct buf body = { 0 };
	struct err unsent = { 0 };

	/* The server has one line a minute for a source, which may be about something else. */
	if (!told && c->proved)
		log_error(LOG_WARNING, why);
	if (enroll_reply_put(&no, &body, &unsent) < 0 || answer(c, &body, &unsent) < 0)
		log_debug("%s", unsent.msg);
}

static int serve_report(struct client *c, struct err *e)
{
	auto_report struct report r = { 0 };
	auto_buf struct buf body = { 0 };

	/* Whether a cluster forms, and with which disks, is not for clients to say. */
	if (c->token.client || (c->peer && strcmp(c->cert.cn, PKI_PEER_CN) != 0))
		return err_set(e, ERR_VERIFY, "only a machine can report, not a client");
	if (report_get(&c->request, &r, e) < 0 || gather_answer(c->m, &r, c->facts.source, &body, e) < 0)
		return -1;
	return answer(c, &body, e);
}

static int serve_request(struct client *c, struct err *e)
{
	auto_reply struct enroll_reply r = { 0 };
	auto_buf struct buf body = { 0 };

	if (read_question(c, e) < 0 || identify(c, e) < 0 || gather_facts(c, e) < 0 || load_ca(c, e) < 0 ||
	    grant(c, &r, e) < 0)
		return -1;
	if (!c->q.list_only)
		log_info("certificates for %s (%s) given to %s, who showed %s%s: %s", c->q.name,
			 c->q.client ? "a client" : c->q.address, c->facts.source,
			 c->facts.cert ? "a certificate" : "the token ", c->facts.cert ? "" : c->token.token.id,
			 c->made.serials);
	return enroll_reply_put(&r, &body, e) < 0 ? -1 : answer(c, &body, e);
}

/* 1 served, 0 it left without a request, -1. */
int enroll_sign(const struct machine *m, int parser, const uint8_t nonce[SEAL_NONCE], const char *source, struct err *e)
{
	const long long deadline = clock_ms() + 1000LL * ENROLL_WHOLE_SECONDS;
	auto_client struct client c = { .m = m,
					.parser = parser,
					.facts = { .conf = &m->conf, .now = m->now, .source = source } };
	int rc;

	memcpy(c.nonce, nonce, SEAL_NONCE);
	rc = hear(&c, deadline, e);
	if (rc == 0)
		return 0;
	if (rc > 0 && (report_is(&c.request) ? serve_report(&c, e) : serve_request(&c, e)) == 0)
		return 1;
	refuse(&c, e);
	return c.q.name ? err_wrap(e, "as %s", c.q.name) : -1;
}

int enroll_serve(const struct machine *m, int fd, const struct parser_tls *tls, const char *source, struct err *e)
{
	struct jail_child child = { 0 };
	uint8_t nonce[SEAL_NONCE];
	struct err why = { 0 };
	int parser, rc;

	/* So few bytes never come short (getrandom(2)). */
	must(getrandom(nonce, sizeof(nonce), 0) == (ssize_t)sizeof(nonce));
	/* First: what this process reads later is not in the memory of the parser. */
	if (parser_start(fd, tls, nonce, &parser, &child, e) < 0)
		return -1;
	rc = enroll_sign(m, parser, nonce, source, e);
	(void)close(parser);
	if (parser_end(&child, &why) < 0 && rc == 0) {
		*e = why;
		if (e->class == ERR_VERIFY && forming_gathers(m))
			report_refuse(m, source, e->msg);
	}
	if (rc > 0 && why.class != ERR_NONE)
		log_debug("%s", why.msg);
	return rc > 0 ? 0 : e->class == ERR_NONE ? err_set(e, ERR_FAIL, "it left without a request") : -1;
}
