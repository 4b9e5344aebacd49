/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/client.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/x509_csr.h"
#include "base/log.h"
#include "base/text.h"
#include "enroll/ca_host.h"
#include "enroll/exchange.h"
#include "enroll/message.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "pki/crl.h"
#include "pki/origin.h"

#define ASK_MS	    1000
#define SERVERS_MAX 64 /* those that servers name among them */

/* What this machine can show, and what it asks for. */
struct request {
	const struct machine *m;
	x509_key *const *keys; /* PKI_LEAVES; NULL: not wanted. NULL: only the revocation list is */
	struct proof proof;
	struct buf question;
	char **servers;			       /* strv */
	bool answered, standby, lists, quorum; /* of the last answer */
	uint64_t member;
};

#define auto_request cleanup(request_free)

static void request_free(struct request *req)
{
	proof_free(&req->proof);
	buf_free(&req->question);
	strv_free(req->servers);
}

static int prepare(struct request *req, struct err *e)
{
	auto_question struct enroll_question q = { .name = NULL };
	cleanup(identity_free) struct identity id = { 0 };
	struct err none = { 0 };

	if (proof_load(req->m, &req->proof, e) < 0)
		return -1;
	enroll_question_fill(&req->m->conf, req->m->now, &q);
	q.list = pki_crl_number(req->m);
	q.list_only = !req->keys;
	/* A key that takes the place of a member is not the key of that one. */
	if (!req->m->conf.replace && identity_read(req->m, &id, &none) > 0)
		q.member = id.member_id;
	for (int i = 0; i < PKI_LEAVES && req->keys; i++) {
		auto_buf struct buf csr = { 0 };

		if (!req->keys[i])
			continue;
		if (x509_csr_put(req->keys[i], &csr, e) < 0)
			return -1;
		q.csr[i] = xstrdup(csr.data);
	}
	return enroll_question_put(&q, &req->question, e);
}

/* A running member knows who signs, wherever that is; whether its word is true shows in the handshake. */
static void add_recorded(const struct machine *m, char ***servers)
{
	cleanup(identity_free) struct identity id = { 0 };
	auto_free char *url = endpoint_own(m);
	auto_grpc struct grpc *g = NULL;
	auto_ca_host struct ca_host h = { 0 };
	struct err unasked = { 0 };
	int64_t revision;

	if (identity_read(m, &id, &unasked) <= 0)
		return;
	g = endpoint_open(m, url, 0, ASK_MS, &unasked);
	if (g && ca_host_get(g, false, &h, &revision, &unasked) > 0 && strcmp(h.name, m->conf.name) != 0)
		strv_add_once(servers, h.server);
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
	add_recorded(m, &servers);
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

/* What the server answered, as an error of ours; 0 when it sent what was asked for. */
static int check_reply(const struct request *req, enum proof_kind how, const struct enroll_reply *r, struct err *e)
{
	if (enroll_reply_check(r, e) < 0)
		return -1;
	if (!req->keys)
		return 0;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (req->keys[i] && r->made.cert[i].len == 0)
			return err_set(e, ERR_VERIFY, "it sent no certificate for %s", pki_profile(i)->name);
	if (r->made.ca_pem.len == 0)
		return err_set(e, ERR_VERIFY, "it did not send its CA certificate");
	return how == PROOF_TOKEN ? token_check_ca(&req->proof.token, &r->made.ca_pem, e) : 0;
}

/* One connection to one server. 1 got all, 0 nobody there, -1. */
static int ask(struct request *req, const char *server, enum proof_kind how, struct pki_made *a, struct err *e)
{
	const char *file = req->m->conf.enroll_token_file;
	auto_reply struct enroll_reply r = { 0 };
	auto_buf struct buf text = { 0 };
	int rc = exchange(req->m, &req->proof, how, server, &req->question, 0, &text, e);

	if (rc == 0)
		return 0;
	req->answered = rc > 0 && enroll_reply_get(&text, &r, e) == 0;
	req->standby = r.standby;
	req->lists = r.lists;
	req->quorum = r.quorum;
	req->member = r.member;
	if (!req->answered || check_reply(req, how, &r, e) < 0) {
		if (r.standby && r.ca_host && strv_len(req->servers) < SERVERS_MAX)
			strv_add_once(&req->servers, r.ca_host);
		if (how == PROOF_PAIR || e->class != ERR_VERIFY)
			return -1;
		/* The token's ID may be shown. */
		return err_hint(e,
				"%s has token %s; on the CA host: etcd-cluster token list (new makes one); put the "
				"right one into %s, then: etcd-cluster setup",
				file, req->proof.token.id, file);
	}
	*a = r.made;
	r.made = (struct pki_made){ 0 };
	a->server = xstrdup(server);
	return 1;
}

/* Which failure to report: what heals by itself, over what a person must do, over a server that did not answer. */
static const int weight[] = { [ERR_FAIL] = 1, [ERR_CONFIG] = 2, [ERR_VERIFY] = 2, [ERR_HEALTH] = 2, [ERR_PENDING] = 3 };

/* 1 got all; 0 it does not speak to us; -1 it does, but not with this proof. The worst failure is kept. */
static int try(struct request *req, const char *server, enum proof_kind how, struct pki_made *a, struct err *worst)
{
	struct err e = { 0 };
	int rc = ask(req, server, how, a, &e);

	if (rc >= 0)
		return rc;
	(void)err_wrap(&e, "the enrolment server %s", server);
	log_debug("%s", e.msg);
	/* What is wrong with the token says more than that it is needed. */
	if (weight[e.class] > weight[worst->class] - (how == PROOF_TOKEN))
		*worst = e;
	return e.class == ERR_FAIL ? 0 : -1;
}

int enroll_request(const struct machine *m, x509_key *const keys[PKI_LEAVES], struct pki_made *a, struct err *e)
{
	auto_request struct request req = { .m = m, .keys = keys };
	struct err worst = { 0 };

	*a = (struct pki_made){ 0 };
	if (prepare(&req, e) < 0)
		return -1;
	req.servers = servers_of(m, e);
	if (!req.servers)
		return -1;
	for (size_t i = 0; req.servers[i]; i++) {
		auto_free char *server = xstrdup(req.servers[i]);
		int rc = req.proof.has_pair ? try(&req, server, PROOF_PAIR, a, &worst) : -1;

		if (rc < 0 && req.proof.has_token)
			rc = try(&req, server, PROOF_TOKEN, a, &worst);
		if (rc > 0)
			return 0;
	}
	if (weight[worst.class] > 1) {
		*e = worst;
		return -1;
	}
	(void)err_set(e, ERR_PENDING, "no CA host answers to sign the certificates of this machine (%s%s)",
		      worst.class == ERR_NONE ? "nobody listens at " : worst.msg,
		      worst.class == ERR_NONE ? req.servers[0] : "");
	if (config_makes_ca(&m->conf))
		return err_hint(e, "if this machine was the CA host: etcd-cluster ca import FILE; the file is one that "
				   "etcd-cluster ca export made");
	if (worst.hint[0])
		return err_hint(e, "%s", worst.hint);
	return err_hint(e, "setup tries again by itself; the enrolment server is on the CA host, port %u",
			(unsigned int)m->conf.enroll_port);
}

/* 1: the server has answered, and is the one that signs. An older one does not know the question: then e is empty. */
static int ask_one(struct request *req, const char *server, enum enroll_key *key, struct buf *list, struct err *e)
{
	cleanup(pki_made_free) struct pki_made a = { 0 };
	int rc;

	err_clear(e);
	req->answered = false;
	rc = ask(req, server, PROOF_PAIR, &a, e);
	if (rc == 0)
		return err_set(e, ERR_PENDING, "nobody listens at %s", server);
	if (rc < 0)
		(void)err_wrap(e, "the enrolment server %s", server);
	if (!req->answered || req->standby)
		return -1;
	if (!req->lists)
		err_clear(e);
	else if (rc > 0 && req->member && !req->quorum) /* its cluster may have been given up */
		(void)err_set(e, ERR_PENDING, "the CA host at %s cannot ask a quorum now", server);
	else if (rc > 0)
		*key = req->member ? ENROLL_KEY_USED : ENROLL_KEY_FREE;
	else if (e->class == ERR_VERIFY)
		*key = ENROLL_KEY_REFUSED;
	buf_add(list, a.crl.data, a.crl.len);
	return 1;
}

enum enroll_key enroll_ask_list(const struct machine *m, struct buf *list, struct err *e)
{
	auto_request struct request req = { .m = m };
	enum enroll_key key = ENROLL_KEY_UNKNOWN;

	if (prepare(&req, e) < 0)
		return key;
	if (!req.proof.has_pair) {
		(void)err_set(e, ERR_CONFIG, "this machine has no certificate to ask a CA host with");
		return key;
	}
	req.servers = servers_of(m, e);
	/* A standby adds the CA host to them. */
	for (size_t i = 0; req.servers && req.servers[i]; i++) {
		auto_free char *server = xstrdup(req.servers[i]);

		if (ask_one(&req, server, &key, list, e) > 0)
			break;
	}
	return key;
}
