/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 */
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "core/probe.h"

#define MAX_TRIES 64U /* seven members with a few addresses each */

/* Connections under way: which of the names each is for. */
struct tries {
	struct pollfd poll[MAX_TRIES];
	size_t which[MAX_TRIES];
	nfds_t n;
};

static void begin(struct tries *t, const char *address, size_t which, uint16_t port)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char service[8];

	(void)snprintf(service, sizeof(service), "%u", (unsigned int)port);
	if (getaddrinfo(address, service, &want, &found) != 0)
		return;
	for (const struct addrinfo *a = found; a && t->n < MAX_TRIES; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0)
			continue;
		(void)connect(fd, a->ai_addr, a->ai_addrlen); /* poll(2) and SO_ERROR tell what came of it */
		t->poll[t->n] = (struct pollfd){ .fd = fd, .events = POLLOUT };
		t->which[t->n++] = which;
	}
	freeaddrinfo(found);
}

/* True when a connection stands; one that failed is closed and no longer polled. */
static bool stands(struct pollfd *p)
{
	int why = 0;
	socklen_t len = sizeof(why);

	if (p->revents == 0)
		return false;
	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &why, &len) == 0 && why == 0 && !(p->revents & POLLHUP))
		return true;
	(void)close(p->fd);
	p->fd = -1;
	return false;
}

static long long now_ms(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The index in t of the first that stands, or -1. */
static ssize_t wait_for_one(struct tries *t, long long until)
{
	size_t open = t->n;

	while (open > 0) {
		long long left = until - now_ms();

		if (left <= 0 || poll(t->poll, t->n, (int)left) <= 0)
			return -1;
		open = 0;
		for (nfds_t i = 0; i < t->n; i++) {
			if (t->poll[i].fd >= 0 && stands(&t->poll[i]))
				return (ssize_t)i;
			open += t->poll[i].fd >= 0;
		}
	}
	return -1;
}

const char *probe_listening(char *const *addresses, uint16_t port, unsigned int timeout_ms)
{
	struct tries t = { .n = 0 };
	ssize_t at;

	for (size_t i = 0; addresses && addresses[i]; i++)
		begin(&t, addresses[i], i, port);
	at = wait_for_one(&t, now_ms() + timeout_ms);
	for (nfds_t i = 0; i < t.n; i++)
		if (t.poll[i].fd >= 0)
			(void)close(t.poll[i].fd);
	return at < 0 ? NULL : addresses[t.which[at]];
}
