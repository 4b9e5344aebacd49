/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/handshake.h"

#include <openssl/err.h>
#include <string.h>

#include "adapter/dial.h"
#include "adapter/tls.h"
#include "base/clock.h"
#include "base/text.h"

/* Longer headers are not waited for; etcd's are a tenth of it. */
#define HEADERS_MAX 2048

static int shake(SSL *tls, long long deadline, const struct handshake *h, struct err *e)
{
	int rc, again;

	do {
		ERR_clear_error();
		rc = SSL_connect(tls);
		if (rc == 1)
			return 0;
		again = tls_again(tls, rc, deadline);
	} while (again > 0);
	if (again == 0)
		return err_set(e, ERR_FAIL, "%s port %u: no TLS handshake within %u ms", h->address,
			       (unsigned int)h->port, h->timeout_ms);
	return err_set(e, ERR_FAIL, "%s port %u: the TLS handshake failed: %s", h->address, (unsigned int)h->port,
		       x509_reason("the connection was closed"));
}

static int served(SSL *tls, const struct handshake *h, struct x509_info *info, struct err *e)
{
	auto_cert x509_cert *leaf = SSL_get1_peer_certificate(tls);

	if (!leaf)
		return err_set(e, ERR_VERIFY, "%s port %u served no certificate", h->address, (unsigned int)h->port);
	if (SSL_get_verify_result(tls) != X509_V_OK)
		return err_set(e, ERR_VERIFY, "%s port %u serves a certificate that is not from %s: %s", h->address,
			       (unsigned int)h->port, h->ca, X509_verify_cert_error_string(SSL_get_verify_result(tls)));
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

/* By HTTP/1.1: an HTTP/2 server speaks it with a client that did not negotiate more. */
static void read_clock(SSL *tls, long long deadline, const struct handshake *h, struct handshake_seen *seen)
{
	auto_free char *request =
		xasprintf("GET /version HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", h->address);
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
		} else if (tls_again(tls, got, deadline) <= 0) {
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
	ctx = tls_context(TLS_client_method(), h->ca, h->cert, h->key, e);
	if (!ctx)
		return -1;
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* served() asks for the verdict */
	tls = tls_over(ctx, fd);
	rc = shake(tls, deadline, h, e) < 0 ? -1 : served(tls, h, &seen->leaf, e);
	if (rc == 1 && h->clock)
		read_clock(tls, deadline, h, seen);
	if (rc == 1)
		(void)SSL_shutdown(tls);
	SSL_free(tls);
	ERR_clear_error();
	return rc;
}
