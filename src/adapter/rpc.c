/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/rpc.h"

#include <string.h>

#include "base/text.h"
#include "etcd.pb-c.h"

/* Far more than any cluster has (etcd advises at most 7): a longer list is refused. */
#define MAX_MEMBERS 256

#define COMPARE_MOD_REVISION 2

static void pack(const ProtobufCMessage *ask, struct buf *request)
{
	const size_t len = protobuf_c_message_get_packed_size(ask);

	*request = (struct buf){ .data = xcalloc(len + 1, 1), .len = len, .cap = len + 1 };
	(void)protobuf_c_message_pack(ask, (uint8_t *)request->data);
}

/*
 * One call of "Service/Method": packs ask and unpacks the answer as `type`, whose struct it returns; freed by
 * free_message. protobuf-c checks every length against the buffer, which grpc_unary has capped.
 */
static void *call(struct grpc *g, const char *method, const ProtobufCMessage *ask,
		  const ProtobufCMessageDescriptor *type, struct err *e)
{
	auto_buf struct buf request = { 0 }, reply = { 0 };
	auto_free char *path = xasprintf("/etcdserverpb.%s", method);
	const char *name = strchr(method, '/') + 1;
	ProtobufCMessage *answer;

	pack(ask, &request);
	if (grpc_unary(g, path, &request, &reply, e) < 0) {
		(void)err_wrap(e, "%s", name);
		return NULL;
	}
	answer = protobuf_c_message_unpack(type, NULL, reply.len, (const uint8_t *)buf_str(&reply));
	if (!answer)
		(void)grpc_fail(e, GRPC_INTERNAL, "%s: %s: the answer cannot be decoded", name, grpc_url(g));
	return answer;
}

static void free_message(void *m)
{
	protobuf_c_message_free_unpacked(*(ProtobufCMessage **)m, NULL);
}

/* A copy of text that ends up on a terminal. */
static char *safe(const char *s)
{
	char *copy = xstrdup(s);

	text_printable(copy);
	return copy;
}

static char **safe_strv(char *const *list, size_t n)
{
	char **v = NULL;

	for (size_t i = 0; i < n; i++) {
		strv_add(&v, list[i]);
		text_printable(v[i]);
	}
	return v;
}

int rpc_status(struct grpc *g, struct rpc_status *out, struct err *e)
{
	const Etcdserverpb__Empty ask = ETCDSERVERPB__EMPTY__INIT;
	cleanup(free_message) Etcdserverpb__StatusReply *r =
		call(g, "Maintenance/Status", &ask.base, &etcdserverpb__status_reply__descriptor, e);

	if (!r)
		return -1;
	*out = (struct rpc_status){
		.cluster_id = r->header ? r->header->cluster_id : 0,
		.member_id = r->header ? r->header->member_id : 0,
		.revision = r->header ? r->header->revision : 0,
		.leader = r->leader,
		.raft_term = r->raft_term,
		.raft_index = r->raft_index,
		.raft_applied_index = r->raft_applied_index,
		.db_size = r->db_size,
		.db_size_in_use = r->db_size_in_use,
		.db_quota = r->db_size_quota,
		.is_learner = r->is_learner,
	};
	(void)snprintf(out->version, sizeof(out->version), "%s", r->version);
	text_printable(out->version);
	return 0;
}

static int copy_members(const struct grpc *g, const Etcdserverpb__Header *header, Etcdserverpb__Member *const *list,
			size_t n, struct rpc_members *out, struct err *e)
{
	if (n > MAX_MEMBERS)
		return grpc_fail(e, GRPC_INTERNAL, "MemberList: %s: %zu members are listed, more than any cluster has",
				 grpc_url(g), n);
	*out = (struct rpc_members){ .cluster_id = header ? header->cluster_id : 0,
				     .list = xcalloc(n + 1, sizeof(*out->list)),
				     .n = n };
	for (size_t i = 0; i < n; i++) {
		const Etcdserverpb__Member *from = list[i];

		out->list[i] = (struct rpc_member){ .id = from->id,
						    .name = safe(from->name),
						    .peer_urls = safe_strv(from->peer_urls, from->n_peer_urls),
						    .client_urls = safe_strv(from->client_urls, from->n_client_urls),
						    .is_learner = from->is_learner };
	}
	return 0;
}

int rpc_member_list(struct grpc *g, bool linearizable, struct rpc_members *out, struct err *e)
{
	Etcdserverpb__MemberListAsk ask = ETCDSERVERPB__MEMBER_LIST_ASK__INIT;
	cleanup(free_message) Etcdserverpb__MemberListReply *r = NULL;

	ask.linearizable = linearizable;
	r = call(g, "Cluster/MemberList", &ask.base, &etcdserverpb__member_list_reply__descriptor, e);
	if (!r)
		return -1;
	return copy_members(g, r->header, r->members, r->n_members, out, e);
}

void rpc_members_free(struct rpc_members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->list[i].name);
		strv_free(m->list[i].peer_urls);
		strv_free(m->list[i].client_urls);
	}
	free(m->list);
	*m = (struct rpc_members){ 0 };
}

int rpc_member_add(struct grpc *g, const char *peer_url, uint64_t *id, struct rpc_members *after, struct err *e)
{
	auto_free char *url = xstrdup(peer_url);
	Etcdserverpb__MemberAddAsk ask = ETCDSERVERPB__MEMBER_ADD_ASK__INIT;
	cleanup(free_message) Etcdserverpb__MemberAddReply *r = NULL;

	ask.n_peer_urls = 1;
	ask.peer_urls = &url;
	ask.is_learner = true;
	r = call(g, "Cluster/MemberAdd", &ask.base, &etcdserverpb__member_add_reply__descriptor, e);
	if (!r)
		return -1;
	*id = r->member ? r->member->id : 0;
	return copy_members(g, r->header, r->members, r->n_members, after, e);
}

int rpc_change(struct grpc *g, const char *method, uint64_t id, const char *peer_url, struct err *e)
{
	auto_free char *url = peer_url ? xstrdup(peer_url) : NULL;
	Etcdserverpb__ChangeAsk ask = ETCDSERVERPB__CHANGE_ASK__INIT;
	cleanup(free_message) void *r = NULL;

	ask.id = id;
	ask.n_peer_urls = url != NULL;
	ask.peer_urls = &url;
	r = call(g, method, &ask.base, &etcdserverpb__header_reply__descriptor, e);
	return r ? 0 : -1;
}

enum rpc_refusal rpc_refusal(const struct err *e)
{
	static const struct {
		const char *words;
		enum rpc_refusal is;
	} known[] = {
		{ "unhealthy cluster", RPC_UNHEALTHY },
		{ "too many learner members", RPC_TOO_MANY_LEARNERS },
		{ "in sync with leader", RPC_NOT_IN_SYNC },
		{ "rpc not supported for learner", RPC_ASKED_LEARNER },
	};

	if (e->rpc == GRPC_FAILED_PRECONDITION || e->rpc == GRPC_UNAVAILABLE) {
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if (strstr(e->msg, known[i].words))
				return known[i].is;
	}
	if (e->rpc == GRPC_UNAVAILABLE || e->rpc == GRPC_DEADLINE_EXCEEDED || e->rpc == GRPC_UNKNOWN ||
	    e->rpc == GRPC_INTERNAL)
		return RPC_UNKNOWN_OUTCOME;
	return RPC_REFUSED;
}

const char *rpc_alarm_name(enum rpc_alarm_kind kind)
{
	static const char *const names[] = {
		[RPC_ALARM_NONE] = "NONE", [RPC_ALARM_NOSPACE] = "NOSPACE", [RPC_ALARM_CORRUPT] = "CORRUPT"
	};

	return (size_t)kind < ARRAY_LEN(names) ? names[kind] : "an alarm unknown to this version of etcd-cluster";
}

int rpc_alarms(struct grpc *g, struct rpc_alarm **list, size_t *n, struct err *e)
{
	const Etcdserverpb__Empty ask = ETCDSERVERPB__EMPTY__INIT;
	cleanup(free_message) Etcdserverpb__AlarmReply *r =
		call(g, "Maintenance/Alarm", &ask.base, &etcdserverpb__alarm_reply__descriptor, e);

	if (!r)
		return -1;
	*n = r->n_alarms;
	*list = xcalloc(r->n_alarms + 1, sizeof(**list));
	for (size_t i = 0; i < r->n_alarms; i++)
		(*list)[i] = (struct rpc_alarm){ .member_id = r->alarms[i]->member_id,
						 .kind = (enum rpc_alarm_kind)r->alarms[i]->alarm };
	return 0;
}

static ProtobufCBinaryData bytes(char *text)
{
	return (ProtobufCBinaryData){ .data = (uint8_t *)text, .len = strlen(text) };
}

/* In printable form. The caller frees. */
static char *text_of(const ProtobufCBinaryData *value)
{
	char *text = xstrndup(value->len > 0 ? (const char *)value->data : "", value->len);

	text_printable(text);
	return text;
}

int rpc_health(struct grpc *g, bool learner, struct err *e)
{
	char key[] = "health"; /* as etcd's /health and etcdctl read */
	Etcdserverpb__RangeAsk ask = ETCDSERVERPB__RANGE_ASK__INIT;
	cleanup(free_message) void *r = NULL;

	ask.key = bytes(key);
	ask.serializable = learner;
	ask.keys_only = true;
	r = call(g, "KV/Range", &ask.base, &etcdserverpb__header_reply__descriptor, e);
	if (r)
		return 0;
	if (e->rpc != GRPC_PERMISSION_DENIED)
		return -1;
	err_clear(e);
	return 0;
}

int rpc_put(struct grpc *g, const char *key, const char *value, struct err *e)
{
	auto_free char *own_key = xstrdup(key), *own_value = xstrdup(value);
	Etcdserverpb__PutAsk ask = ETCDSERVERPB__PUT_ASK__INIT;
	cleanup(free_message) void *r = NULL;

	ask.key = bytes(own_key);
	ask.value = bytes(own_value);
	r = call(g, "KV/Put", &ask.base, &etcdserverpb__header_reply__descriptor, e);
	return r ? 0 : -1;
}

int rpc_get(struct grpc *g, const char *key, bool quorum, char **value, int64_t *revision, struct err *e)
{
	auto_free char *own_key = xstrdup(key);
	Etcdserverpb__RangeAsk ask = ETCDSERVERPB__RANGE_ASK__INIT;
	cleanup(free_message) Etcdserverpb__RangeReply *r = NULL;
	const Etcdserverpb__KeyValue *kv;

	*value = NULL;
	*revision = 0;
	ask.key = bytes(own_key);
	ask.serializable = !quorum;
	r = call(g, "KV/Range", &ask.base, &etcdserverpb__range_reply__descriptor, e);
	if (!r)
		return -1;
	if (r->n_kvs == 0)
		return 0;
	kv = r->kvs[0];
	*value = text_of(&kv->value);
	*revision = kv->mod_revision;
	return 1;
}

/* Does op in one step if the last change of the key still is of that revision. 1 done, 0 it is not, -1. */
static int txn_if(struct grpc *g, ProtobufCBinaryData key, int64_t revision, Etcdserverpb__RequestOp *op, struct err *e)
{
	Etcdserverpb__Compare compare = ETCDSERVERPB__COMPARE__INIT, *compares[] = { &compare };
	Etcdserverpb__TxnAsk ask = ETCDSERVERPB__TXN_ASK__INIT;
	cleanup(free_message) Etcdserverpb__TxnReply *r = NULL;

	compare.target = COMPARE_MOD_REVISION;
	compare.key = key;
	compare.mod_revision = revision;
	ask.n_compare = ask.n_success = 1;
	ask.compare = compares;
	ask.success = &op;
	r = call(g, "KV/Txn", &ask.base, &etcdserverpb__txn_reply__descriptor, e);
	return r ? r->succeeded : -1;
}

int rpc_put_if(struct grpc *g, const char *key, int64_t revision, const char *value, struct err *e)
{
	auto_free char *own_key = xstrdup(key), *own_value = xstrdup(value);
	Etcdserverpb__RequestOp op = ETCDSERVERPB__REQUEST_OP__INIT;
	Etcdserverpb__PutAsk put = ETCDSERVERPB__PUT_ASK__INIT;

	put.key = bytes(own_key);
	put.value = bytes(own_value);
	op.put = &put;
	return txn_if(g, put.key, revision, &op, e);
}

int rpc_is_at(struct grpc *g, const char *key, int64_t revision, struct err *e)
{
	auto_free char *own_key = xstrdup(key);
	Etcdserverpb__RequestOp op = ETCDSERVERPB__REQUEST_OP__INIT;
	Etcdserverpb__RangeAsk range = ETCDSERVERPB__RANGE_ASK__INIT;

	/* With a read that needs a quorum in it: without one etcd compares with what this member has. */
	range.key = bytes(own_key);
	op.range = &range;
	return txn_if(g, range.key, revision, &op, e);
}

int rpc_values(struct grpc *g, const char *prefix, char ***values, struct err *e)
{
	auto_free char *from = xstrdup(prefix), *to = xstrdup(prefix);
	Etcdserverpb__RangeAsk ask = ETCDSERVERPB__RANGE_ASK__INIT;
	cleanup(free_message) Etcdserverpb__RangeReply *r = NULL;

	/* The range ends before the first key that does not begin with the prefix. */
	to[strlen(to) - 1]++;
	ask.key = bytes(from);
	ask.range_end = bytes(to);
	ask.serializable = true;
	r = call(g, "KV/Range", &ask.base, &etcdserverpb__range_reply__descriptor, e);
	if (!r)
		return -1;
	*values = NULL;
	for (size_t i = 0; i < r->n_kvs; i++) {
		auto_free char *text = text_of(&r->kvs[i]->value);

		strv_add(values, text);
	}
	return 0;
}

/* --- Snapshots. */

struct snapshot {
	rpc_piece *take;
	void *arg;
};

static int take_piece(void *arg, const struct buf *message, struct err *e)
{
	const struct snapshot *s = arg;
	cleanup(free_message) Etcdserverpb__SnapshotReply *piece = (void *)protobuf_c_message_unpack(
		&etcdserverpb__snapshot_reply__descriptor, NULL, message->len, (const uint8_t *)buf_str(message));

	if (!piece)
		return grpc_fail(e, GRPC_INTERNAL, "a piece of the snapshot cannot be decoded");
	return s->take(s->arg, piece->blob.data, piece->blob.len, piece->remaining_bytes, e);
}

int rpc_snapshot(struct grpc *g, unsigned int stall_s, rpc_piece *take, void *arg, struct err *e)
{
	struct snapshot s = { take, arg };
	struct buf request = { 0 };
	int rc = grpc_stream(g, "/etcdserverpb.Maintenance/Snapshot", &request, stall_s, take_piece, &s, e);

	return rc < 0 ? err_wrap(e, "Snapshot") : 0;
}

int rpc_count(struct grpc *g, int64_t revision, int64_t *keys, struct err *e)
{
	uint8_t zero = 0; /* as key and end of the range: all keys */
	Etcdserverpb__RangeAsk ask = ETCDSERVERPB__RANGE_ASK__INIT;
	cleanup(free_message) Etcdserverpb__RangeReply *r = NULL;

	ask.key = ask.range_end = (ProtobufCBinaryData){ .data = &zero, .len = 1 };
	ask.revision = revision;
	ask.serializable = true;
	ask.count_only = true;
	r = call(g, "KV/Range", &ask.base, &etcdserverpb__range_reply__descriptor, e);
	*keys = r ? r->count : 0;
	return r ? 0 : -1;
}

int rpc_hash_kv(struct grpc *g, int64_t revision, uint32_t *hash, int64_t *compacted, struct err *e)
{
	Etcdserverpb__HashKVAsk ask = ETCDSERVERPB__HASH_KVASK__INIT;
	cleanup(free_message) Etcdserverpb__HashKVReply *r = NULL;

	ask.revision = revision;
	r = call(g, "Maintenance/HashKV", &ask.base, &etcdserverpb__hash_kvreply__descriptor, e);
	*hash = r ? r->hash : 0;
	*compacted = r ? r->compact_revision : 0;
	return r ? 0 : -1;
}
