/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 *
 * One TLS handshake, to see which certificate a server really serves.
 */
#ifndef ADAPTER_HANDSHAKE_H
#define ADAPTER_HANDSHAKE_H

#include <stdint.h>

#include "base/err.h"

struct handshake {
	const char *address; /* IPv4, IPv6 (no brackets) or DNS name */
	uint16_t port;
	const char *ca;		/* file with the CAs to trust */
	const char *cert, *key; /* our own pair, when the server asks for one; NULL: none */
	unsigned int timeout;	/* seconds for all of it */
};

/*
 * 1: *serial is that of the served leaf, lower-case hex, and its chain ends at h->ca (freed by the caller). 0: nobody listens there, or the address
 * is not of this machine's world (no route, unknown name). -1: ERR_VERIFY when the chain does not verify, ERR_FAIL for all else.
 */
int handshake_serial(const struct handshake *h, char **serial, struct err *e) MUST_CHECK;

#endif
