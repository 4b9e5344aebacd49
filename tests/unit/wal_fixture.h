/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs as etcd makes them.
 */
#pragma once

#include "machine_fixture.h"

enum { METADATA = 1, ENTRY, STATE, CRC, SNAPSHOT };

#define OLD_CLUSTER UINT64_C(0xe04335eb2253e9c2)
#define MEMBER	    UINT64_C(0x864ec619bc75aa8b)

static uint32_t running; /* the checksum of the log so far */

static inline void varint(struct buf *b, uint64_t v)
{
	for (; v > 127; v >>= 7)
		buf_add(b, &(uint8_t){ (uint8_t)(v | 128) }, 1);
	buf_add(b, &(uint8_t){ (uint8_t)v }, 1);
}

/* Fields 1, 2 and 3 of a message, where they are not 0. */
static inline struct buf fields(uint64_t one, uint64_t two, uint64_t three)
{
	const uint64_t values[] = { one, two, three };
	struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		if (values[i] == 0)
			continue;
		varint(&b, (i + 1) << 3);
		varint(&b, values[i]);
	}
	return b;
}

static inline void put(struct buf *log, int type, struct buf data, size_t more)
{
	auto_buf struct buf record = { 0 };
	size_t pad;

	if (more > 0) { /* field 4 of an entry */
		auto_free char *bytes = xcalloc(more, 1);

		memset(bytes, 'x', more);
		buf_puts(&data, "\x22");
		varint(&data, more);
		buf_add(&data, bytes, more);
	}
	running = ~running;
	for (size_t i = 0; i < data.len; i++) {
		running ^= (uint8_t)data.data[i];
		for (int bit = 0; bit < 8; bit++)
			running = running >> 1 ^ (running & 1 ? 0x82f63b78U : 0);
	}
	running = ~running;
	buf_puts(&record, "\x08");
	varint(&record, (uint64_t)type);
	buf_puts(&record, "\x10");
	varint(&record, running);
	if (data.len > 0) {
		buf_puts(&record, "\x1a");
		varint(&record, data.len);
		buf_add(&record, data.data, data.len);
	}
	pad = (8 - record.len % 8) % 8;
	buf_add(log, &(uint64_t){ record.len | (pad ? (uint64_t)(0x80 | pad) << 56 : 0) }, 8);
	buf_add(log, record.data, record.len);
	buf_add(log, "\0\0\0\0\0\0\0", pad);
	buf_free(&data);
}

static inline void begin(struct buf *log)
{
	put(log, CRC, (struct buf){ 0 }, 0);
	put(log, METADATA, fields(MEMBER, OLD_CLUSTER, 0), 0);
}

static inline void entry(struct buf *log, uint64_t term, uint64_t index)
{
	put(log, ENTRY, fields(0, term, index), 700);
}

static inline void allocated(struct buf *log)
{
	static const char zeros[65536];

	buf_add(log, zeros, sizeof(zeros));
}
