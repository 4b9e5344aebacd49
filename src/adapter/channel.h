/* SPDX-License-Identifier: Apache-2.0
 *
 * A private channel between two machines: TLS 1.3 in which either both know a secret (an external pre-shared key with a
 * Diffie-Hellman exchange, RFC 8446 psk_dhe_ke), or both have a certificate of the same CA. One message each way.
 */
#pragma once

#include "adapter/x509.h"

#define CHANNEL_KEY_LEN 32 /* SHA-256 long */
#define CHANNEL_ID_MAX	64 /* characters of a secret's id, which is sent in the clear */

#define CHANNEL_MESSAGE_MAX ((size_t)32 << 10)

/* True with the key filled in when the server knows a secret of this id, which is the client's, made printable. */
typedef bool channel_find(void *arg, const char *id, unsigned char key[CHANNEL_KEY_LEN]);

/* What one side brings. Files are PEM; a server without them (NULL) accepts secrets only. */
struct channel_side {
	const char *id;		  /* client: its secret; NULL: it shows its certificate */
	const unsigned char *key; /* CHANNEL_KEY_LEN bytes */
	channel_find *find;	  /* server */
	void *arg;
	const char *ca, *cert, *cert_key;
};

struct channel;
#define auto_channel cleanup(channel_free)
void channel_free(struct channel **c);

/*
 * Client, over a connected descriptor, which stays the caller's. With a secret: only a server that knows it, too.
 * With a certificate: only a server whose certificate is of side->ca and covers `host`. Dates of certificates are not
 * checked: a machine that was off for a year renews what has expired. All must be over by the deadline (clock_ms).
 * NULL: ERR_VERIFY when one side does not accept the other, ERR_FAIL when the connection ended or took too long.
 */
struct channel *channel_connect(const struct channel_side *side, int fd, const char *host, long long deadline,
				struct err *e) MUST_CHECK;

/* Server, likewise. A client without a secret that find() knows must have a certificate that ends at side->ca. */
struct channel *channel_accept(const struct channel_side *side, int fd, long long deadline, struct err *e) MUST_CHECK;

/* Server: the id of the secret that the client knows, or NULL; then its certificate, valid as long as c. */
const char *channel_id(const struct channel *c);
x509_cert *channel_cert(const struct channel *c);

/* One message: a length of four bytes, big-endian, then that many bytes, 1 to CHANNEL_MESSAGE_MAX. */
int channel_send(struct channel *c, const struct buf *message, long long deadline, struct err *e) MUST_CHECK;
int channel_receive(struct channel *c, long long deadline, struct buf *message, struct err *e) MUST_CHECK;
