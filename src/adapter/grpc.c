/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/grpc.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

struct grpc {
	CURL *curl;
	struct curl_slist *headers, *endless; /* of a call with a time limit, and of one without */
	char *url, *ca_file, *cert_file, *key_file;
	unsigned int timeout_ms, connect_ms;
	long long end;		   /* of all calls, by clock_ms; 0: none */
	char why[CURL_ERROR_SIZE]; /* curl's text for the last failure */
};

/* One call under way. */
struct exchange {
	struct grpc_head head;
	struct buf body;
	grpc_take *take; /* NULL: unary */
	void *arg;
	unsigned int stall_s;
	struct err e; /* what on_body found wrong */
};

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	grpc_head_line(&x->head, data, size * n);
	/* What speaks HTTP/1 is not etcd. Before 8.1 libcurl would use a freed header for a folded line (curl #11101). */
	return x->head.http2 ? size * n : 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * n;

	/* A web page is not read; the verdict on its headers names what is wrong. */
	if (!x->head.http2 || !x->head.is_grpc || x->head.http_status != 200)
		return len + 1;
	if (x->take)
		return grpc_stream_add(&x->body, data, len, x->take, x->arg, &x->e) < 0 ? len + 1 : len;
	return grpc_body_add(&x->body, data, len, &x->e) < 0 ? len + 1 : len;
}

/* Everything that is the same for each call of a session. */
static void set_options(struct grpc *g)
{
	CURL *c = g->curl;

	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, g->why);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Does not wait at the end for a name server that does not answer. */
	(void)curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
#endif
	(void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	(void)curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(c, CURLOPT_CAINFO, g->ca_file);
	/* etcd does not use the distribution's trust store, and reading it would take longer than the call. */
	(void)curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(c, CURLOPT_SSLCERT, g->cert_file);
	(void)curl_easy_setopt(c, CURLOPT_SSLKEY, g->key_file);
	/* https_proxy is for the internet. */
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)g->connect_ms);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "etcd-cluster/" VERSION);
	(void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
}

struct grpc *grpc_open(const struct grpc_endpoint *to, struct err *e)
{
	const char *const files[] = { to->ca_file, to->cert_file, to->key_file };
	auto_grpc struct grpc *g = NULL;
	auto_free char *timeout = xasprintf("grpc-timeout: %um", to->timeout_ms);

	if (!text_starts(to->url, "https://"))
		return err_null(e, ERR_CONFIG, "%s is not an https:// address", to->url);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (!files[i])
			return err_null(e, ERR_CONFIG, "no certificate, key or CA file is set for talking to etcd");
		if (access(files[i], R_OK) < 0) {
			(void)err_sys(e, ERR_CONFIG, "cannot read %s", files[i]);
			return NULL;
		}
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_null(e, ERR_FAIL, "libcurl cannot be initialised");
	g = xcalloc(1, sizeof(*g));
	g->url = xstrdup(to->url);
	g->ca_file = xstrdup(to->ca_file);
	g->cert_file = xstrdup(to->cert_file);
	g->key_file = xstrdup(to->key_file);
	g->timeout_ms = to->timeout_ms;
	g->connect_ms = to->connect_ms ? to->connect_ms : to->timeout_ms;
	g->curl = curl_easy_init();
	g->headers = curl_slist_append(NULL, "content-type: application/grpc");
	g->endless = curl_slist_append(NULL, "content-type: application/grpc");
	/* etcd refuses calls without "te": it proves that trailers get through. */
	if (!g->curl || !g->headers || !curl_slist_append(g->headers, "te: trailers") ||
	    !curl_slist_append(g->headers, timeout) || !g->endless || !curl_slist_append(g->endless, "te: trailers"))
		return err_null(e, ERR_FAIL, "libcurl gives no handle");
	set_options(g);
	return steal(&g);
}

void grpc_close(struct grpc **g)
{
	if (!*g)
		return;
	curl_easy_cleanup((*g)->curl);
	curl_slist_free_all((*g)->headers);
	curl_slist_free_all((*g)->endless);
	free((*g)->url);
	free((*g)->ca_file);
	free((*g)->cert_file);
	free((*g)->key_file);
	free(*g);
	*g = NULL;
	curl_global_cleanup();
}

void grpc_until(struct grpc *g, unsigned int ms)
{
	g->end = clock_ms() + ms;
}

void grpc_use_socket(struct grpc *g, const char *path)
{
	(void)curl_easy_setopt(g->curl, CURLOPT_UNIX_SOCKET_PATH, path); /* copied */
}

/* How long the next call may take, at least 1 ms: to libcurl 0 is no limit. */
static long call_ms(const struct grpc *g)
{
	long long left = g->end ? g->end - clock_ms() : (long long)g->timeout_ms;

	if (left > (long long)g->timeout_ms)
		return (long)g->timeout_ms;
	return left > 0 ? (long)left : 1;
}

const char *grpc_url(const struct grpc *g)
{
	return g->url;
}

#define distrust(e, ...) grpc_fail(e, GRPC_UNAUTHENTICATED, __VA_ARGS__)

/* The server's certificate did not verify. */
static int fail_verify(const struct grpc *g, struct err *e)
{
	long result = X509_V_OK;

	(void)curl_easy_getinfo(g->curl, CURLINFO_SSL_VERIFYRESULT, &result);
	switch (result) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return distrust(e, "its certificate has expired");
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return distrust(e, "its certificate is not valid yet: is a clock wrong?");
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return distrust(e, "its certificate is not from the CA in %s", g->ca_file);
	case X509_V_OK:
	case X509_V_ERR_UNSPECIFIED: /* libcurl's initial value */
		/* The chain verifies: curl did not find the name or address in the certificate. */
		return distrust(e, "its certificate is for another name or address (%s)", g->why);
	default:
		return distrust(e, "its certificate is refused: %s", X509_verify_cert_error_string(result));
	}
}

/* No answer, or half of one. */
static int fail_transport(const struct grpc *g, CURLcode rc, bool answered, unsigned int stalled, struct err *e)
{
	const char *why = g->why[0] ? g->why : curl_easy_strerror(rc);
	double connected = 0;
	long sys = 0;

	switch (rc) {
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail_verify(g, e);
	case CURLE_SSL_CERTPROBLEM:
		return distrust(e, "%s and %s are not a usable pair (%s)", g->cert_file, g->key_file, why);
	case CURLE_SSL_CACERT_BADFILE:
		return distrust(e, "%s holds no usable CA certificate (%s)", g->ca_file, why);
	case CURLE_OPERATION_TIMEDOUT:
		/* Not CURLINFO_APPCONNECT_TIME, which is 0 for a connection that was there already. */
		(void)curl_easy_getinfo(g->curl, CURLINFO_PRETRANSFER_TIME, &connected);
		if (connected > 0)
			return stalled ? grpc_fail(e, GRPC_DEADLINE_EXCEEDED, "nothing more came for %u s", stalled)
				       : grpc_fail(e, GRPC_DEADLINE_EXCEEDED, "no answer within %u ms", g->timeout_ms);
		return grpc_fail(e, GRPC_UNAVAILABLE, "no connection within %u ms", g->connect_ms);
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(g->curl, CURLINFO_OS_ERRNO, &sys);
		return grpc_fail(e, GRPC_UNAVAILABLE, "%s", sys ? strerror((int)sys) : why);
	default:
		break;
	}
	/* With TLS 1.3 the server refuses our certificate after the handshake, by an alert in place of an answer. */
	if (strstr(why, " alert "))
		return distrust(e, "it refuses our certificate %s (%s)", g->cert_file, why);
	if (strstr(why, "wrong version number") || strstr(why, "packet length too long"))
		return distrust(e, "it does not speak TLS");
	/* That alert can be overtaken by a reset, when the server closes with our request unread. */
	if (!answered &&
	    (rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_HTTP2 || rc == CURLE_GOT_NOTHING))
		return grpc_fail(e, GRPC_UNAVAILABLE,
				 "the connection was cut (%s); if that stays, it does not accept %s", why,
				 g->cert_file);
	return grpc_fail(e, GRPC_UNAVAILABLE, "%s", why);
}

static int finish(const struct grpc *g, const struct exchange *x, CURLcode rc, struct buf *reply, struct err *e)
{
	if (x->e.class != ERR_NONE) {
		*e = x->e;
		return -1;
	}
	/* The server's answer explains more than how the transfer ended after it. */
	if (rc != CURLE_OK && (x->head.http_status == 0 || (x->head.is_grpc && x->head.code <= 0)))
		return fail_transport(g, rc, x->head.http_status != 0, x->stall_s, e);
	if (grpc_head_verdict(&x->head, e) < 0)
		return -1;
	return x->take ? grpc_stream_end(&x->body, e) : grpc_body_end(&x->body, reply, e);
}

static int exchange(struct grpc *g, const char *method, const struct buf *request, struct exchange *x,
		    struct buf *reply, struct err *e)
{
	auto_free char *url = xasprintf("%s%s", g->url, method);
	auto_buf struct buf body = { 0 };
	const uint32_t length = htonl((uint32_t)request->len);
	CURLcode rc;
	int result;

	buf_add(&body, "", 1); /* not compressed */
	buf_add(&body, &length, sizeof(length));
	buf_add(&body, request->data, request->len);
	g->why[0] = '\0';
	(void)curl_easy_setopt(g->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(g->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	(void)curl_easy_setopt(g->curl, CURLOPT_POSTFIELDS, body.data);
	(void)curl_easy_setopt(g->curl, CURLOPT_HTTPHEADER, x->stall_s ? g->endless : g->headers);
	(void)curl_easy_setopt(g->curl, CURLOPT_HEADERDATA, x);
	(void)curl_easy_setopt(g->curl, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(g->curl, CURLOPT_TIMEOUT_MS, x->stall_s ? 0L : call_ms(g));
	(void)curl_easy_setopt(g->curl, CURLOPT_LOW_SPEED_LIMIT, x->stall_s ? 1L : 0L);
	(void)curl_easy_setopt(g->curl, CURLOPT_LOW_SPEED_TIME, (long)x->stall_s);
	rc = curl_easy_perform(g->curl);
	result = finish(g, x, rc, reply, e);
	log_debug("%s: curl %d, HTTP %ld, grpc-status %d", url, (int)rc, x->head.http_status, x->head.code);
	buf_free(&x->body);
	return result < 0 ? err_wrap(e, "%s", g->url) : 0;
}

int grpc_unary(struct grpc *g, const char *method, const struct buf *request, struct buf *reply, struct err *e)
{
	struct exchange x = { .head.code = -1 };

	return exchange(g, method, request, &x, reply, e);
}

int grpc_stream(struct grpc *g, const char *method, const struct buf *request, unsigned int stall_s, grpc_take *take,
		void *arg, struct err *e)
{
	struct exchange x = { .head.code = -1, .take = take, .arg = arg, .stall_s = stall_s };

	return exchange(g, method, request, &x, NULL, e);
}
