/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/channel.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <string.h>

#include "adapter/tls.h"
#include "base/text.h"

/* An external secret belongs to one hash (RFC 8446, 4.2.11): these are the suites with SHA-256. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
static const unsigned char aes_128_gcm_sha256[] = { 0x13, 0x01 };

#define UNKNOWN_TOKEN "it does not know this token"

/* ALPN (RFC 7301): versions that prove themselves in their messages (enroll/seal.h) know each other by it. */
static const unsigned char protocol[] = "\x0e"
					"etcd-cluster/2";

struct channel {
	const struct channel_side *side;
	SSL *tls;
	char id[CHANNEL_ID_MAX + 1]; /* server: what the client offered last */
	bool known;		     /* and find() knows it */
};

void channel_free(struct channel **c)
{
	if (!*c)
		return;
	if (SSL_is_init_finished((*c)->tls))
		(void)SSL_shutdown((*c)->tls);
	SSL_free((*c)->tls);
	ERR_clear_error();
	free(*c);
	*c = NULL;
}

const char *channel_id(const struct channel *c)
{
	return c->known ? c->id : NULL;
}

bool channel_is_current(const struct channel *c)
{
	const unsigned char *agreed = NULL;
	unsigned int len = 0;

	SSL_get0_alpn_selected(c->tls, &agreed, &len);
	return len > 0;
}

/* The secret as OpenSSL takes it: a session, of which only the key, the version and the hash count. */
static SSL_SESSION *session_of(SSL *tls, const unsigned char *key)
{
	SSL_SESSION *session = SSL_SESSION_new();

	must(session && SSL_SESSION_set1_master_key(session, key, CHANNEL_KEY_LEN) == 1 &&
	     SSL_SESSION_set_cipher(session, SSL_CIPHER_find(tls, aes_128_gcm_sha256)) == 1 &&
	     SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1);
	return session;
}

static int use_secret(SSL *tls, const EVP_MD *md, const unsigned char **id, size_t *len, SSL_SESSION **session)
{
	const struct channel *c = SSL_get_app_data(tls);

	(void)md; /* SHA-256 (SUITES) */
	*id = (const unsigned char *)c->side->id;
	*len = strlen(c->side->id);
	*session = session_of(tls, c->side->key);
	return 1;
}

/* Without a session OpenSSL goes on with certificates. */
static int find_secret(SSL *tls, const unsigned char *id, size_t len, SSL_SESSION **session)
{
	struct channel *c = SSL_get_app_data(tls);
	unsigned char key[CHANNEL_KEY_LEN];

	*session = NULL;
	c->known = false; /* called again after a HelloRetryRequest, and for each secret that the client offers */
	if (len == 0 || len > CHANNEL_ID_MAX || memchr(id, '\0', len))
		return 1;
	memcpy(c->id, id, len);
	c->id[len] = '\0';
	text_printable(c->id);
	c->known = c->side->find(c->side->arg, c->id, key);
	if (c->known)
		*session = session_of(tls, key);
	explicit_bzero(key, sizeof(key));
	return 1;
}

static int choose_protocol(SSL *tls, const unsigned char **chosen, unsigned char *len, const unsigned char *offered,
			   unsigned int offered_len, void *arg)
{
	unsigned char *out = NULL;

	(void)tls;
	(void)arg;
	if (SSL_select_next_proto(&out, len, protocol, sizeof(protocol) - 1, offered, offered_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*chosen = out;
	return SSL_TLSEXT_ERR_OK;
}

static struct channel *begin(const struct channel_side *side, const SSL_METHOD *method, int fd, struct err *e)
{
	SSL_CTX *ctx = tls_context(method, NULL, NULL, NULL, e);
	struct channel *c;

	if (!ctx)
		return NULL;
	must(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 && SSL_CTX_set_ciphersuites(ctx, SUITES) == 1 &&
	     SSL_CTX_set_alpn_protos(ctx, protocol, sizeof(protocol) - 1) == 0);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	if (side->cert)
		must(SSL_CTX_use_certificate(ctx, side->cert) == 1 && SSL_CTX_use_PrivateKey(ctx, side->cert_key) == 1);
	/* Nothing is resumed: each connection proves itself. */
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	/* A client with a secret trusts no CA: then no certificate of a server verifies. */
	SSL_CTX_set_verify(ctx, side->id ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	c = xcalloc(1, sizeof(*c));
	*c = (struct channel){ .side = side, .tls = tls_over(ctx, fd) };
	(void)SSL_set_app_data(c->tls, c);
	return c;
}

/* After an OpenSSL call that returned rc, not success: 1 try again, -1. `what` is put before the reason. */
static int outcome(struct channel *c, int rc, long long deadline, const char *what, struct err *e)
{
	int again = tls_again(c->tls, rc, deadline);

	if (again > 0)
		return 1;
	if (again == 0)
		return err_set(e, ERR_FAIL, "%s: it took too long", what);
	/* A connection that ends early is a fault of the network, or of a busy server. */
	if (SSL_get_error(c->tls, rc) != SSL_ERROR_SSL ||
	    ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		return err_set(e, ERR_FAIL, "%s: the connection was closed", what);
	}
	return err_set(e, ERR_VERIFY, "%s: %s", what, x509_reason("TLS failed"));
}

static int shake(struct channel *c, long long deadline, struct err *e)
{
	int rc;

	do {
		ERR_clear_error();
		rc = c->side->find ? SSL_accept(c->tls) : SSL_connect(c->tls);
	} while (rc != 1 && outcome(c, rc, deadline, "the TLS handshake failed", e) > 0);
	return rc == 1 ? 0 : -1;
}

/* Why a client's handshake failed, in terms of what the client showed. */
static void explain(const struct channel *c, struct err *e)
{
	long verdict = SSL_get_verify_result(c->tls);

	if (e->class != ERR_VERIFY)
		return;
	/* A server without the secret offers a certificate instead, which does not count. */
	if (c->side->id && verdict != X509_V_OK)
		(void)err_set(e, ERR_VERIFY, UNKNOWN_TOKEN);
	else if (c->side->id)
		(void)err_wrap(e, UNKNOWN_TOKEN);
}

struct channel *channel_connect(const struct channel_side *side, int fd, long long deadline, struct err *e)
{
	auto_channel struct channel *c = begin(side, TLS_client_method(), fd, e);

	if (!c)
		return NULL;
	if (side->id)
		SSL_set_psk_use_session_callback(c->tls, use_secret);
	if (shake(c, deadline, e) < 0) {
		explain(c, e);
		return NULL;
	}
	/* Never leave this out: without it any server could have answered. */
	if (side->id && !SSL_session_reused(c->tls))
		return err_null(e, ERR_VERIFY, UNKNOWN_TOKEN);
	return steal(&c);
}

struct channel *channel_accept(const struct channel_side *side, int fd, long long deadline, struct err *e)
{
	auto_channel struct channel *c = begin(side, TLS_server_method(), fd, e);

	if (!c)
		return NULL;
	SSL_set_psk_find_session_callback(c->tls, find_secret);
	/* OpenSSL wants a context for sessions from a server that asks for certificates; a secret counts as a session. */
	must(SSL_set_session_id_context(c->tls, aes_128_gcm_sha256, sizeof(aes_128_gcm_sha256)) == 1);
	if (shake(c, deadline, e) < 0) {
		if (e->class == ERR_VERIFY && c->id[0] && !c->known)
			(void)err_set(e, ERR_VERIFY, "there is no token %s here", c->id);
		return NULL;
	}
	c->known = SSL_session_reused(c->tls) == 1;
	if (!c->known && c->id[0])
		return err_null(e, ERR_VERIFY, "there is no token %s here", c->id);
	return steal(&c);
}

/* Sending failed: the server judges our certificate after we have begun, and its refusal may be there to read. */
static void read_refusal(struct channel *c, struct err *e)
{
	struct err refusal = { 0 };
	size_t n;
	char x;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(c->tls, &x, sizeof(x), &n);
	if (rc != 1 && outcome(c, rc, 0, "it was refused", &refusal) < 0 && refusal.class == ERR_VERIFY)
		*e = refusal;
}

static int read_all(struct channel *c, void *data, size_t len, long long deadline, struct err *e)
{
	size_t done = 0, n = 0;
	int rc;

	while (done < len) {
		ERR_clear_error();
		rc = SSL_read_ex(c->tls, (char *)data + done, len - done, &n);
		if (rc == 1)
			done += n;
		else if (outcome(c, rc, deadline, "no whole message came", e) < 0)
			return -1;
	}
	return 0;
}

int channel_send(struct channel *c, const struct buf *message, long long deadline, struct err *e)
{
	auto_buf struct buf framed = { 0 };
	const uint32_t head = htonl((uint32_t)message->len);
	size_t n;
	int rc;

	if (message->len == 0 || message->len > CHANNEL_MESSAGE_MAX)
		return err_set(e, ERR_FAIL, "a message of %zu bytes cannot be sent: at most %zu", message->len,
			       CHANNEL_MESSAGE_MAX);
	buf_add(&framed, &head, sizeof(head));
	buf_add(&framed, message->data, message->len);
	do {
		ERR_clear_error();
		rc = SSL_write_ex(c->tls, framed.data, framed.len, &n); /* all of it, or none */
	} while (rc != 1 && outcome(c, rc, deadline, "cannot send", e) > 0);
	if (rc == 1)
		return 0;
	read_refusal(c, e);
	return -1;
}

int channel_receive(struct channel *c, long long deadline, struct buf *message, struct err *e)
{
	const size_t max = c->side->find ? CHANNEL_REQUEST_MAX : CHANNEL_MESSAGE_MAX;
	auto_free char *data = NULL;
	uint32_t head;
	size_t len;

	if (read_all(c, &head, sizeof(head), deadline, e) < 0)
		return -1;
	len = ntohl(head);
	if (len == 0 || len > max)
		return err_set(e, ERR_VERIFY, "a message of %zu bytes was announced: at most %zu", len, max);
	data = xcalloc(len, 1);
	if (read_all(c, data, len, deadline, e) < 0)
		return -1;
	buf_add(message, data, len);
	return 0;
}
