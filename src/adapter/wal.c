/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/wal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

/* walpb.Record.type */
enum { RECORD_METADATA = 1, RECORD_CRC = 4 };

/* More than enough for the two records that a segment begins with: 12 and some 40 bytes. */
#define WAL_HEAD 4096

/* Bytes that are left to read. */
struct cursor {
	const uint8_t *p;
	size_t left;
};

struct record {
	uint64_t type, crc;
	struct cursor data;
};

/* A protobuf varint: seven bits a byte, lowest first, at most ten bytes. */
static bool take_varint(struct cursor *c, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (c->left == 0)
			return false;
		byte = *c->p++;
		c->left--;
		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = value;
			return true;
		}
	}
	return false;
}

static bool take_bytes(struct cursor *c, uint64_t n, struct cursor *out)
{
	if (n > c->left)
		return false;
	*out = (struct cursor){ c->p, (size_t)n };
	c->p += n;
	c->left -= (size_t)n;
	return true;
}

/*
 * One field of a protobuf message that has only varints (wire type 0) and byte strings (2). *value is the number, or the
 * length of *bytes.
 */
static bool take_field(struct cursor *c, uint64_t *number, uint64_t *value, struct cursor *bytes)
{
	uint64_t tag;

	*bytes = (struct cursor){ 0 };
	if (!take_varint(c, &tag) || !take_varint(c, value))
		return false;
	*number = tag >> 3;
	if ((tag & 7) == 2)
		return take_bytes(c, *value, bytes);
	return (tag & 7) == 0;
}

/*
 * A frame: a little-endian int64 whose low 56 bits are the record's length and whose top byte, when the number is negative, has the
 * count of padding bytes in its low three bits (etcd, server/storage/wal/decoder.go).
 */
static bool take_frame(struct cursor *c, struct cursor *record)
{
	struct cursor head, padding;
	uint64_t field = 0;

	if (!take_bytes(c, 8, &head))
		return false;
	for (unsigned int i = 0; i < 8; i++)
		field |= (uint64_t)head.p[i] << (8 * i);
	return take_bytes(c, field & 0x00ffffffffffffffULL, record) &&
	       take_bytes(c, field >> 63 ? field >> 56 & 7 : 0, &padding);
}

static bool take_record(struct cursor *c, struct record *r)
{
	uint64_t number, value;
	struct cursor frame, bytes;

	*r = (struct record){ 0 };
	if (!take_frame(c, &frame))
		return false;
	while (frame.left > 0) {
		if (!take_field(&frame, &number, &value, &bytes))
			return false;
		if (number == 1)
			r->type = value;
		else if (number == 2)
			r->crc = value;
		else if (number == 3)
			r->data = bytes;
	}
	return true;
}

/* CRC-32C (RFC 3720, B.4), carried on from `crc`, a bit at a time: it is only ever asked about 22 bytes. */
static uint32_t crc32c(uint32_t crc, struct cursor c)
{
	crc = ~crc;
	for (; c.left > 0; c.left--) {
		crc ^= *c.p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

int wal_parse_ids(const char *name, const uint8_t *data, size_t len, struct wal_ids *ids, struct err *e)
{
	struct cursor all = { data, len }, bytes;
	struct wal_ids found = { 0 };
	struct record crc, meta;
	uint64_t number, value;

	if (!take_record(&all, &crc) || crc.type != RECORD_CRC || !take_record(&all, &meta) ||
	    meta.type != RECORD_METADATA)
		return err_set(e, ERR_FAIL, "%s is damaged: it does not begin as etcd's log does", name);
	if (crc32c((uint32_t)crc.crc, meta.data) != meta.crc)
		return err_set(e, ERR_FAIL, "%s is damaged: the checksum of its first record is wrong", name);
	while (meta.data.left > 0) {
		if (!take_field(&meta.data, &number, &value, &bytes))
			return err_set(e, ERR_FAIL, "%s is damaged: its first record cannot be read", name);
		if (number == 1)
			found.member = value;
		else if (number == 2)
			found.cluster = value;
	}
	if (found.member == 0 || found.cluster == 0)
		return err_set(e, ERR_FAIL, "%s is damaged: it does not say whose log it is", name);
	*ids = found;
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

/* The first eight bytes, big-endian, of the SHA-1: no secret hangs on it, it is just how etcd makes IDs. */
static uint64_t sha1_id(const void *data, size_t len)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	uint64_t id = 0;

	if (EVP_Digest(data, len, hash, NULL, EVP_sha1(), NULL) != 1)
		abort(); /* libcrypto without SHA-1 */
	for (int i = 0; i < 8; i++)
		id = id << 8 | hash[i];
	return id;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct wal_ids wal_static_ids(char *const *urls, size_t n, size_t self, const char *token)
{
	auto_free uint64_t *members = xcalloc(n, sizeof(*members));
	auto_free uint8_t *bytes = xcalloc(n, 8);
	struct wal_ids ids;

	for (size_t i = 0; i < n; i++) {
		auto_free char *text = xasprintf("%s%s", urls[i], token);

		members[i] = sha1_id(text, strlen(text));
	}
	ids.member = members[self];
	qsort(members, n, sizeof(*members), by_value);
	for (size_t i = 0; i < n; i++)
		for (unsigned int b = 0; b < 8; b++)
			bytes[8 * i + b] = (uint8_t)(members[i] >> (56 - 8 * b));
	ids.cluster = sha1_id(bytes, 8 * n);
	return ids;
}
