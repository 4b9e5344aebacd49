/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/wal.h"

#include <endian.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jail.h"
#include "wal.pb-c.h"

/* walpb.Record.type */
enum { RECORD_METADATA = 1, RECORD_ENTRY, RECORD_STATE, RECORD_CRC, RECORD_SNAPSHOT };

/* More than enough for the two records that a segment begins with: 12 and some 40 bytes. */
#define WAL_HEAD 4096

static void free_message(void *m)
{
	protobuf_c_message_free_unpacked(*(ProtobufCMessage **)m, NULL);
}

/*
 * The record of the next frame; NULL when it is cut off or cannot be decoded. A frame begins with a little-endian
 * int64: the low 56 bits are the record's length; when it is negative, bits 56 to 58 count the padding (etcd,
 * wal/decoder.go).
 */
static Walpb__Record *take_record(const uint8_t **data, size_t *left)
{
	const uint8_t *record;
	uint64_t head, len, pad;

	if (*left < sizeof(head))
		return NULL;
	memcpy(&head, *data, sizeof(head));
	head = le64toh(head);
	len = head & 0x00ffffffffffffffULL;
	pad = head >> 63 ? head >> 56 & 7 : 0;
	*left -= sizeof(head);
	if (len + pad > *left)
		return NULL;
	record = *data + sizeof(head);
	*data = record + len + pad;
	*left -= (size_t)(len + pad);
	return (Walpb__Record *)protobuf_c_message_unpack(&walpb__record__descriptor, NULL, (size_t)len, record);
}

/* CRC-32C (RFC 3720, B.4), carried on from `crc`. */
static uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t len)
{
	static uint32_t table[256];

	for (uint32_t i = 0; table[255] == 0 && i < ARRAY_LEN(table); i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0x82f63b78U : 0);
	}
	crc = ~crc;
	for (size_t i = 0; i < len; i++)
		crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
	return ~crc;
}

int wal_parse_ids(const char *name, const uint8_t *data, size_t len, struct wal_ids *ids, struct err *e)
{
	cleanup(free_message) Walpb__Record *crc = take_record(&data, &len);
	cleanup(free_message) Walpb__Record *meta = crc ? take_record(&data, &len) : NULL;
	cleanup(free_message) Walpb__Metadata *who = NULL;

	if (!meta || crc->type != RECORD_CRC || meta->type != RECORD_METADATA)
		return err_set(e, ERR_FAIL, "%s is damaged: it does not begin as etcd's log does", name);
	if (crc32c(crc->crc, meta->data.data, meta->data.len) != meta->crc)
		return err_set(e, ERR_FAIL, "%s is damaged: the checksum of its first record is wrong", name);
	who = (Walpb__Metadata *)protobuf_c_message_unpack(&walpb__metadata__descriptor, NULL, meta->data.len,
							   meta->data.data);
	if (!who || who->node_id == 0 || who->cluster_id == 0)
		return err_set(e, ERR_FAIL, "%s is damaged: its first record does not name a member and a cluster",
			       name);
	*ids = (struct wal_ids){ .cluster = who->cluster_id, .member = who->node_id };
	return 0;
}

/* "0000000000000001-00000000000003e8.wal": sequence and index in hex. */
static bool is_segment(const char *name)
{
	return strlen(name) == 37 && strspn(name, "0123456789abcdef") == 16 && name[16] == '-' &&
	       strspn(name + 17, "0123456789abcdef") == 16 && strcmp(name + 33, ".wal") == 0;
}

/* The first bytes of a segment, for a child. */
struct head {
	const char *path;
	uint8_t bytes[WAL_HEAD];
	size_t len;
};

static int parse_head(void *arg, void *result, struct err *e)
{
	const struct head *h = arg;

	return wal_parse_ids(h->path, h->bytes, h->len, result, e);
}

int wal_read_ids(const char *dir, struct wal_ids *ids, struct err *e)
{
	const struct jail jail = { .keep = (const int[]){ -1 }, .memory_bytes = 16ULL << 20, .cpu_seconds = 2 };
	auto_strv char **segments = NULL;
	auto_free char *path = NULL;
	auto_close int fd = -1;
	struct head h = { .path = NULL };
	ssize_t n;

	if (file_list(dir, is_segment, &segments, e) < 0)
		return -1;
	if (!segments)
		return 0;
	path = xasprintf("%s/%s", dir, segments[0]);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	n = fd < 0 ? -1 : pread(fd, h.bytes, sizeof(h.bytes), 0);
	if (n < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", path);
	h.path = path;
	h.len = (size_t)n;
	return jail_run(&jail, parse_head, &h, ids, sizeof(*ids), e) < 0 ? -1 : 1;
}

/* ---- The whole log --------------------------------------------------------------------------------------------- */

/* etcd begins another segment after 64 MiB and the entries that it is writing. */
#define SEGMENT_MAX ((size_t)192 << 20)
#define SECTOR	    512U

struct log {
	uint64_t cluster; /* the cluster ID to write; 0: everything stays */
	bool begun, has_entry;
	uint32_t crc, new_crc; /* of all data so far, as read and as written */
	uint64_t state_term, vote;
	struct wal_end end;
};

static void *unpack(const ProtobufCMessageDescriptor *type, const Walpb__Record *r)
{
	return protobuf_c_message_unpack(type, NULL, r->data.len, r->data.data);
}

/* Makes the message the data of the record, which frees it. */
static void set_data(Walpb__Record *r, const ProtobufCMessage *message)
{
	free(r->data.data);
	r->data.len = protobuf_c_message_get_packed_size(message);
	r->data.data = xcalloc(r->data.len, 1);
	(void)protobuf_c_message_pack(message, r->data.data);
}

static void put_record(struct buf *out, const Walpb__Record *r)
{
	const size_t len = protobuf_c_message_get_packed_size(&r->base), pad = (8 - len % 8) % 8;
	const uint64_t head = htole64(len | (pad ? (uint64_t)(0x80 | pad) << 56 : 0));
	auto_free uint8_t *bytes = xcalloc(len + pad, 1);

	(void)protobuf_c_message_pack(&r->base, bytes);
	buf_add(out, &head, sizeof(head));
	buf_add(out, bytes, len + pad);
}

/* What a record means for the log. False when it cannot be decoded. */
static bool interpret(struct log *log, Walpb__Record *r)
{
	cleanup(free_message) Walpb__Metadata *who = NULL;
	cleanup(free_message) Walpb__Entry *entry = NULL;
	cleanup(free_message) Walpb__HardState *state = NULL;
	cleanup(free_message) Walpb__Snapshot *snapshot = NULL;
	struct wal_end *end = &log->end;

	if (r->type == RECORD_METADATA && (who = unpack(&walpb__metadata__descriptor, r))) {
		who->cluster_id = log->cluster ? log->cluster : who->cluster_id;
		set_data(r, &who->base);
	} else if (r->type == RECORD_ENTRY && (entry = unpack(&walpb__entry__descriptor, r))) {
		/* One with an index that was there before replaces that and all after it. */
		*end = (struct wal_end){ entry->term, entry->index, end->commit };
		log->has_entry = true;
	} else if (r->type == RECORD_STATE && (state = unpack(&walpb__hard_state__descriptor, r))) {
		log->state_term = state->term;
		log->vote = state->vote;
		end->commit = state->commit;
	} else if (r->type == RECORD_SNAPSHOT && (snapshot = unpack(&walpb__snapshot__descriptor, r))) {
		/* Newer than the entries: the leader sent it in their place, and none of them counts. */
		if (snapshot->term > end->term || snapshot->index > end->index)
			*end = (struct wal_end){ snapshot->term, snapshot->index, end->commit };
	} else {
		return false;
	}
	return true;
}

/* Checks the next record, and makes it that of the new log. False when it is damaged. */
static bool take(struct log *log, Walpb__Record *r)
{
	if (r->type == RECORD_CRC) { /* a segment begins with the CRC of those before it */
		if (log->begun && r->crc != log->crc)
			return false;
		log->new_crc = log->begun ? log->new_crc : r->crc;
		log->crc = r->crc;
		log->begun = true;
	} else {
		log->crc = crc32c(log->crc, r->data.data, r->data.len);
		if (!log->begun || r->crc != log->crc || !interpret(log, r))
			return false;
		log->new_crc = crc32c(log->new_crc, r->data.data, r->data.len);
	}
	r->crc = log->new_crc;
	return true;
}

/* The disk had not written all of it when power failed (etcd, wal/decoder.go, isTornEntry). */
static bool has_empty_sector(const uint8_t *file, size_t from, size_t to)
{
	static const uint8_t zeros[SECTOR];

	for (size_t end; from < to; from = end) {
		end = from - from % SECTOR + SECTOR;
		end = end < to ? end : to;
		if (memcmp(file + from, zeros, end - from) == 0)
			return true;
	}
	return false;
}

/* Takes all records of a segment. The last one ends at its first torn record: that was never acknowledged. */
static int take_segment(struct log *log, const char *path, const struct buf *in, bool last, struct buf *out,
			struct err *e)
{
	const uint8_t *const file = (const uint8_t *)in->data, *data = file;
	size_t left = in->len;

	/* A length of 0: space that etcd allocated beforehand. */
	while (left >= sizeof(uint64_t) && memcmp(data, &(uint64_t){ 0 }, sizeof(uint64_t)) != 0) {
		const uint8_t *begin = data;
		cleanup(free_message) Walpb__Record *record = take_record(&data, &left);

		if (record && take(log, record))
			put_record(out, record);
		else if (last &&
			 (data == begin || has_empty_sector(file, (size_t)(begin - file), (size_t)(data - file))))
			break;
		else
			return err_set(e, ERR_FAIL, "%s is damaged at byte %zu", path, (size_t)(begin - file));
	}
	return 0;
}

/* Ends the new log with a state that has everything committed. */
static void commit_all(struct log *log, struct buf *out)
{
	Walpb__HardState state = WALPB__HARD_STATE__INIT;
	Walpb__Record r = WALPB__RECORD__INIT;

	state.term = log->state_term > log->end.term ? log->state_term : log->end.term;
	state.vote = state.term == log->state_term ? log->vote : 0;
	state.commit = log->end.index > log->end.commit ? log->end.index : log->end.commit;
	r.type = RECORD_STATE;
	set_data(&r, &state.base);
	r.crc = crc32c(log->new_crc, r.data.data, r.data.len);
	put_record(out, &r);
	free(r.data.data);
}

/* As long as it was; zeros behind the last record end it. */
static int write_segment(int fd, const struct buf *in, struct buf *out)
{
	auto_free char *zeros = in->len > out->len ? xcalloc(in->len - out->len, 1) : NULL;

	if (zeros)
		buf_add(out, zeros, in->len - out->len);
	return lseek(fd, 0, SEEK_SET) < 0 ? -1 : file_write_all(fd, out->data, out->len);
}

struct segments {
	char **paths; /* strv */
	int *fds;
	uint64_t cluster;
	bool tail; /* only as many of the last ones as it takes to know the end */
};

static int follow_from(const struct segments *s, size_t i, struct log *log, struct err *e)
{
	*log = (struct log){ .cluster = s->cluster };
	for (; s->paths[i]; i++) {
		auto_buf struct buf in = { 0 }, out = { 0 };
		const bool last = !s->paths[i + 1];

		if (lseek(s->fds[i], 0, SEEK_SET) < 0 ||
		    file_read_fd(s->fds[i], s->paths[i], SEGMENT_MAX, &in, e) < 0 ||
		    take_segment(log, s->paths[i], &in, last, &out, e) < 0)
			return -1;
		if (last)
			commit_all(log, &out);
		if (s->cluster && write_segment(s->fds[i], &in, &out) < 0)
			return err_sys(e, ERR_FAIL, "cannot write %s", s->paths[i]);
	}
	return 0;
}

static int follow(void *arg, void *result, struct err *e)
{
	const struct segments *s = arg;
	size_t from = s->tail ? strv_len(s->paths) - 1 : 0;
	struct log log;

	/* What the log ends with is in or behind the last segment that has an entry. */
	do {
		if (follow_from(s, from, &log, e) < 0)
			return -1;
	} while (!log.has_entry && from-- > 0);
	*(struct wal_end *)result = log.end;
	return 0;
}

static int follow_all(const char *dir, uint64_t cluster, bool tail, struct wal_end *end, struct err *e)
{
	const struct jail jail = { .memory_bytes = 2ULL << 30, .cpu_seconds = 600 };
	auto_strv char **names = NULL;
	struct segments s = { .cluster = cluster, .tail = tail };
	int rc = file_list(dir, is_segment, &names, e);
	const size_t n = strv_len(names);

	if (rc == 0 && n == 0)
		rc = err_set(e, ERR_FAIL, "%s has no log of etcd", dir);
	s.fds = xcalloc(n + 1, sizeof(*s.fds));
	for (size_t i = 0; i < n; i++) {
		auto_free char *path = xasprintf("%s/%s", dir, names[i]);

		strv_add(&s.paths, path);
		s.fds[i] = open(path, (cluster ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (rc == 0 && s.fds[i] < 0)
			rc = err_sys(e, ERR_FAIL, "cannot open %s", path);
	}
	if (rc == 0)
		rc = jail_run(&jail, follow, &s, end, sizeof(*end), e);
	for (size_t i = 0; i < n; i++)
		mem_close_fd(&s.fds[i]);
	free(s.fds);
	strv_free(s.paths);
	return rc;
}

int wal_read_end(const char *dir, struct wal_end *end, struct err *e)
{
	return follow_all(dir, 0, false, end, e);
}

int wal_read_tail(const char *dir, struct wal_end *end, struct err *e)
{
	return follow_all(dir, 0, true, end, e);
}

int wal_adopt(const char *dir, uint64_t cluster, struct wal_end *end, struct err *e)
{
	return follow_all(dir, cluster, false, end, e);
}

/* ---- IDs that etcd computes ------------------------------------------------------------------------------------ */

/* The first eight bytes of the SHA-1, big-endian: how etcd makes IDs. */
static uint64_t sha1_id(const void *data, size_t len)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	uint64_t id;

	must(EVP_Digest(data, len, hash, NULL, EVP_sha1(), NULL) == 1);
	memcpy(&id, hash, sizeof(id));
	return be64toh(id);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct wal_ids wal_static_ids(char *const *urls, size_t n, size_t self, const char *token)
{
	auto_free uint64_t *members = xcalloc(n, sizeof(*members));
	struct wal_ids ids;

	for (size_t i = 0; i < n; i++) {
		auto_free char *text = xasprintf("%s%s", urls[i], token);

		members[i] = sha1_id(text, strlen(text));
	}
	ids.member = members[self];
	qsort(members, n, sizeof(*members), by_value);
	for (size_t i = 0; i < n; i++)
		members[i] = htobe64(members[i]);
	ids.cluster = sha1_id(members, n * sizeof(*members));
	return ids;
}
