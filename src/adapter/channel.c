/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/channel.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/dial.h"
#include "base/mem.h"
#include "base/text.h"

/* An external secret goes with one hash (RFC 8446, 4.2.11), SHA-256: so no suite with another. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
static const unsigned char aes_128_gcm_sha256[] = { 0x13, 0x01 };

struct channel {
	const struct channel_side *side;
	SSL_CTX *ctx;
	SSL *tls;
	int fd;
	char id[CHANNEL_ID_MAX + 1]; /* server: what the client offered last */
	bool known;		     /* and find() knew it */
	x509_cert *cert;
};

void channel_free(struct channel **c)
{
	if (!*c)
		return;
	x509_cert_free_ptr(&(*c)->cert);
	if ((*c)->tls && SSL_is_init_finished((*c)->tls))
		(void)SSL_shutdown((*c)->tls);
	SSL_free((*c)->tls);
	SSL_CTX_free((*c)->ctx);
	ERR_clear_error();
	free(*c);
	*c = NULL;
}

const char *channel_id(const struct channel *c)
{
	return c->cert || !c->known ? NULL : c->id;
}

x509_cert *channel_cert(const struct channel *c)
{
	return c->cert;
}

/* The secret as OpenSSL wants it: a session of which nothing but the key, the version and the hash count. */
static SSL_SESSION *session_of(SSL *tls, const unsigned char *key)
{
	SSL_SESSION *session = SSL_SESSION_new();

	if (!session || SSL_SESSION_set1_master_key(session, key, CHANNEL_KEY_LEN) != 1 ||
	    SSL_SESSION_set_cipher(session, SSL_CIPHER_find(tls, aes_128_gcm_sha256)) != 1 ||
	    SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) != 1)
		abort();
	return session;
}

static int use_secret(SSL *tls, const EVP_MD *md, const unsigned char **id, size_t *len, SSL_SESSION **session)
{
	const struct channel *c = SSL_get_app_data(tls);

	(void)md; /* every suite allowed has the same */
	*id = (const unsigned char *)c->side->id;
	*len = strlen(c->side->id);
	*session = session_of(tls, c->side->key);
	return 1;
}

/* No session: OpenSSL goes on without, to certificates. */
static int find_secret(SSL *tls, const unsigned char *id, size_t len, SSL_SESSION **session)
{
	struct channel *c = SSL_get_app_data(tls);
	unsigned char key[CHANNEL_KEY_LEN];

	*session = NULL;
	c->known = false; /* it is asked again after a HelloRetryRequest, and for each secret that the client offers */
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

static int load_pair(SSL_CTX *ctx, const struct channel_side *side, struct err *e)
{

	/*
	 * Dates are not looked at: a machine that was off for a year renews what has expired, and about clocks that differ the two talk in
	 * plain words afterwards.
	 */
	(void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx),
					  X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
	if (SSL_CTX_load_verify_file(ctx, side->ca) == 1 && SSL_CTX_use_certificate_chain_file(ctx, side->cert) == 1 &&
	    SSL_CTX_use_PrivateKey_file(ctx, side->cert_key, SSL_FILETYPE_PEM) == 1)
		return 0;
	return err_set(e, ERR_FAIL, "cannot load %s, %s or its key: %s", side->ca, side->cert,
		       x509_reason("OpenSSL refuses"));
}

static struct channel *begin(const struct channel_side *side, const SSL_METHOD *method, int fd, struct err *e)
{
	auto_channel struct channel *c = xcalloc(1, sizeof(*c));

	*c = (struct channel){ .side = side, .fd = fd, .ctx = SSL_CTX_new(method) };
	if (!c->ctx || SSL_CTX_set_min_proto_version(c->ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(c->ctx, SUITES) != 1)
		abort();
	/* Nothing is resumed: who comes again shows again who it is. */
	(void)SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(c->ctx, 0);
	(void)SSL_CTX_set_options(c->ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	/* A client with a secret loads no CA: then no certificate of whoever answers verifies. */
	if (side->cert && !side->id && load_pair(c->ctx, side, e) < 0)
		return NULL;
	return steal(&c);
}

/* What an OpenSSL call that did not succeed means: 1 try again, -1. `what` goes on "…: ". */
static int outcome(struct channel *c, int rc, long long deadline, const char *what, struct err *e)
{
	int kind = SSL_get_error(c->tls, rc);

	if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
		if (dial_ready(c->fd, kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline))
			return 1;
		return err_set(e, ERR_FAIL, "%s: it took too long", what);
	}
	/* The end of the connection in mid-sentence is the network's doing, or a server's that is busy. */
	if (kind != SSL_ERROR_SSL || ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		return err_set(e, ERR_FAIL, "%s: the connection was closed", what);
	}
	return err_set(e, ERR_VERIFY, "%s: %s", what, x509_reason("TLS failed"));
}

static int shake(struct channel *c, long long deadline, struct err *e)
{
	int rc;

	c->tls = SSL_new(c->ctx);
	if (!c->tls || SSL_set_fd(c->tls, c->fd) != 1)
		abort();
	(void)SSL_set_app_data(c->tls, c);
	do {
		ERR_clear_error();
		rc = c->side->find ? SSL_accept(c->tls) : SSL_connect(c->tls);
		if (rc == 1)
			return 0;
	} while (outcome(c, rc, deadline, "the TLS handshake failed", e) > 0);
	return -1;
}

/* An address is looked for among the addresses of the certificate, anything else among its names. */
static void expect_host(SSL_CTX *ctx, const char *host)
{
	X509_VERIFY_PARAM *want = SSL_CTX_get0_param(ctx);

	X509_VERIFY_PARAM_set_hostflags(want, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (X509_VERIFY_PARAM_set1_ip_asc(want, host) != 1 && X509_VERIFY_PARAM_set1_host(want, host, 0) != 1)
		abort();
	ERR_clear_error();
}

struct channel *channel_connect(const struct channel_side *side, int fd, const char *host, long long deadline,
				struct err *e)
{
	auto_channel struct channel *c = begin(side, TLS_client_method(), fd, e);
	long verdict;

	if (!c)
		return NULL;
	if (side->id)
		SSL_CTX_set_psk_use_session_callback(c->ctx, use_secret);
	else
		expect_host(c->ctx, host);
	if (shake(c, deadline, e) < 0) {
		verdict = SSL_get_verify_result(c->tls);
		/* Who does not know it offers a certificate instead, and that is never looked at. */
		if (e->class == ERR_VERIFY && side->id && verdict != X509_V_OK)
			(void)err_set(e, ERR_VERIFY, "it does not know this token");
		else if (e->class == ERR_VERIFY && side->id)
			(void)err_wrap(e, "it does not know this token");
		else if (e->class == ERR_VERIFY && verdict != X509_V_OK)
			(void)err_set(e, ERR_VERIFY, "its certificate will not do: %s",
				      X509_verify_cert_error_string(verdict));
		return NULL;
	}
	/* The one thing that must never be left out: without it any server could have answered. */
	if (side->id && !SSL_session_reused(c->tls)) {
		(void)err_set(e, ERR_VERIFY, "it does not know this token");
		return NULL;
	}
	return steal(&c);
}

struct channel *channel_accept(const struct channel_side *side, int fd, long long deadline, struct err *e)
{
	auto_channel struct channel *c = begin(side, TLS_server_method(), fd, e);

	if (!c)
		return NULL;
	SSL_CTX_set_psk_find_session_callback(c->ctx, find_secret);
	/* A server that asks for certificates must say which sessions are its own; a secret counts as one. */
	if (SSL_CTX_set_session_id_context(c->ctx, aes_128_gcm_sha256, sizeof(aes_128_gcm_sha256)) != 1)
		abort();
	if (shake(c, deadline, e) < 0) {
		if (e->class == ERR_VERIFY && c->id[0] && !c->known)
			(void)err_set(e, ERR_VERIFY, "there is no token %s here", c->id);
		return NULL;
	}
	c->known = SSL_session_reused(c->tls) == 1;
	if (!c->known) {
		c->cert = SSL_get1_peer_certificate(c->tls);
		if (!c->cert) {
			(void)err_set(e, ERR_VERIFY, "it showed neither a token nor a certificate");
			return NULL;
		}
	}
	return steal(&c);
}

/* The other side closed while we spoke; why, it may have said before: a server judges our certificate after we have begun. */
static void last_words(struct channel *c, struct err *e)
{
	struct err said = { 0 };
	size_t n;
	char x;
	int rc;

	ERR_clear_error();
	rc = SSL_read_ex(c->tls, &x, sizeof(x), &n);
	if (rc != 1 && outcome(c, rc, 0, "it was not heard", &said) < 0 && said.class == ERR_VERIFY)
		*e = said;
}

static int write_all(struct channel *c, const void *data, size_t len, long long deadline, struct err *e)
{
	size_t done = 0, n = 0;
	int rc;

	while (done < len) {
		ERR_clear_error();
		rc = SSL_write_ex(c->tls, (const char *)data + done, len - done, &n);
		if (rc == 1)
			done += n;
		else if (outcome(c, rc, deadline, "cannot send", e) < 0) {
			last_words(c, e);
			return -1;
		}
	}
	return 0;
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
	uint32_t len = (uint32_t)message->len;
	const unsigned char head[4] = { (unsigned char)(len >> 24), (unsigned char)(len >> 16),
					(unsigned char)(len >> 8), (unsigned char)len };

	if (message->len == 0 || message->len > CHANNEL_MESSAGE_MAX)
		return err_set(e, ERR_FAIL, "a message of %zu bytes cannot be sent: at most %zu", message->len,
			       CHANNEL_MESSAGE_MAX);
	buf_add(&framed, head, sizeof(head));
	buf_add(&framed, message->data, message->len);
	return write_all(c, framed.data, framed.len, deadline, e);
}

int channel_receive(struct channel *c, long long deadline, struct buf *message, struct err *e)
{
	unsigned char head[4];
	auto_free char *data = NULL;
	size_t len;

	if (read_all(c, head, sizeof(head), deadline, e) < 0)
		return -1;
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len == 0 || len > CHANNEL_MESSAGE_MAX)
		return err_set(e, ERR_VERIFY, "a message of %zu bytes was announced: at most %zu", len,
			       CHANNEL_MESSAGE_MAX);
	data = xcalloc(len, 1);
	if (read_all(c, data, len, deadline, e) < 0)
		return -1;
	buf_add(message, data, len);
	return 0;
}
