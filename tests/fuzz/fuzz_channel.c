/* SPDX-License-Identifier: Apache-2.0
 *
 * adapter/channel: the first byte 'h': the rest is what a stranger sends instead of a handshake. Else it is sent by a
 * client that knows the secret, as frames. channel.c is part of this file, which drives both sides itself.
 */
#include "adapter/channel.c" /* NOLINT(bugprone-suspicious-include) */

#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char secret[CHANNEL_KEY_LEN] = { 7 };

static bool find(void *arg, const char *id, unsigned char key[CHANNEL_KEY_LEN])
{
	(void)arg;
	for (const char *p = id; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	memcpy(key, secret, sizeof(secret));
	return strcmp(id, "id") == 0;
}

static const struct channel_side server_side = { .find = find }, client_side = { .id = "id", .key = secret };

static void stranger(int from, int to, const uint8_t *data, size_t size)
{
	struct err e = { 0 };

	if (write(from, data, size) < 0 || shutdown(from, SHUT_WR) < 0)
		abort();
	auto_channel struct channel *c = channel_accept(&server_side, to, 0, &e);

	if (c)
		abort(); /* nobody guesses a proof */
}

/* Both handshakes, step by step. */
static void shake_hands(SSL *client, SSL *server)
{
	int done[2] = { 0, 0 };

	for (int i = 0; i < 10 && (done[0] != 1 || done[1] != 1); i++) {
		done[0] = SSL_connect(client);
		done[1] = SSL_accept(server);
	}
	ERR_clear_error();
	if (done[0] != 1 || done[1] != 1)
		abort();
}

/* Each frame that is announced and there is a message; everything else is refused. */
static void frames(int from, int to, const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	auto_channel struct channel *c = begin(&client_side, TLS_client_method(), from, &e);
	auto_channel struct channel *s = begin(&server_side, TLS_server_method(), to, &e);
	size_t n = 0, left = size;
	uint32_t head;

	SSL_set_psk_use_session_callback(c->tls, use_secret);
	SSL_set_psk_find_session_callback(s->tls, find_secret);
	must(SSL_set_session_id_context(s->tls, aes_128_gcm_sha256, sizeof(aes_128_gcm_sha256)) == 1);
	shake_hands(c->tls, s->tls);
	if (!SSL_session_reused(s->tls) || (size > 0 && SSL_write_ex(c->tls, data, size, &n) != 1))
		abort();
	for (;;) {
		auto_buf struct buf message = { 0 };
		bool whole;

		memcpy(&head, data, left < sizeof(head) ? left : sizeof(head));
		head = ntohl(head);
		whole = left >= sizeof(head) && head > 0 && head <= CHANNEL_REQUEST_MAX && head <= left - sizeof(head);
		if ((channel_receive(s, 0, &message, &e) == 0) != whole)
			abort();
		if (!whole)
			return;
		if (message.len != head || memcmp(message.data, data + sizeof(head), head) != 0)
			abort();
		data += sizeof(head) + head;
		left -= sizeof(head) + head;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[2];

	if (size == 0 || size > 2 * CHANNEL_REQUEST_MAX)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	if (data[0] == 'h')
		stranger(fds[0], fds[1], data + 1, size - 1);
	else
		frames(fds[0], fds[1], data, size);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return 0;
}
