/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/handshake.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapter/dial.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

/* Headers longer than this are not worth waiting for; etcd's are a tenth of it. */
#define HEADERS_MAX 2048

static SSL_CTX *context(const struct handshake *h, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		abort();
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* The verdict is asked for afterwards; the dates are not its business: the caller knows what it has just issued. */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	(void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx),
					  X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
	if (SSL_CTX_load_verify_file(ctx, h->ca) == 1 &&
	    (!h->cert || (SSL_CTX_use_certificate_chain_file(ctx, h->cert) == 1 &&
			  SSL_CTX_use_PrivateKey_file(ctx, h->key, SSL_FILETYPE_PEM) == 1)))
		return ctx;
	(void)err_set(e, ERR_FAIL, "cannot load %s or %s: %s", h->ca, h->cert ? h->cert : "nothing",
		      x509_reason("OpenSSL refuses"));
	SSL_CTX_free(ctx);
	return NULL;
}

static int shake(SSL *tls, int fd, long long deadline, const struct handshake *h, struct err *e)
{

	for (;;) {
		int rc, what;

		ERR_clear_error();
		rc = SSL_connect(tls);
		what = SSL_get_error(tls, rc);
		if (rc == 1)
			return 0;
		if (what != SSL_ERROR_WANT_READ && what != SSL_ERROR_WANT_WRITE)
			return err_set(e, ERR_FAIL, "%s port %u: the TLS handshake failed: %s", h->address,
				       (unsigned int)h->port, x509_reason("the connection was closed"));
		if (!dial_ready(fd, what == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline))
			return err_set(e, ERR_FAIL, "%s port %u: no TLS handshake within %u ms", h->address,
				       (unsigned int)h->port, h->timeout_ms);
	}
}

static int served(SSL *tls, const struct handshake *h, struct x509_info *info, struct err *e)
{
	auto_cert x509_cert *leaf = SSL_get1_peer_certificate(tls);

	if (!leaf)
		return err_set(e, ERR_VERIFY, "%s port %u served no certificate", h->address, (unsigned int)h->port);
	if (SSL_get_verify_result(tls) != X509_V_OK)
		return err_set(e, ERR_VERIFY, "%s port %u serves a certificate that %s does not vouch for: %s",
			       h->address, (unsigned int)h->port, h->ca,
			       X509_verify_cert_error_string(SSL_get_verify_result(tls)));
	x509_describe(leaf, info);
	return 1;
}

bool handshake_date(const char *headers, time_t *date)
{
	const char *at = strcasestr(headers, "\r\ndate:"), *end;
	struct tm tm = { 0 };

	if (!text_starts(headers, "HTTP/") || !at)
		return false;
	end = strptime(at + strlen("\r\ndate:"), " %a, %d %b %Y %H:%M:%S GMT", &tm);
	if (!end || (*end != '\r' && *end != '\n'))
		return false;
	*date = timegm(&tm);
	return *date > 0;
}

/* Asks by HTTP/1.1, which a server of HTTP/2 speaks with whoever has not agreed on more, and reads the headers. */
static void ask_clock(SSL *tls, int fd, long long deadline, const struct handshake *h, struct handshake_seen *seen)
{
	auto_free char *request =
		xasprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", h->ask, h->address);
	char headers[HEADERS_MAX + 1] = "";
	size_t n = 0;
	struct timespec now;
	time_t date;

	if (SSL_write(tls, request, (int)strlen(request)) <= 0)
		return;
	while (n < HEADERS_MAX && !strstr(headers, "\r\n\r\n")) {
		int got = SSL_read(tls, headers + n, (int)(HEADERS_MAX - n));

		if (got > 0) {
			n += (size_t)got;
			headers[n] = '\0';
		} else if (SSL_get_error(tls, got) != SSL_ERROR_WANT_READ || !dial_ready(fd, POLLIN, deadline)) {
			break;
		}
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	seen->has_clock = handshake_date(headers, &date);
	if (seen->has_clock)
		seen->ahead_ms = (date - now.tv_sec) * 1000LL + 500 - now.tv_nsec / 1000000;
}

void handshake_seen_free(struct handshake_seen *seen)
{
	x509_info_free(&seen->leaf);
	*seen = (struct handshake_seen){ 0 };
}

int handshake_look(const struct handshake *h, struct handshake_seen *seen, struct err *e)
{
	const struct dial to = { .address = h->address, .port = h->port };
	long long deadline = clock_ms() + h->timeout_ms;
	auto_close int fd = -1;
	SSL_CTX *ctx;
	SSL *tls;
	int rc = dial(&to, deadline, &fd, e);

	*seen = (struct handshake_seen){ 0 };
	if (rc <= 0)
		return rc;
	ctx = context(h, e);
	if (!ctx)
		return -1;
	tls = SSL_new(ctx);
	if (!tls || SSL_set_fd(tls, fd) != 1)
		abort();
	rc = shake(tls, fd, deadline, h, e);
	if (rc == 0)
		rc = served(tls, h, &seen->leaf, e);
	if (rc == 1 && h->ask)
		ask_clock(tls, fd, deadline, h, seen);
	if (rc == 1)
		(void)SSL_shutdown(tls);
	SSL_free(tls);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return rc;
}

int handshake_serial(const struct handshake *h, char **serial, struct err *e)
{
	struct handshake_seen seen;
	int rc = handshake_look(h, &seen, e);

	if (rc == 1)
		*serial = steal(&seen.leaf.serial);
	handshake_seen_free(&seen);
	return rc;
}
