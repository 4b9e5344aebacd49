/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/fetch.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#define REDIRECTS_MAX	5
#define MIB		(1024ULL * 1024ULL)
#define CONNECT_SECONDS 10 /* name resolution, connection and TLS */
#define STALL_SECONDS	20 /* so long below STALL_BYTES a second */
#define STALL_BYTES	1000
#define TOTAL_SECONDS	(30 * 60) /* what is there then is kept, and the next try resumes */
#define NO_RANGE	UINT64_MAX

/* Variables that libcurl takes a proxy from for our URLs (curl(1), ENVIRONMENT). */
static const char *const proxy_variables[] = { "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY" };

/* One answer on its way in. The header fields are those of the last response: a redirect's are forgotten. */
struct transfer {
	const struct fetch *f;
	struct fetch_result *result;
	struct err *e; /* &result->why; once it is set, libcurl's own error is only a consequence */
	CURL *curl;
	digest_ctx *digest;
	char etag[FETCH_TAG];
	unsigned long long length;	/* Content-Length; 0: not known */
	unsigned long long range_start; /* of Content-Range, or NO_RANGE; and its whole length, 0: not known */
	unsigned long long range_total;
	bool begun;		  /* the body is being taken */
	bool misfit;		  /* it answered with another part of the file than was asked for */
	unsigned long long total; /* bytes that fd will have; 0: not known */
	struct progress_meter progress;
};

bool fetch_is_url(const char *text)
{
	return text_starts(text, "https://") || text_starts(text, "http://");
}

/* A test build takes the seconds from ETCD_CLUSTER_STALL, so that slow mirrors can be tried. */
static long limit(long seconds)
{
#ifdef TEST_BUILD
	const char *set = getenv("ETCD_CLUSTER_STALL");
	uint64_t value;

	if (set && text_parse_u64(set, 1, 60, &value))
		return (long)value;
#endif
	return seconds;
}

/* The value of a header line when it has this name (with its colon), else NULL. */
static const char *header_value(const char *line, const char *name)
{
	if (strncasecmp(line, name, strlen(name)) != 0)
		return NULL;
	line += strlen(name);
	return line + strspn(line, " \t");
}

/* Keeps text that will be written into a file of ours and compared: printable, and not cut. */
static void keep_tag(char out[FETCH_TAG], const char *value)
{
	int n = (int)strcspn(value, "\r\n");

	(void)snprintf(out, FETCH_TAG, "%.*s", n < FETCH_TAG ? n : 0, value);
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
	/* A number that is not one is 0, one that is too large becomes ULLONG_MAX (strtoull(3)). */
	if (text_starts(line, "HTTP/")) {
		t->etag[0] = '\0';
		t->length = t->range_total = 0;
		t->range_start = NO_RANGE;
	} else if ((value = header_value(line, "etag:"))) {
		keep_tag(t->etag, value);
	} else if ((value = header_value(line, "content-length:"))) {
		t->length = strtoull(value, NULL, 10);
	} else if ((value = header_value(line, "content-range:")) && strncasecmp(value, "bytes ", 6) == 0) {
		t->range_start = strtoull(value + 6, NULL, 10);
		value = strchr(value, '/');
		t->range_total = value ? strtoull(value + 1, NULL, 10) : 0;
	}
	return size * n;
}

/* Empties the file: what it held is not part of what comes. */
static int start_over(struct transfer *t)
{
	t->result->bytes = 0;
	t->result->etag[0] = '\0';
	if (ftruncate(t->f->fd, 0) < 0 || lseek(t->f->fd, 0, SEEK_SET) < 0)
		return err_sys(t->e, ERR_FAIL, "cannot empty the partial file");
	return 0;
}

static int refuse_large(struct transfer *t)
{
	return err_set(t->e, ERR_VERIFY, "it sends more than %llu bytes", t->f->max_bytes);
}

/* Looks at the announced size before the first byte is taken. The file system of memfd_create(2) has no size. */
static int accept_announced(struct transfer *t)
{
	unsigned long long need = t->total - t->result->bytes, have;
	struct statvfs fs;

	if (t->total > t->f->max_bytes)
		return refuse_large(t);
	if (t->total <= t->result->bytes || fstatvfs(t->f->fd, &fs) < 0 || fs.f_blocks == 0)
		return 0;
	have = (unsigned long long)fs.f_bavail * fs.f_frsize;
	if (need <= have)
		return 0;
	return err_set(t->e, ERR_CONFIG, "%llu MiB are needed there and %llu MiB are free", need / MIB + 1, have / MIB);
}

static long http_status(const struct transfer *t)
{
	long status = 0;

	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* Resumes behind the part that is there. */
static int resume(struct transfer *t)
{
	if (lseek(t->f->fd, (off_t)t->result->bytes, SEEK_SET) < 0)
		return err_sys(t->e, ERR_FAIL, "cannot resume the partial file");
	return digest_add_file(t->digest, t->f->fd, 0, t->result->bytes, "the partial file", t->e);
}

/* The headers are complete: from here on the file changes. */
static int begin(struct transfer *t)
{
	long status = http_status(t);

	t->begun = true;
	t->misfit = status == 206 && (!t->f->etag || t->range_start != t->result->bytes);
	if (t->misfit || (status != 200 && status != 206))
		return err_set(t->e, ERR_PENDING, "it answered with HTTP status %ld", status);
	t->total = status == 206 ? t->range_total : t->length;
	if ((status == 206 ? resume(t) : start_over(t)) < 0)
		return -1;
	if (status == 200 && t->etag[0] == '"') /* a weak one does not promise the same bytes (RFC 9110, 8.8.1) */
		memcpy(t->result->etag, t->etag, sizeof(t->etag));
	return accept_announced(t);
}

/* Appends to the file and to the hash. */
static int take(struct transfer *t, const char *data, size_t len)
{
	static const char gzip_magic[2] = { 0x1f, (char)0x8b };
	unsigned long long at = t->result->bytes;

	if (at + len > t->f->max_bytes)
		return refuse_large(t);
	for (size_t i = 0; t->f->gzip && i < len && at + i < sizeof(gzip_magic); i++) {
		if (data[i] != gzip_magic[at + i])
			return err_set(t->e, ERR_VERIFY,
				       "it sends something other than a gzip file, perhaps a login or error page");
	}
	if (file_write_all(t->f->fd, data, len) < 0)
		return err_sys(t->e, ERR_FAIL, "cannot write the partial file");
	digest_add(t->digest, data, len);
	t->result->bytes += len;
	if (t->f->progress)
		progress_show(&t->progress, t->result->bytes, t->total);
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if ((!t->begun && begin(t) < 0) || take(t, data, size * n) < 0)
		return 0; /* ends the transfer with CURLE_WRITE_ERROR (CURLOPT_WRITEFUNCTION(3)) */
	return size * n;
}

/* libcurl's own error, for a transfer that was not ended here. */
static int fail_by_curl(struct transfer *t, CURLcode rc, const char *text)
{
	long status = http_status(t);

	switch (rc) {
	case CURLE_HTTP_RETURNED_ERROR:
		if (status != 404 && status != 410)
			return err_set(t->e, ERR_PENDING, "it answered with HTTP status %ld", status);
		(void)err_set(t->e, ERR_PENDING, "it has no such file (HTTP status %ld)", status);
		t->e->sys = ENOENT;
		return -1;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return err_set(t->e, ERR_VERIFY, "its certificate is not trusted: %s", text);
	case CURLE_UNSUPPORTED_PROTOCOL:
		return err_set(t->e, ERR_VERIFY, "it redirects to something other than https");
	case CURLE_LOGIN_DENIED: /* CURLOPT_DISALLOW_USERNAME_IN_URL(3) */
		return err_set(t->e, ERR_VERIFY, "a user name or password in a URL is not supported");
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(t->e, ERR_CONFIG, "the certificates of the trusted authorities cannot be used: %s",
			       text);
	default:
		return err_set(t->e, ERR_PENDING, "%s", text);
	}
}

/* A proxy of the environment, which libcurl finds itself, takes precedence. */
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
	struct curl_blob ca = { .data = f->ca->data, .len = f->ca->len, .flags = CURL_BLOB_COPY };

	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (f->ca->len == 0)
		return;
	(void)curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &ca);
	(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
}

static void set_limits(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
#else
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
	(void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, limit(CONNECT_SECONDS));
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, limit(STALL_SECONDS));
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10 * limit(TOTAL_SECONDS / 10));
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

	set_proxy(curl, t->f->proxy);
	set_trust(curl, t->f);
	set_limits(curl);
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

/* What an earlier try left is worth something only with its ETag. */
static int open_partial(struct transfer *t)
{
	struct stat st;

	if (!t->f->etag || strlen(t->f->etag) >= FETCH_TAG)
		return start_over(t);
	if (fstat(t->f->fd, &st) < 0)
		return err_sys(t->e, ERR_FAIL, "cannot look at the partial file");
	t->result->bytes = (unsigned long long)st.st_size;
	memcpy(t->result->etag, t->f->etag, strlen(t->f->etag) + 1);
	return 0;
}

static int finish(struct transfer *t)
{
	if (t->total > 0 && t->result->bytes != t->total)
		return err_set(t->e, ERR_PENDING, "it sent %llu bytes of %llu", t->result->bytes, t->total);
	digest_end(t->digest, t->result->digest);
	return 0;
}

/* A second transfer needs another handle: before 8.1 libcurl uses a freed header for a folded line (curl #11101). */
static void new_handle(struct transfer *t)
{
	curl_easy_cleanup(t->curl);
	t->curl = curl_easy_init();
	must(t->curl);
}

static int from_url(struct transfer *t)
{
	char text[CURL_ERROR_SIZE];
	CURLcode rc;

	if (open_partial(t) < 0)
		return -1;
	rc = request(t, text);
	/* What we have is not the beginning of what it has (416), or it cannot count: the whole file, then. */
	if (t->result->bytes > 0 && (t->misfit || (rc == CURLE_HTTP_RETURNED_ERROR && http_status(t) == 416)) &&
	    start_over(t) == 0) {
		err_clear(t->e);
		t->begun = false;
		new_handle(t);
		rc = request(t, text);
	}
	if (rc == CURLE_OK && !t->begun)
		(void)begin(t); /* an empty answer */
	if (t->e->class != ERR_NONE)
		return -1;
	return rc == CURLE_OK ? finish(t) : fail_by_curl(t, rc, text);
}

static int from_file(struct transfer *t)
{
	/* Does not wait for a FIFO, and follows links: a mirror may be full of them. */
	auto_close int from = open(t->f->url, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char chunk[64 * 1024];
	struct stat st;
	ssize_t n;

	if (from < 0 || fstat(from, &st) < 0) {
		(void)err_sys(t->e, ERR_PENDING, "cannot open it");
		if (t->e->sys == ENOTDIR)
			t->e->sys = ENOENT;
		return -1;
	}
	if (!S_ISREG(st.st_mode))
		return err_set(t->e, ERR_VERIFY, "it is not a regular file");
	t->total = (unsigned long long)st.st_size;
	if (start_over(t) < 0 || accept_announced(t) < 0)
		return -1;
	while ((n = TEMP_FAILURE_RETRY(read(from, chunk, sizeof(chunk)))) != 0) {
		if (n < 0)
			return err_sys(t->e, ERR_PENDING, "cannot read it");
		if (take(t, chunk, (size_t)n) < 0)
			return -1;
	}
	return finish(t);
}

void fetch(const struct fetch *f, struct fetch_result *result)
{
	auto_digest digest_ctx *digest = digest_new();
	struct transfer t = { .f = f, .result = result, .e = &result->why, .digest = digest };

	*result = (struct fetch_result){ 0 };
	if (f->progress)
		t.progress = *f->progress;
	if (fetch_is_url(f->url)) {
		new_handle(&t);
		(void)from_url(&t);
		curl_easy_cleanup(t.curl);
	} else {
		(void)from_file(&t);
	}
	progress_end(&t.progress);
}
