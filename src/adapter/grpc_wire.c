/* SPDX-License-Identifier: Apache-2.0
 *
 * The half of gRPC that reads bytes from outside: frames, headers, trailers.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "adapter/grpc.h"
#include "base/text.h"

#define FRAME_HEAD	5 /* one byte of flags, four of length (PROTOCOL-HTTP2.md, Length-Prefixed-Message) */
#define GRPC_TYPE	"application/grpc"
#define CODE_UNREADABLE (-2)

static const char *code_name(int code)
{
	static const char *const names[] = {
		"OK",	     "CANCELLED",	"UNKNOWN",	     "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
		"NOT_FOUND", "ALREADY_EXISTS",	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
		"ABORTED",   "OUT_OF_RANGE",	"UNIMPLEMENTED",     "INTERNAL",	   "UNAVAILABLE",
		"DATA_LOSS", "UNAUTHENTICATED",
	};

	return code >= 0 && (size_t)code < ARRAY_LEN(names) ? names[code] : "a code that gRPC does not have";
}

static uint32_t frame_length(const struct buf *body)
{
	uint32_t length;

	memcpy(&length, body->data + 1, sizeof(length));
	return ntohl(length);
}

/* The head of the first frame, once it is there. */
static int check_head(const struct buf *body, struct err *e)
{
	if (body->len < FRAME_HEAD)
		return 0;
	/* Without grpc-accept-encoding no frame may be compressed. */
	if (body->data[0] != 0)
		return grpc_fail(e, GRPC_INTERNAL, "the answer is not plain gRPC (frame flags %u)",
				 (unsigned char)body->data[0]);
	if (frame_length(body) > GRPC_MAX_MESSAGE)
		return grpc_fail(e, GRPC_RESOURCE_EXHAUSTED,
				 "the answer is too large (%u bytes, at most %zu are taken)", frame_length(body),
				 GRPC_MAX_MESSAGE);
	return 0;
}

int grpc_body_add(struct buf *body, const void *data, size_t len, struct err *e)
{
	buf_add(body, data, len);
	if (check_head(body, e) < 0)
		return -1;
	if (body->len >= FRAME_HEAD && body->len - FRAME_HEAD > frame_length(body))
		return grpc_fail(e, GRPC_INTERNAL, "two answers came to one request");
	return 0;
}

int grpc_stream_add(struct buf *part, const void *data, size_t len, grpc_take *take, void *arg, struct err *e)
{
	size_t at = 0;
	int rc = 0;

	buf_add(part, data, len);
	while (rc == 0) {
		struct buf rest = { .data = part->data + at, .len = part->len - at };
		struct buf message;

		rc = check_head(&rest, e);
		if (rc < 0 || rest.len < FRAME_HEAD || rest.len - FRAME_HEAD < frame_length(&rest))
			break;
		message = (struct buf){ .data = rest.data + FRAME_HEAD, .len = frame_length(&rest) };
		rc = take(arg, &message, e);
		at += FRAME_HEAD + message.len;
	}
	part->len -= at;
	memmove(part->data, part->data + at, part->len + 1); /* and its '\0' */
	return rc;
}

int grpc_stream_end(const struct buf *part, struct err *e)
{
	return part->len == 0
		       ? 0
		       : grpc_fail(e, GRPC_INTERNAL,
				   "the answer ends in the middle of a message (%zu bytes of it came)", part->len);
}

int grpc_body_end(const struct buf *body, struct buf *message, struct err *e)
{
	if (body->len == 0)
		return grpc_fail(e, GRPC_INTERNAL, "it reports success without an answer");
	if (body->len < FRAME_HEAD || body->len - FRAME_HEAD < frame_length(body))
		return grpc_fail(e, GRPC_INTERNAL, "the answer ends in the middle of a message (%zu bytes of it came)",
				 body->len);
	buf_add(message, body->data + FRAME_HEAD, body->len - FRAME_HEAD);
	return 0;
}

/* Text of the server, for a message: percent-decoded as grpc-message is; what is malformed is kept. */
static void decode(const char *from, char *to, size_t room)
{
	char *text = curl_easy_unescape(NULL, from, 0, NULL);

	(void)snprintf(to, room, "%s", text ? text : "");
	curl_free(text);
	text_printable(to);
}

/* "HTTP/2 200": begins a header block and forgets the one before, as one of 1xx. */
static void status_line(struct grpc_head *h, const char *line)
{
	char number[4] = "";
	uint64_t status = 0;

	(void)sscanf(line, "%*s %3s", number);
	(void)text_parse_u64(number, 100, 999, &status);
	*h = (struct grpc_head){ .http2 = text_starts(line, "HTTP/2"), .code = -1, .http_status = (long)status };
}

static bool is_grpc_type(const char *type)
{
	const size_t len = strlen(GRPC_TYPE);

	return strncasecmp(type, GRPC_TYPE, len) == 0 && strchr("+;", type[len]); /* or at its end */
}

void grpc_head_line(struct grpc_head *h, const char *line, size_t len)
{
	char copy[1024];
	char *name = copy, *value;
	uint64_t code;

	while (len > 0 && strchr("\r\n \t", line[len - 1]))
		len--;
	/* A longer line is cut: no text that counts is that long. */
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)(len < sizeof(copy) ? len : sizeof(copy) - 1), line);
	if (text_starts(copy, "HTTP/")) {
		status_line(h, copy);
		return;
	}
	value = strchr(copy, ':');
	if (!value)
		return;
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(name, "content-type") == 0) {
		h->is_grpc = is_grpc_type(value);
		decode(value, h->content_type, sizeof(h->content_type));
	} else if (strcasecmp(name, "grpc-status") == 0) {
		h->code = text_parse_u64(value, 0, INT16_MAX, &code) ? (int)code : CODE_UNREADABLE;
	} else if (strcasecmp(name, "grpc-message") == 0) {
		decode(value, h->message, sizeof(h->message));
	}
}

int grpc_head_verdict(const struct grpc_head *h, struct err *e)
{
	if (h->http_status == 0)
		return grpc_fail(e, GRPC_INTERNAL, "no answer came");
	if (!h->http2)
		return grpc_fail(e, GRPC_INTERNAL,
				 "HTTP/1 answers here (status %ld), not gRPC: this is not an etcd client port",
				 h->http_status);
	if (h->http_status != 200)
		return grpc_fail(e, GRPC_INTERNAL, "HTTP status %ld instead of gRPC: this is not an etcd client port",
				 h->http_status);
	if (!h->is_grpc)
		return grpc_fail(e, GRPC_INTERNAL, "the answer is %s instead of gRPC: this is not an etcd client port",
				 h->content_type[0] ? h->content_type : "something without a content-type");
	if (h->code == CODE_UNREADABLE)
		return grpc_fail(e, GRPC_INTERNAL, "the answer has an unreadable grpc-status");
	if (h->code < 0)
		return grpc_fail(e, GRPC_INTERNAL, "the answer breaks off: it has no grpc-status");
	if (h->code != GRPC_OK)
		return grpc_fail(e, h->code, "%s (%s)", h->message[0] ? h->message : "no reason given",
				 code_name(h->code));
	return 0;
}
