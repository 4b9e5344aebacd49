/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/serve.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/channel.h"
#include "adapter/x509_csr.h"
#include "base/clock.h"
#include "base/log.h"
#include "cahost/facts.h"
#include "cahost/gather.h"
#include "member/forming.h"
#include "pki/check.h"
#include "pki/sign.h"

/* One client, and all that is known about it. */
struct client {
	const struct machine *m;
	struct channel *channel;
	struct enroll_question q;
	x509_key *keys[PKI_LEAVES]; /* that it proved to have; NULL: not asked for */
	struct pki_pair ca;
	struct enroll_facts facts; /* its token, cert and records are these three */
	struct token_entry token;
	struct x509_info cert;
	struct enroll_known known;
	struct buf serials;
	time_t end; /* of the certificates */
};

#define auto_client cleanup(client_free)

static void client_free(struct client *c)
{
	channel_free(&c->channel);
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
	buf_free(&c->serials);
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

/* Any token on file will do for talking; whether it still counts is for the rules, which can say so. */
static bool find_token(void *arg, const char *id, unsigned char key[CHANNEL_KEY_LEN])
{
	const struct client *c = arg;
	auto_token_entry struct token_entry t = { 0 };
	struct err why = { 0 };
	int rc = token_is_id(id) ? token_store_find(c->m, id, &t, &why) : 0;

	if (rc < 0)
		log_error(LOG_WARNING, &why);
	if (rc > 0)
		memcpy(key, t.token.psk, CHANNEL_KEY_LEN);
	return rc > 0;
}

static int handshake(struct client *c, int fd, struct err *e)
{
	const char *server = pki_profile(PKI_SERVER)->name;
	auto_free char *ca = machine_pki_path(c->m, "ca", "crt"), *cert = machine_pki_path(c->m, server, "crt"),
		       *key = machine_pki_path(c->m, server, "key");
	const bool pair = file_exists(ca) && file_exists(cert) && file_exists(key);
	const struct channel_side side = { .find = find_token,
					   .arg = c,
					   .ca = pair ? ca : NULL,
					   .cert = pair ? cert : NULL,
					   .cert_key = pair ? key : NULL };

	c->channel = channel_accept(&side, fd, clock_ms() + 1000LL * ENROLL_SHAKE_SECONDS, e);
	if (!c->channel && e->class == ERR_VERIFY && forming_gathers(c->m))
		report_refuse(c->m, c->facts.source, e->msg);
	return c->channel ? 0 : -1;
}

static int read_question(struct client *c, const struct buf *text, struct err *e)
{
	if (enroll_question_get(text, &c->q, e) < 0)
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

/* No other profile carries that name (pki/profile.h), and only members get this one. */
static int check_cert(struct client *c, struct err *e)
{
	x509_cert *cert = channel_cert(c->channel);

	if (!cert)
		return 0;
	x509_describe(cert, &c->cert);
	c->facts.cert = &c->cert;
	c->facts.cert_key = x509_spki_fingerprint(cert);
	if (strcmp(c->cert.cn, PKI_PEER_CN) == 0)
		return 0;
	return err_set(e, ERR_VERIFY, "its certificate (CN=%s) is not one of a member", c->cert.cn);
}

/* Which key it is known by: that of the peer certificate, asked for now or shown. */
static int identify(struct client *c, struct err *e)
{
	struct enroll_facts *f = &c->facts;

	if (c->keys[PKI_PEER])
		f->key = x509_key_fingerprint(c->keys[PKI_PEER]);
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
	int rc = c->facts.cert ? 1 : token_store_find(c->m, channel_id(c->channel), &c->token, e);

	if (rc == 0)
		return err_set(e, ERR_VERIFY, "there is no token %s here any more", channel_id(c->channel));
	if (rc < 0 || enroll_facts_load(c->m, &c->q, &c->known, &c->facts, e) < 0)
		return -1;
	c->facts.token = c->facts.cert ? NULL : &c->token;
	return enroll_rules(&c->q, &c->facts, e);
}

static int gather_facts(struct client *c, struct err *e)
{
	c->facts.gathers = forming_gathers(c->m);
	c->facts.admitted = c->facts.gathers && gather_admits(c->m, c->q.name, c->facts.source);
	if (judge(c, e) < 0)
		return -1;
	enroll_facts_ask(c->m, &c->q, &c->known, &c->facts);
	return 0;
}

static int sign(struct client *c, struct enroll_reply *r, struct err *e)
{
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile(i);
		cleanup(x509_info_free) struct x509_info info = { 0 };
		auto_cert x509_cert *cert = NULL;
		auto_want struct pki_want want = pki_want(c->q.name, c->q.address, c->q.sans, p);

		if (!c->keys[i])
			continue;
		if (pki_sign_leaf(c->m, &c->ca, &want, c->keys[i], &r->made.cert[i], e) < 0)
			return -1;
		cert = x509_cert_parse(&r->made.cert[i], p->name, e);
		if (!cert)
			return -1;
		x509_describe(cert, &info);
		c->end = info.not_after > c->end ? info.not_after : c->end;
		buf_printf(&c->serials, "%s%s:%s", c->serials.len > 0 ? " " : "", p->verb, info.serial);
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
	enroll_grants_add(&next.grants, c->end, buf_str(&c->serials), c->m->now);
	if (old && strcmp(old->key, next.key) != 0 && enroll_record_bury(c->m, old->name, e) < 0)
		return -1;
	if (enroll_record_write(c->m, &next, e) < 0)
		return -1;
	return base && strcmp(base->name, next.name) != 0 && enroll_record_drop(c->m, base->name, e) < 0 ? -1 : 0;
}

static int check_many(const struct client *c, struct err *e)
{
	const struct enroll_record *base = enroll_rules_base(&c->facts);

	if (!base || base->grants.n < ENROLL_GRANTS_MAX)
		return 0;
	return err_set(e, ERR_VERIFY, "%s got %zu sets of certificates that are still valid, and gets no more",
		       c->q.name, base->grants.n);
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
	token_entry_free(&c->token);
	use = judge(c, e);
	if (use < 0 || check_many(c, e) < 0 || active_record(c->m, &c->known.list, e) < 0 || sign(c, r, e) < 0)
		return -1;
	if (use > 0 && token_store_use(c->m, &c->token, c->q.name, c->facts.key, e) < 0)
		return -1;
	return write_record(c, e);
}

static int load_ca(struct client *c, struct err *e)
{
	if (pki_pair_load(c->m, "ca", false, &c->ca, e) < 0)
		return -1;
	if (!c->ca.cert || !c->ca.key)
		return err_set(e, ERR_VERIFY, "this machine is not a CA host: it has no CA key");
	return pki_check_ca(c->m, &c->ca, e);
}

static int answer(struct client *c, const struct enroll_reply *r, long long deadline, struct err *e)
{
	auto_buf struct buf text = { 0 };

	return enroll_reply_put(r, &text, e) < 0 ? -1 : channel_send(c->channel, &text, deadline, e);
}

/* The reasons of the rules are for the client; troubles of this host are for its own log. */
static void refuse(struct client *c, struct err *why, long long deadline)
{
	static char trouble[] = "the CA host has a problem; its journal names it";
	const bool told = why->class == ERR_VERIFY || why->class == ERR_PENDING;
	const struct enroll_reply no = { .status = why->class == ERR_VERIFY ? ENROLL_REFUSED : ENROLL_BUSY,
					 .message = told ? why->msg : trouble,
					 .hint = told ? why->hint : NULL,
					 .ca_host = c->facts.standby ? c->facts.standby->server : NULL,
					 .standby = c->facts.standby != NULL };
	struct err unsent = { 0 };

	if (answer(c, &no, deadline, &unsent) < 0)
		log_debug("%s", unsent.msg);
}

static int serve_report(struct client *c, const struct buf *text, struct err *e)
{
	auto_report struct report r = { 0 };
	auto_buf struct buf reply = { 0 };

	if (report_get(text, &r, e) < 0 || gather_answer(c->m, &r, c->facts.source, &reply, e) < 0)
		return -1;
	return channel_send(c->channel, &reply, clock_ms() + 1000LL * ENROLL_SHAKE_SECONDS, e);
}

static int serve_request(struct client *c, const struct buf *text, long long deadline, struct err *e)
{
	auto_reply struct enroll_reply r = { 0 };

	if (read_question(c, text, e) < 0 || load_ca(c, e) < 0 || identify(c, e) < 0 || gather_facts(c, e) < 0 ||
	    grant(c, &r, e) < 0)
		return -1;
	log_info("certificates for %s (%s) given to %s, who showed %s%s: %s", c->q.name, c->q.address, c->facts.source,
		 c->facts.cert ? "a certificate" : "the token ", c->facts.cert ? "" : c->token.token.id,
		 c->serials.data);
	return answer(c, &r, deadline, e);
}

int enroll_serve(const struct machine *m, int fd, const char *source, struct err *e)
{
	const long long deadline = clock_ms() + 1000LL * ENROLL_WHOLE_SECONDS;
	auto_client struct client c = { .m = m, .facts = { .conf = &m->conf, .now = m->now, .source = source } };
	auto_buf struct buf text = { 0 };

	if (handshake(&c, fd, e) < 0)
		return -1;
	if (channel_receive(c.channel, deadline, &text, e) == 0 && check_cert(&c, e) == 0 &&
	    (report_is(&text) ? serve_report(&c, &text, e) : serve_request(&c, &text, deadline, e)) == 0)
		return 0;
	refuse(&c, e, deadline);
	return c.q.name ? err_wrap(e, "as %s", c.q.name) : -1;
}
