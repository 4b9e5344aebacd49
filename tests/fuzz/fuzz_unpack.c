/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/unpack: archives from outside. An input with the first byte 0x1f is a gzip file, any other a tar archive that
 * is wrapped in stored blocks, so that the fuzzer reaches the tar reader without deflate.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/unpack.h"
#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 1952 around RFC 1951's stored blocks of at most 65535 bytes. libarchive does not check the CRC. */
static void wrap(struct buf *out, const uint8_t *data, size_t size)
{
	static const uint8_t head[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
	uint8_t tail[8] = { 0 };

	buf_add(out, head, sizeof(head));
	do {
		uint16_t len = size > 65535 ? 65535 : (uint16_t)size;
		uint8_t block[5] = { len == size, (uint8_t)len, (uint8_t)(len >> 8), (uint8_t)~len,
				     (uint8_t)(~len >> 8) };

		buf_add(out, block, sizeof(block));
		buf_add(out, data, len);
		data += len;
		size -= len;
	} while (size > 0);
	buf_add(out, tail, sizeof(tail));
}

static void check(const struct unpack *u)
{
	struct stat st;

	for (size_t i = 0; i < u->n_files; i++)
		if (fstat(u->files[i].fd, &st) < 0 || st.st_size > (off_t)UNPACK_FILE_MAX ||
		    (u->files[i].required && st.st_size == 0))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unpack_file files[] = { { "etcd", memfd_create("etcd", 0), true },
				       { "etcdctl", memfd_create("etcdctl", 0), true },
				       { "etcdutl", memfd_create("etcdutl", 0), false } };
	struct unpack u = {
		.fd = memfd_create("archive", 0), .top = "etcd-v3.6.14-linux-amd64", .files = files, .n_files = 3
	};
	struct err e = { 0 };
	auto_buf struct buf archive = { 0 };
	int rc;

	if (size > 0 && data[0] == 0x1f)
		buf_add(&archive, data, size);
	else
		wrap(&archive, data, size);
	if (write(u.fd, archive.data, archive.len) != (ssize_t)archive.len || lseek(u.fd, 0, SEEK_SET) < 0)
		abort();
	rc = unpack(&u, &e);
	if (rc == 0)
		check(&u);
	else if (e.msg[0] == '\0')
		abort();
	for (size_t i = 0; i < u.n_files; i++)
		(void)close(files[i].fd);
	(void)close(u.fd);
	return 0;
}
