/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/wal.h"

#include <endian.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "wal.pb-c.h"

/* walpb.Record.type */
enum { RECORD_METADATA = 1, RECORD_CRC = 4 };

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

/* CRC-32C (RFC 3720, B.4), carried on from `crc`, a bit at a time: it covers 22 bytes. */
static uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t len)
{
	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
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

int wal_read_ids(const char *dir, struct wal_ids *ids, struct err *e)
{
	auto_strv char **segments = NULL;
	auto_free char *path = NULL;
	auto_close int fd = -1;
	uint8_t head[WAL_HEAD];
	ssize_t n;

	if (file_list(dir, is_segment, &segments, e) < 0)
		return -1;
	if (!segments)
		return 0;
	path = xasprintf("%s/%s", dir, segments[0]);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
	if (n < 0)
		return err_sys(e, ERR_FAIL, "cannot read %s", path);
	return wal_parse_ids(path, head, (size_t)n, ids, e) < 0 ? -1 : 1;
}

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
