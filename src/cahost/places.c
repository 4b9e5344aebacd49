/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/places.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/mem.h"

#define NETWORK_BYTES 8 /* of an IPv6 address: /64 */

/* False for other text than an IPv6 address. */
static bool network_of(const char *source, struct in6_addr *network)
{
	if (inet_pton(AF_INET6, source, network) != 1)
		return false;
	memset(network->s6_addr + NETWORK_BYTES, 0, sizeof(network->s6_addr) - NETWORK_BYTES);
	return true;
}

char *places_network(const char *source)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct in6_addr network;

	if (!network_of(source, &network))
		return xstrdup(source);
	(void)inet_ntop(AF_INET6, &network, text, sizeof(text));
	return xasprintf("%s/64", text);
}

static bool same_network(const char *a, const char *b)
{
	struct in6_addr x, y;

	return network_of(a, &x) && network_of(b, &y) && memcmp(&x, &y, sizeof(x)) == 0;
}

struct place *places_find(struct place places[PLACES], const char *source, bool on_file)
{
	unsigned int same = 0, network = 0, others = 0;
	struct place *free_one = NULL;

	for (struct place *p = places; p < places + PLACES; p++) {
		if (p->pid == 0) {
			free_one = p;
			continue;
		}
		same += strcmp(p->source, source) == 0;
		others += !p->on_file;
		network += !p->on_file && same_network(p->source, source);
	}
	if (same >= PLACES_SOURCE)
		return NULL;
	if (!on_file && (others >= PLACES - PLACES_ON_FILE || network >= PLACES_NETWORK))
		return NULL;
	return free_one;
}
