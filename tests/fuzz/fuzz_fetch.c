/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/fetch: the bytes are what a mirror sends: up to the first byte 0xff on the first connection, the rest on the
 * next one. Half of an earlier file is there to be resumed when the first byte is odd. fetch.c is part of this file, so
 * that libcurl gets a socket pair for its connection.
 */
#include <curl/curl.h>

static CURLcode perform(CURL *curl);
#define curl_easy_perform(curl) perform(curl)
#include "adapter/fetch.c" /* NOLINT(bugprone-suspicious-include) */
#undef curl_easy_perform

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define PART "the first half of a file"
#define MAX  4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	const uint8_t *data;
	size_t len;
} answers[2];
static unsigned int asked;

/* A connection on which the whole answer is already there. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	int fds[2];

	(void)purpose;
	(void)to;
	mem_close_fd(arg);
	if (asked >= ARRAY_LEN(answers) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return CURL_SOCKET_BAD;
	if (answers[asked].len > 0 && send(fds[1], answers[asked].data, answers[asked].len, MSG_DONTWAIT) < 0)
		abort();
	/* The request is not read, and its end is kept open until then: a reset would hide the answer. */
	(void)shutdown(fds[1], SHUT_WR);
	*(int *)arg = fds[1];
	asked++;
	return fds[0];
}

static int is_connected(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* libcurl 7.88 connects a socket that is connected already. */
int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	(void)fd;
	(void)to;
	(void)len;
	return 0;
}

static CURLcode perform(CURL *curl)
{
	int peer = -1;
	CURLcode rc;

	(void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	(void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &peer);
	(void)curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, is_connected);
	(void)curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 1000L);
	rc = curl_easy_perform(curl);
	mem_close_fd(&peer);
	return rc;
}

/* What was taken is counted, hashed and within the limit, and what will be shown or kept is printable. */
static void check(const struct fetch *f, const struct fetch_result *r)
{
	auto_digest digest_ctx *d = digest_new();
	uint8_t sha256[DIGEST_LEN];
	struct err e = { 0 };
	struct stat st;

	if (fstat(f->fd, &st) < 0 || (unsigned long long)st.st_size > f->max_bytes)
		abort();
	for (const char *p = r->etag; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	for (const char *p = r->why.msg; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	if (r->why.class != ERR_NONE)
		return;
	if (r->bytes != (unsigned long long)st.st_size || digest_add_file(d, f->fd, 0, r->bytes, "file", &e) < 0)
		abort();
	digest_end(d, sha256);
	if (memcmp(sha256, r->digest, sizeof(sha256)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size > 0 ? memchr(data + 1, 0xff, size - 1) : NULL, *end = data + size;
	const struct buf no_ca = { 0 };
	auto_close int fd = memfd_create("part", MFD_CLOEXEC);
	struct fetch f = { .url = "http://127.0.0.1:1/file", .fd = fd, .ca = &no_ca, .max_bytes = MAX };
	struct fetch_result r;

	if (fd < 0 || size == 0 || size > 65536)
		return 0;
	asked = 0;
	answers[0].data = data + 1;
	answers[0].len = (size_t)((cut ? cut : end) - (data + 1));
	answers[1].data = cut ? cut + 1 : end;
	answers[1].len = (size_t)(end - answers[1].data);
	if (data[0] % 2 == 1) {
		f.etag = "\"one\"";
		if (file_write_all(fd, PART, strlen(PART)) < 0)
			abort();
	}
	fetch(&f, &r);
	check(&f, &r);
	return 0;
}
