/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/exchange.h"

#include <string.h>
#include <sys/random.h>

#include "adapter/dial.h"
#include "adapter/probe.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "config/check.h"
#include "config/default.h"
#include "enroll/message.h"
#include "enroll/seal.h"
#include "member/endpoint.h"
#include "pki/pair.h"
#include "pki/profile.h"

/* A lost SYN is sent again after 1 s. The server gives up after the same times. */
#define CONNECT_MS   3000
#define HANDSHAKE_MS 5000
#define WHOLE_MS     10000

void proof_free(struct proof *p)
{
	token_forget(&p->token);
	free(p->ca);
	free(p->cert);
	free(p->key);
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

int proof_load(const struct machine *m, struct proof *p, struct err *e)
{
	const struct config *conf = &m->conf;
	const char *peer = pki_profile(PKI_PEER)->name;
	int rc;

	p->ca = machine_pki_path(m, "ca", "crt");
	p->cert = machine_pki_path(m, peer, "crt");
	p->key = machine_pki_path(m, peer, "key");
	p->has_pair = usable_pair(m, p->ca);
	rc = token_read_file(m, &p->token, e);
	if (rc < 0 && !p->has_pair)
		return -1;
	err_clear(e);
	p->has_token = rc > 0;
	if (p->has_pair || p->has_token)
		return 0;
	(void)err_set(e, ERR_CONFIG, "this machine has neither a certificate nor a token in %s to ask a CA host with",
		      conf->enroll_token_file);
	return err_hint(e,
			"on the CA host: etcd-cluster token new --name %s --address %s; put the token into %s (mode "
			"0600) here, then run: etcd-cluster setup",
			conf->name, conf->address, conf->enroll_token_file);
}

/* The address of this machine that ADDRESS stands for: the server compares it with the source. The caller frees. */
static char *own_literal(const char *address)
{
	struct err unknown = { 0 };
	auto_strv char **all = config_is_loopback(address) ? NULL : probe_resolve(address, &unknown);

	if (config_is_loopback(address))
		return xstrdup(address); /* else the kernel would connect from 127.0.0.1 for everybody */
	for (char **a = all; a && *a; a++)
		if (config_is_own_address(*a))
			return xstrdup(*a);
	return NULL;
}

/* One conversation, and what both sides prove themselves with. */
struct talk {
	const struct proof *p;
	enum proof_kind how;
	const char *host;
	struct channel *c;
	uint8_t nonce[SEAL_NONCE];
	struct buf request;
};

/* A line that no other request has: so no answer to another one is taken for an answer to this one. */
static void fill_request(struct talk *t, const struct buf *question)
{
	uint8_t once[16];
	char hex[2 * sizeof(once) + 1];

	/* So few bytes never come short (getrandom(2)). */
	must(getrandom(once, sizeof(once), 0) == (ssize_t)sizeof(once));
	text_hex(once, sizeof(once), hex);
	buf_add(&t->request, buf_str(question), question->len);
	buf_printf(&t->request, "ONCE=%s\n", hex);
}

static int send_request(struct talk *t, const struct buf *question, long long deadline, struct err *e)
{
	const bool token = t->how == PROOF_TOKEN;
	auto_key x509_key *key = token ? NULL : x509_key_read(t->p->key, e);
	auto_cert x509_cert *cert = key ? x509_cert_read(t->p->cert, e) : NULL;
	const struct seal_with with = { .secret = token ? t->p->token.proof : NULL, .key = key, .cert = cert };
	auto_buf struct buf hello = { 0 }, message = { 0 };
	auto_free char *nonce = NULL;

	if ((!token && !cert) || channel_receive(t->c, deadline, &hello, e) < 0 ||
	    enroll_hello_get(&hello, &nonce, e) < 0)
		return -1;
	if (strlen(nonce) != 2 * SEAL_NONCE || !text_unhex(nonce, t->nonce, SEAL_NONCE))
		return err_set(e, ERR_VERIFY, "its greeting has no nonce");
	fill_request(t, question);
	return seal_put(t->nonce, NULL, &with, &t->request, &message, e) < 0
		       ? -1
		       : channel_send(t->c, &message, deadline, e);
}

/* The certificate of a server of this machine's CA, for the host that was dialled. */
static x509_cert *server_cert(const struct talk *t, const struct seal *s, struct err *e)
{
	cleanup(x509_info_free) struct x509_info info = { 0 };
	auto_cert x509_cert *cert = NULL;
	auto_buf struct buf ca = { 0 };

	if (file_read(t->p->ca, PKI_FILE_MAX, &ca, e) < 0)
		return NULL;
	cert = x509_raw_cert(s->cert, s->cert_len, &ca, e);
	if (!cert)
		return NULL;
	x509_describe(cert, &info);
	if (info.server && strcmp(info.cn, SEAL_TLS_CN) != 0 && x509_covers(cert, t->host))
		return steal(&cert);
	return err_null(e, ERR_VERIFY, "its certificate is not that of a server for %s", t->host);
}

/* Anybody may have written it: of the words only the refusal counts. */
static int refuse_unproved(const struct buf *body, struct err *e)
{
	auto_reply struct enroll_reply r = { 0 };

	if (enroll_reply_get(body, &r, e) < 0)
		return -1;
	return err_set(e, ERR_VERIFY, "it refuses, without a proof of who it is: %s",
		       r.status != ENROLL_OK && r.message ? r.message : "it gives no reason");
}

static int read_answer(const struct talk *t, long long deadline, struct buf *answer, struct err *e)
{
	auto_buf struct buf message = { 0 }, body = { 0 };
	auto_cert x509_cert *cert = NULL;
	struct seal s;

	if (channel_receive(t->c, deadline, &message, e) < 0 || seal_get(&message, &s, &body, e) < 0)
		return -1;
	if (!s.proof[0])
		return refuse_unproved(&body, e);
	if (t->how == PROOF_PAIR) {
		cert = server_cert(t, &s, e);
		if (!cert)
			return -1;
	}
	if (!seal_holds(t->nonce, &t->request, cert ? NULL : t->p->token.proof, cert, &s, &body))
		return err_set(e, ERR_VERIFY, "its answer is not from the CA host");
	buf_add(answer, buf_str(&body), body.len);
	return 0;
}

int exchange(const struct machine *m, const struct proof *p, enum proof_kind how, const char *server,
	     const struct buf *question, unsigned int wait_ms, struct buf *answer, struct err *e)
{
	auto_free char *own = p->anywhere ? NULL : own_literal(m->conf.address);
	struct dial to = { .from = own };
	const struct channel_side side = { .id = how == PROOF_TOKEN ? p->token.id : NULL,
					   .key = how == PROOF_TOKEN ? p->token.psk : NULL };
	auto_free char *host = NULL, *url = xasprintf("https://%s", server);
	auto_channel struct channel *c = NULL;
	struct talk t = { .p = p, .how = how };
	auto_close int fd = -1;
	long long begin;
	int rc;

	if (!endpoint_split(url, &host, &to.port))
		return err_set(e, ERR_CONFIG, "%s is not a valid ADDRESS:PORT", server);
	to.address = t.host = host;
	rc = dial(&to, clock_ms() + CONNECT_MS, &fd, e);
	if (rc <= 0)
		return rc;
	begin = clock_ms();
	t.c = c = channel_connect(&side, fd, begin + HANDSHAKE_MS, e);
	if (!c)
		return -1;
	if (!channel_is_current(c)) {
		(void)err_set(e, ERR_PENDING, "its etcd-cluster is older than the one of this machine");
		return err_hint(e, "upgrade etcd-cluster on the CA host; setup tries again by itself");
	}
	rc = send_request(&t, question, begin + WHOLE_MS, e);
	if (rc == 0)
		rc = read_answer(&t, begin + WHOLE_MS + wait_ms, answer, e);
	buf_free(&t.request);
	return rc < 0 ? -1 : 1;
}
