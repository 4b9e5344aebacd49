/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/seal.h"

#include <string.h>

#include "adapter/digest.h"
#include "adapter/x509_csr.h"
#include "base/text.h"

static const char proof_line[] = "PROOF=", cert_line[] = "CERT=";

/* What is proved: no text of one side is one of the other, nor one that TLS signs. */
static void put_text(const uint8_t nonce[SEAL_NONCE], const struct buf *request, const struct buf *body,
		     struct buf *out)
{
	const char *label = request ? "etcd-cluster enrolment answer" : "etcd-cluster enrolment request";
	auto_digest digest_ctx *d = digest_new();
	uint8_t hash[DIGEST_LEN];

	buf_add(out, label, strlen(label) + 1);
	buf_add(out, nonce, SEAL_NONCE);
	if (request) {
		digest_add(d, buf_str(request), request->len);
		digest_end(d, hash);
		buf_add(out, hash, sizeof(hash));
	}
	buf_add(out, buf_str(body), body->len);
}

static void mac_of(const uint8_t *secret, const struct buf *text, char hex[DIGEST_HEX])
{
	uint8_t mac[DIGEST_LEN];

	digest_mac(secret, SEAL_KEY, text->data, text->len, mac);
	text_hex(mac, sizeof(mac), hex);
}

int seal_put(const uint8_t nonce[SEAL_NONCE], const struct buf *request, const struct seal_with *with,
	     const struct buf *body, struct buf *message, struct err *e)
{
	auto_buf struct buf text = { 0 };
	char mac[DIGEST_HEX] = "";

	put_text(nonce, request, body, &text);
	if (with && with->secret)
		mac_of(with->secret, &text, mac);
	buf_printf(message, "%s%s", proof_line, mac);
	if (with && !with->secret && x509_key_sign(with->key, text.data, text.len, message, e) < 0)
		return -1;
	buf_printf(message, "\n%s", cert_line);
	if (with && !with->secret)
		x509_cert_put(with->cert, message);
	buf_puts(message, "\n");
	buf_add(message, buf_str(body), body->len);
	return 0;
}

/* The value of the line that *at begins with, which then is behind it. The caller frees. NULL: it is another line. */
static char *take_line(const char **at, const char *end, const char *key)
{
	const char *stop = memchr(*at, '\n', (size_t)(end - *at)), *value = *at + strlen(key);
	char *line;

	if (!stop || value > stop || memcmp(*at, key, strlen(key)) != 0)
		return NULL;
	line = xstrndup(value, (size_t)(stop - value));
	*at = stop + 1;
	return line;
}

int seal_get(const struct buf *message, struct seal *s, struct buf *body, struct err *e)
{
	const char *at = buf_str(message), *end = at + message->len;
	auto_free char *proof = take_line(&at, end, proof_line);
	auto_free char *cert = proof ? take_line(&at, end, cert_line) : NULL;

	*s = (struct seal){ .cert_len = 0 };
	if (!cert || strlen(proof) >= sizeof(s->proof))
		return err_set(e, ERR_VERIFY, "a message came without the lines of its proof");
	memcpy(s->proof, proof, strlen(proof));
	s->cert_len = (uint32_t)x509_raw_line(cert, s->cert, sizeof(s->cert));
	if (cert[0] && s->cert_len == 0)
		return err_set(e, ERR_VERIFY, "a message came with something that is not a certificate");
	buf_add(body, at, (size_t)(end - at));
	return 0;
}

bool seal_holds(const uint8_t nonce[SEAL_NONCE], const struct buf *request, const uint8_t *secret, x509_cert *cert,
		const struct seal *s, const struct buf *body)
{
	auto_buf struct buf text = { 0 };
	char mac[DIGEST_HEX];

	put_text(nonce, request, body, &text);
	if (!secret)
		return x509_raw_signed(cert, text.data, text.len, s->proof);
	mac_of(secret, &text, mac);
	return digest_equal(mac, s->proof);
}
