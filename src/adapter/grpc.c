/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/grpc.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

struct grpc {
	CURL *curl;
	struct curl_slist *headers;
	char *url, *ca_file, *cert_file, *key_file;
	unsigned int timeout_ms, connect_ms;
	long long end;		   /* ms of the monotonic clock: no call goes on after it; 0: none */
	char why[CURL_ERROR_SIZE]; /* curl's words for the last failure */
};

/* One call under way. */
struct exchange {
	struct grpc_head head;
	struct grpc_frames frames;
	struct err e; /* what our callbacks found wrong */
};

#define fail(e, code, ...) (err_set(e, ERR_HEALTH, __VA_ARGS__), (e)->rpc = (code), -1)

static int check_readable(const char *path, struct err *e)
{
	if (!path)
		return err_set(e, ERR_CONFIG, "no certificate, key or CA file is set for talking to etcd");
	if (access(path, R_OK) < 0)
		return err_sys(e, ERR_CONFIG, "cannot read %s", path);
	return 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	grpc_head_line(&x->head, data, size * n);
	return size * n;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * n;

	/* A web page is not worth reading; the verdict on its headers says what is wrong. */
	if (!x->head.http2 || !x->head.is_grpc || x->head.http_status != 200)
		return len + 1;
	return grpc_frames_feed(&x->frames, data, len, &x->e) < 0 ? len + 1 : len;
}

/* Everything that is the same for each call of a session. */
static void set_options(struct grpc *g)
{
	CURL *c = g->curl;

	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, g->why);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Do not wait at the end for a resolver that nobody answers. */
	(void)curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
#endif
	(void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	(void)curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(c, CURLOPT_CAINFO, g->ca_file);
	/* The distribution's trust store is no business of etcd's, and reading it would take longer than the call. */
	(void)curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(c, CURLOPT_SSLCERT, g->cert_file);
	(void)curl_easy_setopt(c, CURLOPT_SSLKEY, g->key_file);
	/* Members are reached directly: https_proxy is meant for the way to the internet. */
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)g->connect_ms);
	(void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, g->headers);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "etcd-cluster/" VERSION);
	(void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
}

struct grpc *grpc_open(const struct grpc_endpoint *to, struct err *e)
{
	const char *const files[] = { to->ca_file, to->cert_file, to->key_file };
	auto_grpc struct grpc *g = NULL;
	auto_free char *timeout = xasprintf("grpc-timeout: %um", to->timeout_ms);

	if (!text_starts(to->url, "https://")) {
		(void)err_set(e, ERR_CONFIG, "%s is not an https:// address", to->url);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (check_readable(files[i], e) < 0)
			return NULL;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		(void)err_set(e, ERR_FAIL, "libcurl cannot be initialised");
		return NULL;
	}
	g = xcalloc(1, sizeof(*g));
	g->url = xstrdup(to->url);
	g->ca_file = xstrdup(to->ca_file);
	g->cert_file = xstrdup(to->cert_file);
	g->key_file = xstrdup(to->key_file);
	g->timeout_ms = to->timeout_ms;
	g->connect_ms = to->connect_ms ? to->connect_ms : to->timeout_ms;
	g->curl = curl_easy_init();
	g->headers = curl_slist_append(NULL, "content-type: application/grpc");
	/* etcd refuses calls without it: proof that trailers get through. */
	if (g->headers)
		(void)curl_slist_append(g->headers, "te: trailers");
	if (!g->curl || !g->headers || !curl_slist_append(g->headers, timeout)) {
		(void)err_set(e, ERR_FAIL, "libcurl gives no handle");
		return NULL;
	}
	set_options(g);
	return steal(&g);
}

void grpc_close(struct grpc *g)
{
	if (!g)
		return;
	curl_easy_cleanup(g->curl);
	curl_slist_free_all(g->headers);
	free(g->url);
	free(g->ca_file);
	free(g->cert_file);
	free(g->key_file);
	free(g);
	curl_global_cleanup();
}

void grpc_close_ptr(struct grpc **g)
{
	grpc_close(*g);
}

void grpc_until(struct grpc *g, unsigned int ms)
{
	g->end = clock_ms() + ms;
}

/* How long the next call may take, at least 1 ms: to libcurl 0 means for ever. */
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

/* The server's certificate did not pass. */
static int fail_verify(const struct grpc *g, struct err *e)
{
	long result = X509_V_OK;

	(void)curl_easy_getinfo(g->curl, CURLINFO_SSL_VERIFYRESULT, &result);
	switch (result) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return fail(e, GRPC_UNAUTHENTICATED, "its certificate has expired");
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return fail(e, GRPC_UNAUTHENTICATED, "its certificate is not valid yet: is a clock wrong?");
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return fail(e, GRPC_UNAUTHENTICATED, "its certificate is not from the CA in %s", g->ca_file);
	case X509_V_OK:
	case X509_V_ERR_UNSPECIFIED: /* libcurl's initial value */
		/* curl's own check: the chain is good, the name or address is not in the certificate. */
		return fail(e, GRPC_UNAUTHENTICATED, "its certificate is for another name or address (%s)", g->why);
	default:
		return fail(e, GRPC_UNAUTHENTICATED, "its certificate is refused: %s",
			    X509_verify_cert_error_string(result));
	}
}

/* No answer, or half of one. */
static int fail_transport(const struct grpc *g, CURLcode rc, bool answered, struct err *e)
{
	const char *why = g->why[0] ? g->why : curl_easy_strerror(rc);
	double connected = 0;
	long sys = 0;

	switch (rc) {
	case CURLE_PEER_FAILED_VERIFICATION:
		return fail_verify(g, e);
	case CURLE_SSL_CERTPROBLEM:
		return fail(e, GRPC_UNAUTHENTICATED, "%s and %s are no usable pair (%s)", g->cert_file, g->key_file,
			    why);
	case CURLE_SSL_CACERT_BADFILE:
		return fail(e, GRPC_UNAUTHENTICATED, "%s holds no usable CA certificate (%s)", g->ca_file, why);
	case CURLE_OPERATION_TIMEDOUT:
		/* Not CURLINFO_APPCONNECT_TIME, which is 0 for a connection that was there already. */
		(void)curl_easy_getinfo(g->curl, CURLINFO_PRETRANSFER_TIME, &connected);
		if (connected > 0)
			return fail(e, GRPC_DEADLINE_EXCEEDED, "no answer within %u ms", g->timeout_ms);
		return fail(e, GRPC_UNAVAILABLE, "no connection within %u ms", g->connect_ms);
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(g->curl, CURLINFO_OS_ERRNO, &sys);
		return fail(e, GRPC_UNAVAILABLE, "%s", sys ? strerror((int)sys) : why);
	default:
		break;
	}
	/* With TLS 1.3 the server's refusal of our certificate arrives after the handshake, as an alert in place of an answer. */
	if (strstr(why, " alert "))
		return fail(e, GRPC_UNAUTHENTICATED, "it refuses our certificate %s (%s)", g->cert_file, why);
	if (strstr(why, "wrong version number") || strstr(why, "packet length too long"))
		return fail(e, GRPC_UNAUTHENTICATED, "it does not speak TLS");
	/* Or it is lost: what we had sent by then makes the server's kernel answer with a reset. */
	if (!answered &&
	    (rc == CURLE_SEND_ERROR || rc == CURLE_RECV_ERROR || rc == CURLE_HTTP2 || rc == CURLE_GOT_NOTHING))
		return fail(e, GRPC_UNAVAILABLE, "the connection was cut (%s); if that stays, it does not accept %s",
			    why, g->cert_file);
	return fail(e, GRPC_UNAVAILABLE, "%s", why);
}

static int finish(const struct grpc *g, const struct exchange *x, CURLcode rc, struct err *e)
{
	if (x->e.class != ERR_NONE) {
		*e = x->e;
		return -1;
	}
	/* What the server said explains more than how the transfer ended after it. */
	if (rc != CURLE_OK && (x->head.http_status == 0 || (x->head.is_grpc && x->head.code <= 0)))
		return fail_transport(g, rc, x->head.http_status != 0, e);
	if (grpc_head_verdict(&x->head, e) < 0)
		return -1;
	return grpc_frames_end(&x->frames, e);
}

int grpc_stream(struct grpc *g, const char *method, const struct buf *request, size_t max, grpc_on_message *on_message,
		void *arg, struct err *e)
{
	struct exchange x = { .head.code = -1, .frames = { .max = max, .on_message = on_message, .arg = arg } };
	auto_free char *url = xasprintf("%s%s", g->url, method);
	auto_buf struct buf body = { 0 };
	uint8_t head[5] = { 0 };
	CURLcode rc;
	int result;

	for (size_t i = 0; i < 4; i++)
		head[1 + i] = (uint8_t)(request->len >> (8 * (3 - i)));
	buf_add(&body, head, sizeof(head));
	if (request->len > 0)
		buf_add(&body, request->data, request->len);
	g->why[0] = '\0';
	(void)curl_easy_setopt(g->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(g->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	(void)curl_easy_setopt(g->curl, CURLOPT_POSTFIELDS, body.data);
	(void)curl_easy_setopt(g->curl, CURLOPT_HEADERDATA, &x);
	(void)curl_easy_setopt(g->curl, CURLOPT_WRITEDATA, &x);
	(void)curl_easy_setopt(g->curl, CURLOPT_TIMEOUT_MS, call_ms(g));
	rc = curl_easy_perform(g->curl);
	result = finish(g, &x, rc, e);
	log_debug("%s: curl %d, HTTP %ld, grpc-status %d", url, (int)rc, x.head.http_status, x.head.code);
	buf_free(&x.frames.partial);
	if (result < 0)
		(void)err_wrap(e, "%s", g->url);
	return result;
}

/* The one answer of a unary call. */
struct single {
	struct buf *out;
	bool done;
};

static int take_one(void *arg, const uint8_t *message, size_t len, struct err *e)
{
	struct single *reply = arg;

	if (reply->done)
		return fail(e, GRPC_INTERNAL, "two answers came to one question");
	reply->done = true;
	buf_add(reply->out, message, len);
	return 0;
}

int grpc_unary(struct grpc *g, const char *method, const struct buf *request, struct buf *reply, struct err *e)
{
	struct single one = { .out = reply };

	if (grpc_stream(g, method, request, GRPC_MAX_MESSAGE, take_one, &one, e) < 0)
		return -1;
	if (!one.done)
		return fail(e, GRPC_INTERNAL, "%s: it said OK without an answer", g->url);
	return 0;
}
