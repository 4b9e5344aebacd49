/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/client.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/channel.h"
#include "adapter/dial.h"
#include "adapter/x509_csr.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/check.h"
#include "enroll/message.h"
#include "enroll/token.h"
#include "member/endpoint.h"
#include "pki/origin.h"
#include "pki/pair.h"

/* A lost SYN is sent again after 1 s. The server gives up after the same times. */
#define CONNECT_MS   3000
#define HANDSHAKE_MS 5000
#define WHOLE_MS     10000

/* What this machine can show, and what it asks for. */
struct request {
	const struct machine *m;
	x509_key *const *keys; /* PKI_LEAVES; NULL: not wanted */
	bool has_pair, has_token;
	struct token token;
	char *ca, *cert, *key;
	struct buf question;
};

#define auto_request cleanup(request_free)

static void request_free(struct request *req)
{
	token_forget(&req->token);
	free(req->ca);
	free(req->cert);
	free(req->key);
	buf_free(&req->question);
}

/* A pair that does not work counts as missing: the token may help. */
static bool usable_pair(const struct machine *m, const char *ca)
{
	auto_pair struct pki_pair peer = { 0 };
	struct err why = { 0 };

	if (!file_exists(ca))
		return false;
	if (pki_pair_load(m, pki_profile(PKI_PEER)->name, true, &peer, &why) < 0) {
		log_debug("%s", why.msg);
		return false;
	}
	return peer.cert && peer.key && x509_key_matches(peer.key, peer.cert);
}

static int prepare_question(struct request *req, struct err *e)
{
	auto_question struct enroll_question q;

	enroll_question_fill(&req->m->conf, req->m->now, &q);
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_buf struct buf csr = { 0 };

		if (!req->keys[i])
			continue;
		if (x509_csr_put(req->keys[i], &csr, e) < 0)
			return -1;
		q.csr[i] = xstrdup(csr.data);
	}
	return enroll_question_put(&q, &req->question, e);
}

static int prepare(struct request *req, struct err *e)
{
	const struct config *conf = &req->m->conf;
	const char *peer = pki_profile(PKI_PEER)->name;
	int rc;

	req->ca = machine_pki_path(req->m, "ca", "crt");
	req->cert = machine_pki_path(req->m, peer, "crt");
	req->key = machine_pki_path(req->m, peer, "key");
	req->has_pair = usable_pair(req->m, req->ca);
	rc = token_read_file(req->m, &req->token, e);
	if (rc < 0 && !req->has_pair)
		return -1;
	err_clear(e);
	req->has_token = rc > 0;
	if (!req->has_pair && !req->has_token) {
		(void)err_set(e, ERR_CONFIG,
			      "this machine has neither a certificate nor a token in %s to ask a CA host with",
			      conf->enroll_token_file);
		return err_hint(e,
				"on the CA host: etcd-cluster token new --name %s --address %s; put the token into "
				"%s (mode 0600) here, then run: etcd-cluster setup",
				conf->name, conf->address, conf->enroll_token_file);
	}
	return prepare_question(req, e);
}

/* Whom to ask, "addr:port" as in ca.host, each once, without ourselves: any member may be a CA host. A strv. */
static char **servers_of(const struct machine *m, struct err *e)
{
	auto_strv char **known = endpoint_all(m);
	auto_free char *last = NULL;
	char **servers = NULL;

	if (pki_host_read(m, &last, e) < 0)
		return NULL;
	if (last)
		strv_add(&servers, last);
	for (size_t i = 1; known[i]; i++) { /* the first is this machine */
		auto_free char *host = NULL, *url = NULL;
		uint16_t port;

		if (!endpoint_split(known[i], &host, &port) || strcmp(host, m->conf.address) == 0)
			continue;
		url = config_url(host, m->conf.enroll_port);
		strv_add_once(&servers, url + strlen("https://"));
	}
	if (!servers) {
		(void)err_set(e, ERR_CONFIG, "this machine knows no other machine to ask for certificates");
		(void)err_hint(e, "write JOIN= or MEMBERS= with the CA host into %s", m->at.conf);
	}
	return servers;
}

/* Question and answer over a connection. 0 with *r filled, -1. */
static int exchange(const struct request *req, bool pair, int fd, const char *host, struct enroll_reply *r,
		    struct err *e)
{
	const struct channel_side side = { .id = pair ? NULL : req->token.id,
					   .key = pair ? NULL : req->token.psk,
					   .ca = req->ca,
					   .cert = req->cert,
					   .cert_key = req->key };
	const long long begin = clock_ms();
	auto_channel struct channel *c = channel_connect(&side, fd, host, begin + HANDSHAKE_MS, e);
	auto_buf struct buf text = { 0 };

	if (!c || channel_send(c, &req->question, begin + WHOLE_MS, e) < 0 ||
	    channel_receive(c, begin + WHOLE_MS, &text, e) < 0)
		return -1;
	return enroll_reply_get(&text, r, e);
}

/* What the server answered, as an error of ours; 0 when it sent what was asked for. */
static int check_reply(const struct request *req, const struct enroll_reply *r, struct err *e)
{
	if (r->status != ENROLL_OK) {
		(void)err_set(e, r->status == ENROLL_BUSY ? ERR_PENDING : ERR_VERIFY, "%s",
			      r->message ? r->message : "it refuses without a reason");
		return r->hint && r->hint[0] ? err_hint(e, "%s", r->hint) : -1;
	}
	for (int i = 0; i < PKI_LEAVES; i++)
		if (req->keys[i] && r->made.cert[i].len == 0)
			return err_set(e, ERR_VERIFY, "it sent no certificate for %s", pki_profile(i)->name);
	return r->made.ca_pem.len > 0 ? 0 : err_set(e, ERR_VERIFY, "it did not send its CA certificate");
}

/* One connection to one server. 1 got all, 0 nobody there, -1. */
static int ask(const struct request *req, const char *server, bool pair, struct pki_made *a, struct err *e)
{
	const struct config *conf = &req->m->conf;
	/* On loopback the kernel would connect from 127.0.0.1 for everybody, and the server checks the source address. */
	struct dial to = { .from = config_is_loopback(conf->address) ? conf->address : NULL };
	auto_free char *host = NULL, *url = xasprintf("https://%s", server);
	auto_reply struct enroll_reply r = { 0 };
	auto_close int fd = -1;
	int rc;

	if (!endpoint_split(url, &host, &to.port))
		return err_set(e, ERR_CONFIG, "%s is not a valid ADDRESS:PORT", server);
	to.address = host;
	rc = dial(&to, clock_ms() + CONNECT_MS, &fd, e);
	if (rc <= 0)
		return rc;
	if (exchange(req, pair, fd, host, &r, e) < 0 || check_reply(req, &r, e) < 0) {
		if (pair || e->class != ERR_VERIFY)
			return -1;
		/* The token's ID may be shown. */
		return err_hint(e,
				"%s has token %s; on the CA host: etcd-cluster token list (new makes one); put the "
				"right one into %s, then: etcd-cluster setup",
				conf->enroll_token_file, req->token.id, conf->enroll_token_file);
	}
	*a = r.made;
	r.made = (struct pki_made){ 0 };
	a->server = xstrdup(server);
	return 1;
}

/* Which failure to report: what heals by itself, over what a person must do, over a server that did not answer. */
static const int weight[] = { [ERR_FAIL] = 1, [ERR_CONFIG] = 2, [ERR_VERIFY] = 2, [ERR_HEALTH] = 2, [ERR_PENDING] = 3 };

/* 1 got all; 0 it does not speak to us; -1 it does, but not with this proof. The worst failure is kept. */
static int try(const struct request *req, const char *server, bool pair, struct pki_made *a, struct err *worst)
{
	struct err e = { 0 };
	int rc = ask(req, server, pair, a, &e);

	if (rc >= 0)
		return rc;
	(void)err_wrap(&e, "the enrolment server %s", server);
	log_debug("%s", e.msg);
	if (weight[e.class] > weight[worst->class])
		*worst = e;
	return e.class == ERR_FAIL ? 0 : -1;
}

int enroll_request(const struct machine *m, x509_key *const keys[PKI_LEAVES], struct pki_made *a, struct err *e)
{
	auto_request struct request req = { .m = m, .keys = keys };
	auto_strv char **servers = NULL;
	struct err worst = { 0 };

	*a = (struct pki_made){ 0 };
	if (prepare(&req, e) < 0)
		return -1;
	servers = servers_of(m, e);
	if (!servers)
		return -1;
	for (char **s = servers; *s; s++) {
		int rc = req.has_pair ? try(&req, *s, true, a, &worst) : -1;

		if (rc < 0 && req.has_token)
			rc = try(&req, *s, false, a, &worst);
		if (rc > 0)
			return 0;
	}
	if (weight[worst.class] > 1) {
		*e = worst;
		return -1;
	}
	(void)err_set(e, ERR_PENDING, "no CA host answers to sign the certificates of this machine (%s%s)",
		      worst.class == ERR_NONE ? "nobody listens at " : worst.msg,
		      worst.class == ERR_NONE ? servers[0] : "");
	return err_hint(e, "setup tries again by itself; the enrolment server is on the CA host, port %u",
			(unsigned int)m->conf.enroll_port);
}
