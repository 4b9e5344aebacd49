/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

/* One read: few system calls, and it fits on the stack and into the processor's second cache. */
#define CHUNK (64UL * 1024UL)

digest_ctx *digest_new(void)
{
	digest_ctx *d = EVP_MD_CTX_new();

	must(d && EVP_DigestInit_ex(d, EVP_sha256(), NULL) == 1);
	return d;
}

void digest_free(digest_ctx **d)
{
	EVP_MD_CTX_free(steal(d));
}

void digest_add(digest_ctx *d, const void *data, size_t len)
{
	must(EVP_DigestUpdate(d, data, len) == 1);
}

void digest_end(digest_ctx *d, uint8_t out[DIGEST_LEN])
{
	must(EVP_DigestFinal_ex(d, out, NULL) == 1 && EVP_DigestInit_ex(d, EVP_sha256(), NULL) == 1);
}

void digest_mac(const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t out[DIGEST_LEN])
{
	must(HMAC(EVP_sha256(), key, (int)key_len, data, len, out, NULL) != NULL);
}

bool digest_equal(const char a[DIGEST_HEX], const char *b)
{
	return strlen(b) == DIGEST_HEX - 1 && CRYPTO_memcmp(a, b, DIGEST_HEX) == 0;
}

int digest_add_file(digest_ctx *d, int fd, unsigned long long at, unsigned long long len, const char *name,
		    struct err *e)
{
	char chunk[CHUNK];
	unsigned long long done = 0;

	while (done < len) {
		size_t want = (size_t)MIN(len - done, CHUNK);
		ssize_t n = TEMP_FAILURE_RETRY(pread(fd, chunk, want, (off_t)(at + done)));

		if (n < 0)
			return err_sys(e, ERR_FAIL, "cannot read %s", name);
		if (n == 0)
			return err_set(e, ERR_FAIL, "%s became shorter while it was read", name);
		digest_add(d, chunk, (size_t)n);
		done += (unsigned long long)n;
	}
	return 0;
}

int digest_file(int fd, const char *name, uint8_t out[DIGEST_LEN], struct err *e)
{
	auto_digest digest_ctx *d = digest_new();
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_FAIL, "cannot look at %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_VERIFY, "%s is not a regular file", name);
	if (digest_add_file(d, fd, 0, (unsigned long long)st.st_size, name, e) < 0)
		return -1;
	digest_end(d, out);
	return 0;
}

int digest_line(const char *line, size_t len, uint8_t sha256[DIGEST_LEN], char **name)
{
	const size_t name_at = DIGEST_HEX + 1; /* behind the digits, a space, and a space or an asterisk */
	char hex[DIGEST_HEX] = "";

	if (len == 0 || line[0] == '#')
		return 0;
	if (len <= name_at || line[name_at - 2] != ' ' || (line[name_at - 1] != ' ' && line[name_at - 1] != '*'))
		return -1;
	memcpy(hex, line, DIGEST_HEX - 1);
	if (!text_unhex(hex, sha256, DIGEST_LEN))
		return -1;
	for (size_t i = name_at; i < len; i++)
		if (line[i] < 0x20 || line[i] > 0x7e)
			return -1;
	*name = xstrndup(line + name_at, len - name_at);
	return 1;
}
