/* SPDX-License-Identifier: Apache-2.0
 *
 * The enrolment token: one line of text that a machine and the CA host both have, and nobody else. Which texts will
 * do, and what is made of one.
 */
#pragma once

#include "config/machine.h"

#define TOKEN_ID_HEX 17 /* 16 hex digits and their end */
#define TOKEN_PSK    32
#define TOKEN_TEXT   74 /* what token_new makes, with its end */
#define TOKEN_CA     33 /* 32 hex digits and their end */
#define TOKEN_MAX    256

/* What the two sides use: the id may be shown and travels in the clear, the key is as secret as the text. */
struct token {
	char id[TOKEN_ID_HEX];	  /* hex of the first 8 bytes of SHA-256("etcd-cluster token id" NUL text) */
	uint8_t psk[TOKEN_PSK];	  /* SHA-256("etcd-cluster token psk" NUL text), for TLS */
	uint8_t proof[TOKEN_PSK]; /* SHA-256("etcd-cluster token proof" NUL text), for the messages (seal.h) */
	bool proves;		  /* false: it was stored by a version that had only the first */
	char ca[TOKEN_CA];	  /* beginning of the SHA-256 of the CA's public key, hex; "": the text does not say */
};

#define auto_token cleanup(token_forget)
/* Wipes the memory. */
void token_forget(struct token *t);

/*
 * Refuses (ERR_CONFIG) a text that does not look like 128 random bits:
 *   - printable ASCII without blanks, at most 256 characters;
 *   - long enough for its alphabet: 32 hex digits, 39 decimal digits, 28 letters of one case, 25 letters and digits,
 *     22 in upper and lower case; final = and, between hex digits, the separators : - . _ do not count;
 *   - at least 9 different characters, 8 of hex digits, 5 of decimal ones;
 *   - it does not repeat a part of itself or count up;
 *   - no UUID with its hyphens: six of its 128 bits are fixed. Without hyphens it looks like 32 hex digits and passes.
 * The text is in no message.
 */
int token_check(const char *text, struct err *e) MUST_CHECK;

/*
 * 160 random bits as 40 hex digits, and behind a dot the beginning of `spki`, the fingerprint of the CA's public key:
 * who has stolen the token cannot pose as the CA host. Safe in YAML, shell, preseed and INI alike.
 */
void token_new(const char *spki, char text[TOKEN_TEXT]);

void token_derive(const char *text, struct token *t);

/* True for 16 lower-case hex digits: what comes from the network or a person and is about to be a file name. */
bool token_is_id(const char *id);

/*
 * The token in a file, white space around it cut off; and that in ENROLL_TOKEN_FILE. 1 read, 0 there is no such file or
 * it is empty, -1: not a regular file of root (or of us) that nobody else can read or change (ERR_VERIFY), or a text
 * that will not do (ERR_CONFIG).
 */
int token_read(const char *path, struct token *t, struct err *e) MUST_CHECK;
int token_read_file(const struct machine *m, struct token *t, struct err *e) MUST_CHECK;

/* The token may say whose certificates are expected: who has a copy of it could pose as the CA host. ERR_VERIFY. */
int token_check_ca(const struct token *t, const struct buf *ca_pem, struct err *e) MUST_CHECK;

/*
 * Overwrites and removes ENROLL_TOKEN_FILE. 1 done (in a dry run: would be), 0 there is none, or it is on a read-only
 * file system, -1.
 */
int token_wipe_file(const struct machine *m, struct err *e) MUST_CHECK;
