/* SPDX-License-Identifier: Apache-2.0
 *
 * A private channel between two machines: TLS 1.3 in which both know a secret (an external pre-shared key with a
 * Diffie-Hellman exchange, RFC 8446 psk_dhe_ke), or neither side proves anything. It carries messages.
 */
#pragma once

#include "adapter/x509_key.h"

#define CHANNEL_KEY_LEN 32 /* SHA-256 long */
#define CHANNEL_ID_MAX	64 /* characters of a secret's id, which is sent in the clear */

/*
 * What a server takes, from strangers too; and what it answers: a revocation list of some thousand serials. Versions
 * before there were lists take 32 KiB, and send less.
 */
#define CHANNEL_REQUEST_MAX ((size_t)32 << 10)
#define CHANNEL_MESSAGE_MAX ((size_t)192 << 10)

/* True with the key filled in when the server knows a secret of this id, which is the client's, made printable. */
typedef bool channel_find(void *arg, const char *id, unsigned char key[CHANNEL_KEY_LEN]);

/* What one side brings. */
struct channel_side {
	const char *id;		  /* client: its secret; NULL: it has none */
	const unsigned char *key; /* CHANNEL_KEY_LEN bytes */
	channel_find *find;	  /* server */
	void *arg;
	x509_cert *cert; /* server, for clients without a secret, with its key; NULL: it accepts secrets only */
	x509_key *cert_key;
};

struct channel;
#define auto_channel cleanup(channel_free)
void channel_free(struct channel **c);

/*
 * Client, over a connected descriptor, which stays the caller's. With a secret: only a server that knows it, too.
 * Without: any server, so whatever counts must be proved in the messages. All must be over by the deadline (clock_ms).
 * NULL: ERR_VERIFY when one side does not accept the other, ERR_FAIL when the connection ended or took too long.
 */
struct channel *channel_connect(const struct channel_side *side, int fd, long long deadline, struct err *e) MUST_CHECK;

/* Server, likewise. A client that offers secrets must have one that find() knows. */
struct channel *channel_accept(const struct channel_side *side, int fd, long long deadline, struct err *e) MUST_CHECK;

/* False when the other side is of a version that proves nothing in its messages. */
bool channel_is_current(const struct channel *c);

/* Server: the id of the secret that the client knows; NULL: it has none, and is anybody. */
const char *channel_id(const struct channel *c);

/* One message: a length of four bytes, big-endian, then that many bytes, at least 1 and at most so many as above. */
int channel_send(struct channel *c, const struct buf *message, long long deadline, struct err *e) MUST_CHECK;
int channel_receive(struct channel *c, long long deadline, struct buf *message, struct err *e) MUST_CHECK;
