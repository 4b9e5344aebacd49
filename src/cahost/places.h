/* SPDX-License-Identifier: Apache-2.0
 *
 * Which connections the enrolment server serves at the same time, so that nobody can keep the others out.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#define PLACES	       32 /* in all; a further connection is closed, and its machine tries again */
#define PLACES_ON_FILE 8  /* of them only for addresses on record */
#define PLACES_SOURCE  4  /* for one address */
#define PLACES_NETWORK 16 /* for all addresses of one IPv6 /64 that are not on record: a host can have any of them */

struct place {
	pid_t pid; /* of the process that serves it; 0: this place is free */
	char source[INET6_ADDRSTRLEN];
	bool on_file;
};

/* A free place for a connection from the address `source`, which is on record or not; NULL when it gets none now. */
struct place *places_find(struct place places[PLACES], const char *source, bool on_file);

/* Who a source is when connections are counted: an IPv4 address, or "2001:db8::/64". The caller frees. */
char *places_network(const char *source);
