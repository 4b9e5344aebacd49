/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC as etcd speaks it: unary calls and server streams over HTTP/2 and mutual TLS, by libcurl.
 * The wire format is the gRPC project's PROTOCOL-HTTP2.md; what etcd makes of it was tried on 3.4 to 3.7.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Status codes that callers branch on; the text beside a code is for people only. */
enum grpc_code {
	GRPC_OK = 0,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

/* "UNAVAILABLE" and so on, as the specification names them; never NULL. */
const char *grpc_code_name(int code);

/* Largest answer to a unary call: four times what etcd itself sends at most by default (--max-request-bytes is 1.5 MiB). */
#define GRPC_MAX_MESSAGE ((size_t)8 << 20)

struct grpc_endpoint {
	const char *url;			    /* "https://[::1]:2379"; nothing but https is spoken */
	const char *ca_file, *cert_file, *key_file; /* PEM */
	unsigned int timeout_ms;		    /* for each call, connecting included */
	unsigned int connect_ms;		    /* for connecting, TLS included; 0: as timeout_ms */
};

struct grpc;
#define auto_grpc cleanup(grpc_close_ptr)

/*
 * A session: its calls share one connection, which the first one makes. Says ERR_CONFIG when one of the files cannot be read or
 * the URL is no https URL; does not go to the network yet. Copies the endpoint. The caller closes it.
 * Sessions are opened and closed by one thread; each may be used by another one in between.
 */
struct grpc *grpc_open(const struct grpc_endpoint *to, struct err *e);
void grpc_close(struct grpc *g);
void grpc_close_ptr(struct grpc **g);

/* All calls from now on, together, end within ms; one that is made later fails as if nobody had answered. */
void grpc_until(struct grpc *g, unsigned int ms);

/* The endpoint's URL, for messages. */
const char *grpc_url(const struct grpc *g);

/*
 * Calls a method ("/etcdserverpb.Maintenance/Status"). on_message gets each message of the answer, whole; a -1 from it ends the call with
 * its error. Messages above max bytes are refused. 0 only when the server said grpc-status 0.
 * Failures are ERR_HEALTH with e->rpc set: to the server's code, or to GRPC_UNAVAILABLE (no connection), GRPC_DEADLINE_EXCEEDED,
 * GRPC_INTERNAL (what answered does not speak gRPC properly) or GRPC_UNAUTHENTICATED (TLS: one side does not trust the other).
 */
typedef int grpc_on_message(void *arg, const uint8_t *message, size_t len, struct err *e);
int grpc_stream(struct grpc *g, const char *method, const struct buf *request, size_t max, grpc_on_message *on_message,
		void *arg, struct err *e) MUST_CHECK;

/* The same for one answer, which is appended to reply (up to GRPC_MAX_MESSAGE). None or a second one is an error. */
int grpc_unary(struct grpc *g, const char *method, const struct buf *request, struct buf *reply,
	       struct err *e) MUST_CHECK;

/* --- The parts of it that meet bytes from outside, apart so that they can be tested and fuzzed. */

/* Cuts a body into messages. Set max, on_message and arg; the rest starts as zeros. */
struct grpc_frames {
	size_t max;
	grpc_on_message *on_message;
	void *arg;
	struct buf partial; /* the beginning of a frame whose rest has not come; freed with buf_free */
	size_t count;	    /* messages so far */
};

int grpc_frames_feed(struct grpc_frames *f, const void *data, size_t len, struct err *e) MUST_CHECK;

/* The body is over: an unfinished frame is an error. */
int grpc_frames_end(const struct grpc_frames *f, struct err *e) MUST_CHECK;

/* What the headers and trailers said. */
struct grpc_head {
	bool http2;
	long http_status;	/* of the last header block; 0: none yet */
	bool is_grpc;		/* content-type: application/grpc */
	int code;		/* grpc-status, or -1 when there was none */
	char message[512];	/* grpc-message, percent-decoded */
	char content_type[128]; /* for the message that says it is the wrong one */
};

/* Takes one line as libcurl hands it over: a status line, a header, a trailer or an empty line. */
void grpc_head_line(struct grpc_head *h, const char *line, size_t len);

/* The verdict of a finished exchange: 0, or -1 with e telling what is wrong with it. */
int grpc_head_verdict(const struct grpc_head *h, struct err *e) MUST_CHECK;
