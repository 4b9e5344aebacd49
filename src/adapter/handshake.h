/* SPDX-License-Identifier: Apache-2.0
 *
 * One TLS handshake, to see which certificate a server really serves.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "adapter/x509.h"
#include "base/err.h"

struct handshake {
	const char *address; /* IPv4, IPv6 (no brackets) or DNS name */
	uint16_t port;
	const char *ca;		 /* file with the CAs to trust */
	const char *cert, *key;	 /* our own pair, when the server asks for one; NULL: none */
	unsigned int timeout_ms; /* for all of it */
	const char *
		ask; /* a path to ask for by HTTP, "/version", for the sake of the server's clock; NULL: nothing is sent */
};

struct handshake_seen {
	struct x509_info leaf;
	bool has_clock;
	long long ahead_ms; /* of our clock, up to half a second wrong: its Date has whole seconds (RFC 9110, 6.6.1) */
};

/*
 * 1: the chain of the served leaf ends at h->ca; its dates are not judged. The caller frees with handshake_seen_free. No answer to h->ask is no failure.
 * 0: nobody listens there, or the address is not of this machine's world (no route, unknown name). -1: ERR_VERIFY when the chain does not verify,
 * ERR_FAIL for all else.
 */
int handshake_look(const struct handshake *h, struct handshake_seen *seen, struct err *e) MUST_CHECK;
void handshake_seen_free(struct handshake_seen *seen);

/* The same, just for the serial, lower-case hex, freed by the caller. */
int handshake_serial(const struct handshake *h, char **serial, struct err *e) MUST_CHECK;

/* The Date of the headers of an HTTP answer, in whole seconds; false when they have none that can be read. */
bool handshake_date(const char *headers, time_t *date);
