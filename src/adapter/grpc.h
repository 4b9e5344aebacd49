/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC as etcd speaks it, over HTTP/2 and mutual TLS, by libcurl: unary calls, and answers in many messages. The wire
 * format is the gRPC project's PROTOCOL-HTTP2.md, tried on etcd 3.4 to 3.7.
 */
#pragma once

#include "base/buf.h"

/* Status codes that callers branch on. */
enum grpc_code {
	GRPC_OK = 0,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

/* Largest answer: etcd's --max-request-bytes is 1.5 MiB by default. */
#define GRPC_MAX_MESSAGE ((size_t)8 << 20)

struct grpc_endpoint {
	const char *url;			    /* "https://[::1]:2379"; https only */
	const char *ca_file, *cert_file, *key_file; /* PEM */
	unsigned int timeout_ms;		    /* for each call, connecting included */
	unsigned int connect_ms;		    /* for connecting, TLS included; 0: as timeout_ms */
};

struct grpc;
#define auto_grpc cleanup(grpc_close)

/*
 * A session: its calls share one connection, which the first one makes. NULL (ERR_CONFIG) when one of the files
 * cannot be read or the URL is not an https URL; nothing is sent yet. Copies the endpoint. The caller closes it.
 * Sessions are opened and closed by one thread; each may be used by another one in between.
 */
struct grpc *grpc_open(const struct grpc_endpoint *to, struct err *e);
void grpc_close(struct grpc **g);

/* All calls from now on, together, end within ms; a later one fails as if nobody had answered. */
void grpc_until(struct grpc *g, unsigned int ms);

/* All calls from now on go through this Unix socket; the URL is what the server's certificate must be for. */
void grpc_use_socket(struct grpc *g, const char *path);

/* The endpoint's URL, for messages. */
const char *grpc_url(const struct grpc *g);

/*
 * Calls a method ("/etcdserverpb.Maintenance/Status") and appends its one answer, up to GRPC_MAX_MESSAGE, to reply. 0
 * only when the server sent exactly one message and grpc-status 0. Failures are ERR_HEALTH with e->rpc set: to the
 * server's code, or to GRPC_UNAVAILABLE (no connection), GRPC_DEADLINE_EXCEEDED, GRPC_INTERNAL (the answer is not
 * proper gRPC) or GRPC_UNAUTHENTICATED (TLS: one side does not trust the other).
 */
int grpc_unary(struct grpc *g, const char *method, const struct buf *request, struct buf *reply,
	       struct err *e) MUST_CHECK;

/* Takes one message of a stream. On failure -1 with e filled: the call ends with that error. */
typedef int grpc_take(void *arg, const struct buf *message, struct err *e);

/*
 * Calls a method whose answer is any number of messages, and hands over each one as it comes: only one is in memory.
 * There is no time limit for the whole; it fails when less than a byte a second has come for stall_s seconds, writing
 * what was taken included. 0 only when the stream ended with grpc-status 0; failures as for grpc_unary, or take's.
 */
int grpc_stream(struct grpc *g, const char *method, const struct buf *request, unsigned int stall_s, grpc_take *take,
		void *arg, struct err *e) MUST_CHECK;

/* err_set of class ERR_HEALTH with a gRPC code: -1. */
#define grpc_fail(e, code, ...) (err_set(e, ERR_HEALTH, __VA_ARGS__), (e)->rpc = (code), -1)

/* --- The parts that read bytes from outside (grpc_wire.c), apart so that they can be tested and fuzzed. */

/*
 * Takes the next bytes of the body of an answer, which is one frame with one message. An error as soon as it cannot
 * become that.
 */
int grpc_body_add(struct buf *body, const void *data, size_t len, struct err *e) MUST_CHECK;

/* The body is over: appends its message. */
int grpc_body_end(const struct buf *body, struct buf *message, struct err *e) MUST_CHECK;

/*
 * Takes the next bytes of the body of a stream: part keeps those of a message that is not whole yet. grpc_stream_end:
 * the body is over, and must not end in the middle of a message.
 */
int grpc_stream_add(struct buf *part, const void *data, size_t len, grpc_take *take, void *arg,
		    struct err *e) MUST_CHECK;
int grpc_stream_end(const struct buf *part, struct err *e) MUST_CHECK;

/* What the headers and trailers said. */
struct grpc_head {
	bool http2;
	long http_status;	/* of the last header block; 0: none yet */
	bool is_grpc;		/* content-type: application/grpc */
	int code;		/* grpc-status, or -1 when there was none */
	char message[512];	/* grpc-message, percent-decoded */
	char content_type[128]; /* for the message about a wrong one */
};

/* Takes one line as libcurl hands it over: a status line, a header, a trailer or an empty line. */
void grpc_head_line(struct grpc_head *h, const char *line, size_t len);

/* The verdict on a finished exchange: 0, or -1. */
int grpc_head_verdict(const struct grpc_head *h, struct err *e) MUST_CHECK;
