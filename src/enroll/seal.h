/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a message of an enrolment is from. TLS ends in a process that may be in a stranger's hand, so each message
 * carries a proof of its own, over a nonce of the server: a MAC under the token's second key, or a signature. That of
 * an answer is over the request, too: a nonce that comes again brings no answer of another time.
 */
#pragma once

#include "adapter/channel.h"
#include "adapter/x509_raw.h"

#define SEAL_NONCE 32
#define SEAL_KEY   32
#define SEAL_PROOF 2049 /* hex digits of a signature, and their end */
#define SEAL_CERT  8192 /* bytes of a certificate */

/*
 * CN of the certificate that the server shows in TLS. Its key is in the memory of a process that strangers' bytes may
 * have taken over, so it proves no answer. No NAME has a blank, so no other certificate has this CN.
 */
#define SEAL_TLS_CN "etcd-cluster enrolment"

/* What one proves oneself with: the secret, or the other two. */
struct seal_with {
	const uint8_t *secret; /* SEAL_KEY bytes; NULL: there is none */
	x509_key *key;
	x509_cert *cert;
};

/* As it travels; none of it is true before seal_holds says so. */
struct seal {
	char proof[SEAL_PROOF]; /* "": there is none */
	uint32_t cert_len;	/* 0: it is a MAC */
	uint8_t cert[SEAL_CERT];
};

/*
 * Appends the message: two lines with the proof, then the body. request: what it answers; NULL: it is the request. with
 * NULL: the proof is empty.
 */
int seal_put(const uint8_t nonce[SEAL_NONCE], const struct buf *request, const struct seal_with *with,
	     const struct buf *body, struct buf *message, struct err *e) MUST_CHECK;

/* Takes a message apart: the body is appended. -1: ERR_VERIFY. */
int seal_get(const struct buf *message, struct seal *s, struct buf *body, struct err *e) MUST_CHECK;

/* Whether the one who has the secret, or (secret NULL) the key of the certificate, made it for these. */
bool seal_holds(const uint8_t nonce[SEAL_NONCE], const struct buf *request, const uint8_t *secret, x509_cert *cert,
		const struct seal *s, const struct buf *body);
