/* SPDX-License-Identifier: Apache-2.0
 *
 * The jailed parser of a connection: it ends TLS, takes messages out of it, and passes them to the signer, which
 * believes nothing of it. It has the key of no certificate that counts, and no other secret.
 */
#pragma once

#include "base/jail.h"
#include "config/machine.h"
#include "enroll/seal.h"
#include "enroll/token.h"

/*
 * What it shows in TLS: made at each start of the server, and proves nothing. On a CA host the CA has signed it, with
 * dates that are over, so that older versions hear that they are to be upgraded.
 */
/* How long one client may take: until it has shown who it is, and for all of it. */
#define ENROLL_SHAKE_SECONDS 5
#define ENROLL_WHOLE_SECONDS 10

struct parser_tls {
	x509_cert *cert;
	x509_key *key;
};

int parser_tls_make(const struct machine *m, struct parser_tls *t, struct err *e) MUST_CHECK;
void parser_tls_free(struct parser_tls *t);

/* What the parser passes over. Its size never varies; of its content parser_hear checks only what it says. */
enum parser_kind {
	PARSER_WANTS_KEY, /* the TLS key of token id */
	PARSER_REQUEST,	  /* id: the token that the client knows; "": none */
};

struct parser_message {
	uint32_t kind, body_len;
	char id[TOKEN_ID_HEX];
	struct seal seal;
	char body[CHANNEL_REQUEST_MAX];
};

/* The answer to PARSER_WANTS_KEY. The answer to a request is the message for the client. */
struct parser_key {
	bool found;
	uint8_t key[TOKEN_PSK];
};

/* Starts the parser for the connection. *fd: the signer's end, which the caller closes before parser_end. */
int parser_start(int connection, const struct parser_tls *tls, const uint8_t nonce[SEAL_NONCE], int *fd,
		 struct jail_child *child, struct err *e) MUST_CHECK;

/*
 * The next message, by the deadline (clock_ms): 1. Its lengths are within bounds, its texts end, and id is "" or has
 * the form of one. 0: the parser has ended. -1: anything else (ERR_VERIFY).
 */
int parser_hear(int fd, long long deadline, struct parser_message *message, struct err *e) MUST_CHECK;

/* Waits until the parser has ended. -1: why it did, in words that may be a stranger's (jail_distrust). */
int parser_end(struct jail_child *child, struct err *e) MUST_CHECK;
