/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/client.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/channel.h"
#include "adapter/dial.h"
#include "adapter/x509_csr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "config/machine.h"
#include "enroll/message.h"
#include "enroll/record.h"
#include "enroll/token_store.h"
#include "member/endpoint.h"
#include "pki/origin.h"
#include "pki/pair.h"
#include "service/service.h"

/* A lost SYN is sent again after 1 s. The door itself gives up after as long. */
#define CONNECT_MS   3000
#define HANDSHAKE_MS 5000
#define WHOLE_MS     10000

/* What this machine can show, and what it asks for. */
struct visit {
	const struct machine *m;
	bool has_pair, has_token;
	struct token token;
	char *ca, *cert, *key;
	struct buf question;
};

#define auto_visit cleanup(visit_free)

static void visit_free(struct visit *v)
{
	token_forget(&v->token);
	free(v->ca);
	free(v->cert);
	free(v->key);
	buf_free(&v->question);
}

/* A pair that will not do is as none: the token may help, and the error says that both are missing. */
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

static int prepare_question(const struct machine *m, const struct enroll_leaf *leaves, size_t n, struct buf *out,
			    struct err *e)
{
	auto_question struct enroll_question q;

	enroll_question_fill(&m->conf, m->now, &q);
	for (size_t i = 0; i < n; i++) {
		auto_buf struct buf csr = { 0 };

		if (x509_csr_put(leaves[i].key, &csr, e) < 0)
			return -1;
		q.csr[leaves[i].profile] = xstrdup(csr.data);
	}
	return enroll_question_put(&q, out, e);
}

static int prepare(struct visit *v, const struct enroll_leaf *leaves, size_t n, struct err *e)
{
	const struct config *conf = &v->m->conf;
	const char *peer = pki_profile(PKI_PEER)->name;
	int rc;

	v->ca = machine_pki_path(v->m, "ca", "crt");
	v->cert = machine_pki_path(v->m, peer, "crt");
	v->key = machine_pki_path(v->m, peer, "key");
	v->has_pair = usable_pair(v->m, v->ca);
	rc = token_read_file(v->m, &v->token, e);
	if (rc < 0 && !v->has_pair)
		return -1;
	err_clear(e);
	v->has_token = rc > 0;
	if (!v->has_pair && !v->has_token) {
		(void)err_set(
			e, ERR_CONFIG,
			"certificates are to be asked for, and this machine has neither one to show nor a token in %s",
			conf->enroll_token_file);
		return err_hint(e,
				"on the CA host: etcd-cluster token new --name %s --address %s; put the token into "
				"%s (mode 0600) here, then run: etcd-cluster setup",
				conf->name, conf->address, conf->enroll_token_file);
	}
	return prepare_question(v->m, leaves, n, &v->question, e);
}

/* The doors to try, "addr:port" as in ca.host, each once, without our own: any member may be on a CA host. A strv. */
static char **doors_of(const struct machine *m, struct err *e)
{
	auto_strv char **known = endpoint_all(m);
	auto_free char *last = NULL;
	char **doors = NULL;

	if (pki_host_read(m, &last, e) < 0)
		return NULL;
	if (last)
		strv_add(&doors, last);
	for (size_t i = 1; known[i]; i++) { /* the first is this machine */
		auto_free char *host = NULL, *url = NULL;
		uint16_t port;

		if (!endpoint_split(known[i], &host, &port) || strcmp(host, m->conf.address) == 0)
			continue;
		url = config_url(host, m->conf.enroll_port);
		strv_add_once(&doors, url + strlen("https://"));
	}
	if (!doors) {
		(void)err_set(e, ERR_CONFIG, "nobody is known to ask for certificates");
		(void)err_hint(e, "name the machines in %s, JOIN= or MEMBERS=, the CA host among them", m->at.conf);
	}
	return doors;
}

/* On loopback the kernel would come from 127.0.0.1 for everybody, and the door looks where we come from. */
static const char *own_end(const struct machine *m)
{
	const char *address = m->conf.address;

	return config_is_loopback(address) ? address : NULL;
}

/* Question and answer over a connection. 0 with *r filled, -1. */
static int talk(const struct visit *v, bool pair, int fd, const char *host, struct enroll_reply *r, struct err *e)
{
	const struct channel_side side = { .id = pair ? NULL : v->token.id,
					   .key = pair ? NULL : v->token.psk,
					   .ca = v->ca,
					   .cert = v->cert,
					   .cert_key = v->key };
	const long long begin = clock_ms();
	auto_channel struct channel *c = channel_connect(&side, fd, host, begin + HANDSHAKE_MS, e);
	auto_buf struct buf text = { 0 };

	if (!c || channel_send(c, &v->question, begin + WHOLE_MS, e) < 0 ||
	    channel_receive(c, begin + WHOLE_MS, &text, e) < 0)
		return -1;
	return enroll_reply_get(&text, r, e);
}

/* What the door said, as an error of ours; 0 when it gave what was asked for. */
static int judge(const struct enroll_reply *r, const struct enroll_leaf *leaves, size_t n, struct err *e)
{
	if (r->status != ENROLL_OK) {
		(void)err_set(e, r->status == ENROLL_BUSY ? ERR_PENDING : ERR_VERIFY, "%s",
			      r->message ? r->message : "no, and no reason");
		if (r->hint && r->hint[0])
			(void)err_hint(e, "%s", r->hint);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		if (r->cert[leaves[i].profile].len == 0)
			return err_set(e, ERR_VERIFY, "it gave no certificate for %s",
				       pki_profile(leaves[i].profile)->name);
	return r->ca_pem.len > 0 ? 0 : err_set(e, ERR_VERIFY, "it did not say which CA to trust");
}

/* A token that the door does not take: which one it is, by what may be shown of it, and how to get another. */
static int hint_token(const struct visit *v, bool pair, struct err *e)
{
	const char *file = v->m->conf.enroll_token_file;

	if (pair || e->class != ERR_VERIFY)
		return -1;
	return err_hint(e,
			"%s has token %s; on the CA host: etcd-cluster token list (new makes one); put the right one "
			"into %s, then: etcd-cluster setup",
			file, v->token.id, file);
}

/* One visit to one door. 1 got all, 0 nobody there, -1. */
static int visit(const struct visit *v, const char *door, bool pair, const struct enroll_leaf *leaves, size_t n,
		 struct pki_made *a, struct err *e)
{
	struct dial to = { .from = own_end(v->m) };
	auto_free char *host = NULL, *url = xasprintf("https://%s", door);
	auto_reply struct enroll_reply r = { 0 };
	auto_close int fd = -1;
	int rc;

	if (!endpoint_split(url, &host, &to.port))
		return err_set(e, ERR_CONFIG, "%s is no ADDRESS:PORT", door);
	to.address = host;
	rc = dial(&to, clock_ms() + CONNECT_MS, &fd, e);
	if (rc <= 0)
		return rc;
	if (talk(v, pair, fd, host, &r, e) < 0 || judge(&r, leaves, n, e) < 0)
		return hint_token(v, pair, e);
	a->ca_pem = r.ca_pem;
	memcpy(a->cert, r.cert, sizeof(a->cert));
	r.ca_pem = (struct buf){ 0 };
	memset(r.cert, 0, sizeof(r.cert));
	a->server = xstrdup(door);
	return 1;
}

/* The failure to tell of: one that asks for a person, over none, over a door that did not answer; but first one that mends itself. */
static int weight(const struct err *e)
{
	switch (e->class) {
	case ERR_NONE:
		return 0;
	case ERR_FAIL:
		return 1;
	case ERR_PENDING:
		return 3;
	default:
		return 2;
	}
}

static void keep_worst(struct err *worst, struct err *one, const char *door)
{
	(void)err_wrap(one, "the door %s", door);
	log_debug("%s", one->msg);
	if (weight(one) > weight(worst))
		*worst = *one;
}

int enroll_request(const struct machine *m, const struct enroll_leaf *leaves, size_t n, struct pki_made *a,
		   struct err *e)
{
	auto_visit struct visit v = { .m = m };
	auto_strv char **doors = NULL;
	struct err worst = { 0 };

	*a = (struct pki_made){ 0 };
	if (prepare(&v, leaves, n, e) < 0)
		return -1;
	doors = doors_of(m, e);
	if (!doors)
		return -1;
	for (char **d = doors; *d; d++) {
		for (int pair = v.has_pair; pair >= !v.has_token; pair--) {
			struct err one = { 0 };
			int rc = visit(&v, *d, pair, leaves, n, a, &one);

			if (rc > 0)
				return 0;
			if (rc < 0)
				keep_worst(&worst, &one, *d);
			if (rc == 0 || one.class == ERR_FAIL)
				break; /* as deaf to a token */
		}
	}
	if (weight(&worst) > 1) {
		*e = worst;
		return -1;
	}
	(void)err_set(e, ERR_PENDING, "no CA host answers, to sign the certificates of this machine (%s%s)",
		      worst.class == ERR_NONE ? "nobody listens at " : worst.msg,
		      worst.class == ERR_NONE ? doors[0] : "");
	return err_hint(e, "it is tried again by itself; the door is on the CA host, port %u",
			(unsigned int)m->conf.enroll_port);
}

int enroll_done(const struct machine *m, struct err *e)
{
	return token_wipe_file(m, e);
}

/* Whether anybody may come to this CA host. -1 with e. */
static int expected(const struct machine *m, struct err *e)
{
	auto_strv char **enrolled = enroll_record_names(m);
	struct token_entry *tokens = NULL;
	size_t n = 0;
	int rc;

	/* A second CA host may have served nobody yet. */
	if (m->conf.role == ROLE_JOIN || (m->conf.role == ROLE_CLUSTER && m->conf.n_members > 1))
		return 1;
	rc = token_store_list(m, &tokens, &n, e);
	token_list_free(tokens, n);
	return rc < 0 ? -1 : enrolled || n > 0;
}

/* What nobody may use any more. */
static int sweep(const struct machine *m, struct err *e)
{
	auto_close int lock = -1;

	if (m->dry_run || !file_exists(m->at.enroll))
		return 0;
	lock = token_store_lock(m, e);
	return lock < 0 ? -1 : token_store_sweep(m, e);
}

int enroll_prepare(const struct machine *m, struct err *e)
{
	auto_free char *cert = machine_pki_path(m, "ca", "crt"), *key = machine_pki_path(m, "ca", "key");
	int formed = 0, open = 0, door;

	if (m->conf.role != ROLE_NONE && file_exists(cert) && file_exists(key)) {
		if (m->conf.role == ROLE_CLUSTER)
			formed = token_store_form(m, e);
		if (formed < 0 || sweep(m, e) < 0)
			return -1;
		open = expected(m, e);
	}
	/* The unit may write there once it is there. */
	if (open < 0 || (open && !m->dry_run && file_mkdirs(m->at.enroll, FILE_MODE(0700), e) < 0))
		return -1;
	door = service_enroll_port(m, open, e);
	return door < 0 ? -1 : formed || door;
}
