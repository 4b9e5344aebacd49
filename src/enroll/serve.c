/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/serve.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/channel.h"
#include "adapter/probe.h"
#include "adapter/x509_csr.h"
#include "base/clock.h"
#include "base/log.h"
#include "enroll/gather.h"
#include "enroll/rules.h"
#include "member/endpoint.h"
#include "member/health.h"
#include "member/identity.h"
#include "pki/check.h"
#include "pki/sign.h"

#define SURVEY_MS 2000 /* for each of etcd's answers; all members are asked at once */

/* One client, and all that is known about it. */
struct client {
	const struct machine *m;
	struct channel *channel;
	struct enroll_question q;
	x509_key *keys[PKI_LEAVES]; /* that it proved to have; NULL: not asked for */
	struct pki_pair ca;
	struct enroll_facts facts; /* its token, cert and record are these three */
	struct token_entry token;
	struct x509_info cert;
	struct enroll_record record;
	struct buf serials;
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
	strv_free(c->facts.others);
	token_entry_free(&c->token);
	x509_info_free(&c->cert);
	enroll_record_free(&c->record);
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

/* Adds the IP literals that a name stands for; one that cannot be resolved stands for none. */
static void resolve(const char *name, char ***addresses)
{
	struct err unknown = { 0 };
	auto_strv char **found = name[0] == '*' ? NULL : probe_resolve(name, &unknown);

	strv_add_all(addresses, found);
}

/* A member without a name has not started yet: it may be the one that asks. */
static void add_other(char ***others, const struct member *one)
{
	if (!one->name[0])
		return;
	strv_add(others, one->name);
	for (char **u = one->peer_urls; u && *u; u++) {
		auto_free char *host = NULL;
		uint16_t port;

		if (endpoint_split(*u, &host, &port))
			strv_add(others, host);
	}
}

/* What etcd knows of the name; ENROLL_UNKNOWN when nobody can be asked. */
static enum enroll_view ask_etcd(struct client *c)
{
	cleanup(member_survey_free) struct member_survey s = { 0 };
	enum enroll_view view = ENROLL_STRANGER;
	struct err why = { 0 };

	if (member_survey(c->m, SURVEY_MS, &s, &why) < 0 || !s.agreed)
		return ENROLL_UNKNOWN;
	for (const struct member *one = s.list; one < s.list + s.n; one++) {
		if (!one->listed)
			continue;
		if (strcmp(one->name, c->q.name) == 0)
			view = one->answers ? ENROLL_ALIVE : ENROLL_MEMBER;
		else
			add_other(&c->facts.others, one);
	}
	return view;
}

/* What others have to be asked for, which takes time: without the lock. */
static int gather_facts(struct client *c, struct err *e)
{
	cleanup(identity_free) struct identity id = { 0 };
	int rc = identity_read(c->m, &id, e);

	if (rc < 0)
		return -1;
	c->facts.formed = rc > 0;
	c->facts.view = rc > 0 ? ask_etcd(c) : ENROLL_UNKNOWN;
	c->facts.gathers = forming_gathers(c->m);
	c->facts.admitted = c->facts.gathers && gather_admits(c->m, c->q.name, c->facts.source);
	resolve(c->q.address, &c->facts.addresses);
	for (char **s = c->q.sans; s && *s; s++)
		resolve(*s, &c->facts.addresses);
	return 0;
}

/* 1: and a use of the token, 0, -1: as enroll_rules. */
static int decide(struct client *c, struct err *e)
{
	int rc = c->facts.cert ? 1 : token_store_find(c->m, channel_id(c->channel), &c->token, e);

	if (rc == 0)
		return err_set(e, ERR_VERIFY, "there is no token %s here any more", channel_id(c->channel));
	rc = rc < 0 ? -1 : enroll_record_read(c->m, c->q.name, &c->record, e);
	if (rc < 0)
		return -1;
	c->facts.token = c->facts.cert ? NULL : &c->token;
	c->facts.record = rc > 0 ? &c->record : NULL;
	return enroll_rules(&c->q, &c->facts, e);
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
		buf_printf(&c->serials, "%s%s:%s", c->serials.len > 0 ? " " : "", p->verb, info.serial);
	}
	buf_add(&r->made.ca_pem, c->ca.pem.data, c->ca.pem.len);
	return 0;
}

/* All that must not happen twice at once. */
static int grant(struct client *c, struct enroll_reply *r, struct err *e)
{
	auto_close int lock = token_store_lock(c->m, e);
	const struct enroll_facts *f = &c->facts;
	struct err unswept = { 0 };
	int use;

	if (lock < 0)
		return -1;
	if (token_store_sweep(c->m, &unswept) < 0)
		log_error(LOG_WARNING, &unswept);
	use = decide(c, e);
	if (use < 0 || sign(c, r, e) < 0)
		return -1;
	if (use > 0 && token_store_use(c->m, &c->token, c->q.name, f->key, e) < 0)
		return -1;
	const struct enroll_record record = { .name = c->q.name,
					      .address = c->q.address,
					      .key = f->key,
					      .former =
						      f->cert && strcmp(f->cert_key, f->key) != 0 ? f->cert_key : NULL,
					      .token = f->cert ? c->record.token : c->token.token.id,
					      .serials = c->serials.data,
					      .time = c->m->now };

	return enroll_record_write(c->m, &record, e);
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
					 .hint = told ? why->hint : NULL };
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
