/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/exchange.h"

#include "adapter/channel.h"
#include "adapter/dial.h"
#include "adapter/probe.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/check.h"
#include "config/default.h"
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

int exchange(const struct machine *m, const struct proof *p, enum proof_kind how, const char *server,
	     const struct buf *question, unsigned int wait_ms, struct buf *answer, struct err *e)
{
	auto_free char *own = own_literal(m->conf.address);
	struct dial to = { .from = own };
	const struct channel_side side = { .id = how == PROOF_TOKEN ? p->token.id : NULL,
					   .key = how == PROOF_TOKEN ? p->token.psk : NULL,
					   .ca = p->ca,
					   .cert = p->cert,
					   .cert_key = p->key };
	auto_free char *host = NULL, *url = xasprintf("https://%s", server);
	auto_channel struct channel *c = NULL;
	auto_close int fd = -1;
	long long begin;
	int rc;

	if (!endpoint_split(url, &host, &to.port))
		return err_set(e, ERR_CONFIG, "%s is not a valid ADDRESS:PORT", server);
	to.address = host;
	rc = dial(&to, clock_ms() + CONNECT_MS, &fd, e);
	if (rc <= 0)
		return rc;
	begin = clock_ms();
	c = channel_connect(&side, fd, host, begin + HANDSHAKE_MS, e);
	if (!c || channel_send(c, question, begin + WHOLE_MS, e) < 0 ||
	    channel_receive(c, begin + WHOLE_MS + wait_ms, answer, e) < 0)
		return -1;
	return 1;
}
