/* SPDX-License-Identifier: Apache-2.0
 *
 * What etcd answers: adapter/rpc (a message in protobuf), adapter/peers (a list in JSON), adapter/handshake (the date
 * in headers). Two functions of adapter/grpc are replaced here, so that each call is answered with these bytes.
 */
#include <stdlib.h>

#include "adapter/handshake.h"
#include "adapter/peers.h"
#include "adapter/rpc.h"
#include "base/mem.h"

#define MEMBERS_MAX 256 /* rpc.c */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf bytes;

int grpc_unary(struct grpc *g, const char *method, const struct buf *request, struct buf *reply, struct err *e)
{
	(void)g;
	(void)method;
	(void)request;
	(void)e;
	buf_add(reply, bytes.data, bytes.len);
	return 0;
}

int grpc_stream(struct grpc *g, const char *method, const struct buf *request, unsigned int stall_s, grpc_take *take,
		void *arg, struct err *e)
{
	(void)g;
	(void)method;
	(void)request;
	(void)stall_s;
	return take(arg, &bytes, e);
}

static int piece(void *arg, const void *data, size_t len, uint64_t left, struct err *e)
{
	(void)arg;
	(void)data;
	(void)left;
	(void)e;
	if (len > bytes.len)
		abort();
	return 0;
}

const char *grpc_url(const struct grpc *g)
{
	(void)g;
	return "https://127.0.0.1:1";
}

static void must_be_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			abort();
}

static void look_at(const struct rpc_members *m)
{
	if (m->n > MEMBERS_MAX)
		abort();
	for (size_t i = 0; i < m->n; i++) {
		must_be_printable(m->list[i].name);
		for (char **url = m->list[i].peer_urls; url && *url; url++)
			must_be_printable(*url);
		for (char **url = m->list[i].client_urls; url && *url; url++)
			must_be_printable(*url);
	}
}

static void messages(void)
{
	cleanup(rpc_members_free) struct rpc_members list = { 0 }, added = { 0 };
	auto_free struct rpc_alarm *alarms = NULL;
	struct rpc_status status = { 0 };
	struct err e = { 0 };
	uint64_t id = 0;
	int64_t number;
	uint32_t hash;
	size_t n = 0;

	if (rpc_status(NULL, &status, &e) == 0)
		must_be_printable(status.version);
	if (rpc_member_list(NULL, true, &list, &e) == 0)
		look_at(&list);
	if (rpc_member_add(NULL, "https://127.0.0.1:2", &id, &added, &e) == 0)
		look_at(&added);
	if (rpc_alarms(NULL, &alarms, &n, &e) == 0)
		for (size_t i = 0; i < n; i++)
			must_be_printable(rpc_alarm_name(alarms[i].kind));
	if (rpc_change(NULL, "Cluster/MemberRemove", 1, NULL, &e) < 0 && rpc_refusal(&e) > RPC_ASKED_LEARNER)
		abort();
	(void)!rpc_health(NULL, false, &e);
	(void)!rpc_snapshot(NULL, 1, piece, NULL, &e);
	(void)!rpc_count(NULL, 1, &number, &e);
	(void)!rpc_hash_kv(NULL, 1, &hash, &number, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	time_t date = 0;

	buf_add(&bytes, data, size);
	messages();
	if (handshake_date(buf_str(&bytes), &date) && date <= 0)
		abort();
	(void)peers_find(buf_str(&bytes), "https://10.0.0.1:2380");
	buf_free(&bytes);
	return 0;
}
