/* SPDX-License-Identifier: Apache-2.0
 *
 * One TLS handshake, to see which certificate a server serves.
 */
#pragma once

#include <stdint.h>

#include "adapter/x509.h"

struct handshake {
	const char *address; /* IPv4, IPv6 (no brackets) or DNS name */
	uint16_t port;
	const char *ca;		 /* file with the CAs to trust */
	const char *cert, *key;	 /* our own pair, when the server asks for one; NULL: none */
	unsigned int timeout_ms; /* for all of it */
	bool clock;		 /* asks for /version by HTTP, whose answer has the server's time */
};

struct handshake_seen {
	struct x509_info leaf;
	bool has_clock;
	long long ahead_ms; /* of our clock, up to half a second wrong: Date has whole seconds (RFC 9110, 6.6.1) */
};

/*
 * 1: the chain of the served leaf ends at h->ca; its dates are not checked. No answer with a clock is not a failure.
 * 0: as dial() (dial.h). -1: ERR_VERIFY when the chain does not verify, else ERR_FAIL. The caller frees *seen in any
 * case.
 */
int handshake_look(const struct handshake *h, struct handshake_seen *seen, struct err *e) MUST_CHECK;
void handshake_seen_free(struct handshake_seen *seen);

/* The Date of the headers of an HTTP answer, in whole seconds; false when there is none that can be read. */
bool handshake_date(const char *headers, time_t *date);
