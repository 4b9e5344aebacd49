/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection of the enrolment server: who is it, may it have that, sign, write down, answer. The bytes of the
 * connection are read by a jailed process (parser.h); what it passes over counts only with a proof.
 */
#pragma once

#include <sys/socket.h>

#include "cahost/parser.h"

/* An address as text: an IPv4 one that came in through an IPv6 socket is IPv4. The caller frees. */
char *enroll_source(const struct sockaddr_storage *from);

/*
 * Serves the machine at `source` on the descriptor, which must not block. 0: it has its certificates, which is logged
 * here. -1: it has not, and why, in words for the log of this host; it was told if it is somebody who may know.
 */
int enroll_serve(const struct machine *m, int fd, const struct parser_tls *tls, const char *source,
		 struct err *e) MUST_CHECK;

/*
 * The signer's half of it: what the parser at the other end of `parser` says is judged, and answered there. 1 served,
 * 0 the parser left, -1 refused.
 */
int enroll_sign(const struct machine *m, int parser, const uint8_t nonce[SEAL_NONCE], const char *source,
		struct err *e) MUST_CHECK;
