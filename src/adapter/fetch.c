/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/text.h"

#define REDIRECTS_MAX 5
#define MIB	      (1024ULL * 1024ULL)

/* Variables that libcurl takes a proxy from for our URLs (curl(1), ENVIRONMENT). */
static const char *const proxy_variables[] = { "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY" };

/* One answer on its way in. The header fields are those of the last response: a redirect's are forgotten. */
struct transfer {
	const struct fetch *f;
	struct fetch_result *result;
	struct err *e;
	CURL *curl;
	struct digest *digest;
	char etag[FETCH_TAG];
	long long length;      /* Content-Length; -1 when not told */
	long long range_start; /* of Content-Range, and its whole length; -1 */
	long long range_total;
	bool begun;		  /* the body is being taken */
	bool misfit;		  /* it answered with another part of the file than was asked for */
	bool decided;		  /* result->outcome and e are set: libcurl's own error is only the echo */
	unsigned long long total; /* bytes that fd will have; 0 when not told */
};

static bool decide(struct transfer *t, enum fetch_outcome outcome)
{
	t->decided = true;
	t->result->outcome = outcome;
	return false;
}

/* The value of a header line when it has this name (with its colon), else NULL. */
static const char *header_value(const char *line, const char *name)
{
	if (strncasecmp(line, name, strlen(name)) != 0)
		return NULL;
	line += strlen(name);
	return line + strspn(line, " \t");
}

static long long header_number(const char *s)
{
	char digits[24] = "";
	uint64_t value;
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n >= sizeof(digits))
		return -1;
	memcpy(digits, s, n);
	return text_parse_u64(digits, 0, INT64_MAX, &value) ? (long long)value : -1;
}

/* Keeps text that will be written into a file of ours and compared: printable, and not cut. */
static void keep_tag(char out[FETCH_TAG], const char *value)
{
	size_t n = strcspn(value, "\r\n");

	out[0] = '\0';
	if (n >= FETCH_TAG)
		return;
	memcpy(out, value, n);
	out[n] = '\0';
	text_printable(out);
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	char line[1024];
	size_t len = size * n < sizeof(line) ? size * n : sizeof(line) - 1;
	const char *value;

	memcpy(line, data, len);
	line[len] = '\0';
	if (text_starts(line, "HTTP/")) {
		t->etag[0] = '\0';
		t->length = t->range_start = t->range_total = -1;
	} else if ((value = header_value(line, "etag:"))) {
		keep_tag(t->etag, value);
	} else if ((value = header_value(line, "content-length:"))) {
		t->length = header_number(value);
	} else if ((value = header_value(line, "content-range:")) && strncasecmp(value, "bytes ", 6) == 0) {
		t->range_start = header_number(value + 6);
		value = strchr(value, '/');
		t->range_total = value ? header_number(value + 1) : -1;
	}
	return size * n;
}

/* Whether what is still to come finds room. memfd_create(2)'s file system tells no size. */
static bool check_space(struct transfer *t)
{
	unsigned long long need = t->total - t->result->bytes, have;
	struct statvfs fs;

	if (t->total <= t->result->bytes || fstatvfs(t->f->fd, &fs) < 0 || fs.f_blocks == 0)
		return true;
	have = (unsigned long long)fs.f_bavail * fs.f_frsize;
	if (need <= have)
		return true;
	(void)err_set(t->e, ERR_CONFIG, "%llu MiB are needed there and %llu MiB are free", need / MIB + 1, have / MIB);
	return decide(t, FETCH_LOCAL);
}

/* Empties the file: what it held is not part of what comes. */
static bool start_afresh(struct transfer *t)
{
	t->result->bytes = 0;
	t->result->etag[0] = '\0';
	if (ftruncate(t->f->fd, 0) == 0)
		return true;
	(void)err_sys(t->e, ERR_FAIL, "cannot empty the partial file");
	return decide(t, FETCH_LOCAL);
}

/* Looks at the size that was announced, before the first byte is taken. */
static bool accept_announced(struct transfer *t)
{
	if (t->total > t->f->max_bytes) {
		(void)err_set(t->e, ERR_VERIFY, "it sends more than %llu MiB", t->f->max_bytes / MIB);
		return decide(t, FETCH_REFUSED);
	}
	return check_space(t);
}

/* The headers are complete: from here on the file changes. */
static bool begin(struct transfer *t)
{
	long status = 0;

	t->begun = true;
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 206 && t->f->etag && t->range_start == (long long)t->result->bytes) {
		t->total = t->range_total > 0 ? (unsigned long long)t->range_total : 0;
		if (digest_add_file(t->digest, t->f->fd, 0, t->result->bytes, "the partial file", t->e) < 0)
			return decide(t, FETCH_LOCAL);
		return accept_announced(t);
	}
	t->misfit = status == 206;
	if (status != 200) {
		(void)err_set(t->e, ERR_PENDING, "it answered with HTTP status %ld", status);
		return decide(t, FETCH_BROKEN);
	}
	t->total = t->length > 0 ? (unsigned long long)t->length : 0;
	if (!start_afresh(t))
		return false;
	if (t->etag[0] == '"') /* a weak one does not promise the same bytes (RFC 9110, 8.8.1) */
		memcpy(t->result->etag, t->etag, sizeof(t->etag));
	return accept_announced(t);
}

/* Appends to the file and to the hash. */
static bool take(struct transfer *t, const uint8_t *data, size_t len)
{
	static const uint8_t gzip_magic[2] = { 0x1f, 0x8b };
	unsigned long long at = t->result->bytes;
	size_t done = 0;

	if (at + len > t->f->max_bytes) {
		(void)err_set(t->e, ERR_VERIFY, "it sends more than %llu MiB", t->f->max_bytes / MIB);
		return decide(t, FETCH_REFUSED);
	}
	for (size_t i = 0; t->f->want_gzip && i < len && at + i < sizeof(gzip_magic); i++) {
		if (data[i] != gzip_magic[at + i]) {
			(void)err_set(t->e, ERR_VERIFY,
				      "it sends no gzip file but something else, a login or error page perhaps");
			return decide(t, FETCH_REFUSED);
		}
	}
	while (done < len) {
		ssize_t n = pwrite(t->f->fd, data + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			(void)err_sys(t->e, ERR_FAIL, "cannot write the partial file");
			return decide(t, FETCH_LOCAL);
		}
		done += (size_t)n;
	}
	digest_add(t->digest, data, len);
	t->result->bytes += len;
	if (t->f->progress)
		t->f->progress(t->result->bytes, t->total);
	return true;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if ((!t->begun && !begin(t)) || !take(t, (const uint8_t *)data, size * n))
		return 0; /* ends the transfer with CURLE_WRITE_ERROR (CURLOPT_WRITEFUNCTION(3)) */
	return size * n;
}

/* libcurl's own verdict, where ours was not given. */
static void judge(struct transfer *t, CURLcode rc, const char *text)
{
	long status = 0, redirects = 0;

	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_COUNT, &redirects);
	t->result->outcome = FETCH_REFUSED;
	switch (rc) {
	case CURLE_HTTP_RETURNED_ERROR:
		t->result->outcome = status == 404 || status == 410 ? FETCH_MISSING : FETCH_BROKEN;
		(void)err_set(t->e, ERR_PENDING,
			      status == 404 || status == 410 ? "it has no such file (HTTP status %ld)"
							     : "it answered with HTTP status %ld",
			      status);
		return;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		(void)err_set(t->e, ERR_VERIFY, "its certificate is not trusted: %s", text);
		return;
	case CURLE_UNSUPPORTED_PROTOCOL:
		(void)err_set(t->e, ERR_VERIFY, "it redirects to something other than https");
		return;
	case CURLE_LOGIN_DENIED: /* CURLOPT_DISALLOW_USERNAME_IN_URL(3) */
		(void)err_set(t->e, ERR_VERIFY, "a user name or password in a URL is not supported");
		return;
	case CURLE_SSL_CACERT_BADFILE:
		t->result->outcome = FETCH_LOCAL;
		(void)err_set(t->e, ERR_CONFIG, "the given authorities cannot be used: %s", text);
		return;
	default:
		t->result->outcome = FETCH_BROKEN;
		(void)err_set(t->e, ERR_PENDING, "%s", text);
	}
}

static void set_protocols(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
#else
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
	(void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
}

/* A proxy of the environment goes before f->proxy; libcurl finds that one itself. */
static void set_proxy(CURL *curl, const char *proxy)
{
	for (size_t i = 0; i < ARRAY_LEN(proxy_variables); i++)
		if (getenv(proxy_variables[i]))
			return;
	if (proxy)
		(void)curl_easy_setopt(curl, CURLOPT_PROXY, proxy);
}

static void set_trust(CURL *curl, const struct fetch *f)
{
	struct curl_blob ca = { .len = f->ca_len, .flags = CURL_BLOB_COPY };

	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (!f->ca)
		return;
	memcpy(&ca.data, &f->ca, sizeof(ca.data)); /* copied by libcurl, which wants void * */
	(void)curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &ca);
	(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
}

static void set_limits(CURL *curl, const struct fetch *f)
{
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)f->connect_seconds);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)FETCH_SLOW);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)f->stall_seconds);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)f->total_seconds);
	(void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	(void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L); /* they would end in messages and logs */
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "etcd-cluster/" VERSION);
}

/* One request, from where the file stands when f->etag is set. */
static CURLcode request(struct transfer *t, char text[CURL_ERROR_SIZE])
{
	struct curl_slist *headers = NULL;
	CURL *curl = t->curl;
	char range[32];
	CURLcode rc;

	curl_easy_reset(curl);
	set_protocols(curl);
	set_proxy(curl, t->f->proxy);
	set_trust(curl, t->f);
	set_limits(curl, t->f);
	(void)curl_easy_setopt(curl, CURLOPT_URL, t->f->url);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	if (t->f->etag && t->result->bytes > 0) {
		auto_free char *condition = xasprintf("If-Range: %s", t->f->etag);

		/* Not CURLOPT_RESUME_FROM: that fails when the server answers with the whole file, which is fine. */
		(void)snprintf(range, sizeof(range), "%llu-", t->result->bytes);
		(void)curl_easy_setopt(curl, CURLOPT_RANGE, range);
		headers = curl_slist_append(NULL, condition);
		(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	}
	text[0] = '\0';
	rc = curl_easy_perform(curl);
	curl_slist_free_all(headers);
	if (text[0] == '\0')
		(void)snprintf(text, CURL_ERROR_SIZE, "%s", curl_easy_strerror(rc));
	text_printable(text);
	return rc;
}

/* How much an earlier try left; only worth something with its ETag. */
static bool open_result(struct transfer *t)
{
	struct stat st;

	*t->result = (struct fetch_result){ 0 };
	if (fstat(t->f->fd, &st) < 0) {
		(void)err_sys(t->e, ERR_FAIL, "cannot look at the partial file");
		return decide(t, FETCH_LOCAL);
	}
	if (!t->f->etag || strlen(t->f->etag) >= FETCH_TAG)
		return start_afresh(t);
	t->result->bytes = (unsigned long long)st.st_size;
	memcpy(t->result->etag, t->f->etag, strlen(t->f->etag) + 1);
	return true;
}

static bool finish(struct transfer *t)
{
	if (t->total > 0 && t->result->bytes != t->total) {
		(void)err_set(t->e, ERR_PENDING, "it sent %llu bytes of %llu", t->result->bytes, t->total);
		return decide(t, FETCH_BROKEN);
	}
	digest_end(t->digest, t->result->digest);
	t->result->outcome = FETCH_DONE;
	return true;
}

void fetch(const struct fetch *f, struct fetch_result *result, struct err *e)
{
	auto_digest struct digest *digest = digest_new();
	struct transfer t = { .f = f, .result = result, .e = e, .digest = digest };
	char text[CURL_ERROR_SIZE];
	long status = 0;
	CURLcode rc;

	if (!open_result(&t))
		return;
	t.curl = curl_easy_init();
	if (!t.curl)
		abort();
	rc = request(&t, text);
	(void)curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
	/* What we have is not the beginning of what it has (416), or it cannot count: the whole file, then. */
	if (result->bytes > 0 && ((rc == CURLE_HTTP_RETURNED_ERROR && status == 416) || t.misfit) && start_afresh(&t)) {
		err_clear(e);
		t.begun = t.decided = t.misfit = false;
		rc = request(&t, text);
	}
	if (rc == CURLE_OK && !t.begun)
		(void)begin(&t); /* an empty answer */
	if (rc != CURLE_OK && !t.decided)
		judge(&t, rc, text);
	else if (!t.decided)
		(void)finish(&t);
	curl_easy_cleanup(t.curl);
}

/* Opens without waiting on a FIFO, follows links: a mirror may be full of them. */
static int open_local(struct transfer *t)
{
	int fd = open(t->f->url, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool missing = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)err_sys(t->e, ERR_PENDING, "cannot open it");
		(void)decide(t, missing ? FETCH_MISSING : FETCH_BROKEN);
	} else if (!S_ISREG(st.st_mode)) {
		(void)err_set(t->e, ERR_VERIFY, "it is not a regular file");
		(void)decide(t, FETCH_REFUSED);
	} else {
		t->total = (unsigned long long)st.st_size;
		return fd;
	}
	mem_close_fd(&fd);
	return -1;
}

void fetch_local(const struct fetch *f, struct fetch_result *result, struct err *e)
{
	auto_digest struct digest *digest = digest_new();
	struct transfer t = { .f = f, .result = result, .e = e, .digest = digest };
	auto_free uint8_t *chunk = xcalloc(1, MIB);
	auto_close int from = -1;
	ssize_t n = 1;

	*result = (struct fetch_result){ 0 };
	from = open_local(&t);
	if (from < 0 || !start_afresh(&t) || !accept_announced(&t))
		return;
	while (n != 0) {
		n = read(from, chunk, MIB);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			(void)err_sys(e, ERR_PENDING, "cannot read it");
			result->outcome = FETCH_BROKEN;
			return;
		}
		if (n > 0 && !take(&t, chunk, (size_t)n))
			return;
	}
	(void)finish(&t);
}
