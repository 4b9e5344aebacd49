/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/grpc: bytes of a hostile server in uneven pieces. The bytes before the first empty line are header lines, the
 * rest is a body.
 */
#include <stdlib.h>
#include <string.h>

#include "adapter/grpc.h"
#include "etcd.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The message is decoded as every type, like in rpc.c. */
static void decode(const struct buf *message)
{
	static const ProtobufCMessageDescriptor *const types[] = {
		&etcdserverpb__status_reply__descriptor,     &etcdserverpb__member_list_reply__descriptor,
		&etcdserverpb__member_add_reply__descriptor, &etcdserverpb__alarm_reply__descriptor,
		&etcdserverpb__header_reply__descriptor,     &etcdserverpb__snapshot_reply__descriptor,
		&etcdserverpb__hash_kvreply__descriptor,
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		ProtobufCMessage *m =
			protobuf_c_message_unpack(types[i], NULL, message->len, (const uint8_t *)buf_str(message));

		if (m)
			protobuf_c_message_free_unpacked(m, NULL);
	}
}

/* Of a stream. */
static int take(void *arg, const struct buf *message, struct err *e)
{
	(void)arg;
	(void)e;
	decode(message);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grpc_head head = { .code = -1 };
	auto_buf struct buf body = { 0 }, message = { 0 }, part = { 0 };
	struct err e = { 0 };
	const uint8_t *end = data + size;
	const uint8_t *newline;
	size_t piece = 1;
	bool streams = true;

	while ((newline = memchr(data, '\n', (size_t)(end - data)))) {
		size_t len = (size_t)(newline + 1 - data);

		grpc_head_line(&head, (const char *)data, len);
		data = newline + 1;
		if (len == 1)
			break;
	}
	for (; data < end; data += piece, piece = piece * 2 % 97 + 1) {
		if (piece > (size_t)(end - data))
			piece = (size_t)(end - data);
		streams = streams && grpc_stream_add(&part, data, piece, take, NULL, &e) == 0;
		if (grpc_body_add(&body, data, piece, &e) < 0 && !streams)
			break;
	}
	/* A success must follow the protocol exactly. */
	if (grpc_head_verdict(&head, &e) == 0 && (head.code != 0 || head.http_status != 200))
		abort();
	if (grpc_body_end(&body, &message, &e) == 0)
		decode(&message);
	return 0;
}
