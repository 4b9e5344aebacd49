/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "base/mem.h"

#define MAX_TRIES 128U /* seven members with a few addresses and ports each */

/* Connections under way: which of the names each is for. */
struct tries {
	struct pollfd poll[MAX_TRIES];
	size_t which[MAX_TRIES];
	nfds_t n;
};

/* 0 when a connection is under way, else why none is: errno, ENOENT for a name without addresses. */
static int begin(struct tries *t, const char *address, size_t which, uint16_t port)
{
	int why = ENOENT;
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char service[8];

	(void)snprintf(service, sizeof(service), "%u", (unsigned int)port);
	if (getaddrinfo(address, service, &want, &found) != 0)
		return ENOENT;
	for (const struct addrinfo *a = found; a && t->n < MAX_TRIES; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0)
			continue;
		/* What comes of it poll(2) and SO_ERROR tell. */
		if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) {
			why = why == 0 ? 0 : errno;
			(void)close(fd);
			continue;
		}
		why = 0;
		t->poll[t->n] = (struct pollfd){ .fd = fd, .events = POLLOUT };
		t->which[t->n++] = which;
	}
	freeaddrinfo(found);
	return why;
}

/* 0 when a connection stands, else why not (EINPROGRESS: not known yet); one that failed is closed and no longer polled. */
static int outcome(struct pollfd *p)
{
	int why = 0;
	socklen_t len = sizeof(why);

	if (p->revents == 0)
		return EINPROGRESS;
	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
		why = errno;
	if (why == 0 && (p->revents & POLLHUP))
		why = ECONNREFUSED;
	if (why != 0) {
		(void)close(p->fd);
		p->fd = -1;
	}
	return why;
}

static void end(struct tries *t)
{
	for (nfds_t i = 0; i < t->n; i++)
		if (t->poll[i].fd >= 0)
			(void)close(t->poll[i].fd);
}

/* The index in t of the first that stands, or -1. */
static ssize_t wait_for_one(struct tries *t, long long until)
{
	size_t open = t->n;

	while (open > 0) {
		long long left = until - clock_ms();

		if (left <= 0 || poll(t->poll, t->n, (int)left) <= 0)
			return -1;
		open = 0;
		for (nfds_t i = 0; i < t->n; i++) {
			if (t->poll[i].fd >= 0 && outcome(&t->poll[i]) == 0)
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
		(void)begin(&t, addresses[i], i, port);
	at = wait_for_one(&t, clock_ms() + timeout_ms);
	end(&t);
	return at < 0 ? NULL : addresses[t.which[at]];
}

/* Takes the outcomes that are there; how many are still to come. */
static size_t collect(struct tries *t, struct probe_target *list)
{
	size_t open = 0;

	for (nfds_t i = 0; i < t->n; i++) {
		struct probe_target *target = &list[t->which[i]];
		int why;

		if (t->poll[i].fd < 0)
			continue;
		why = outcome(&t->poll[i]);
		if (why == EINPROGRESS) {
			open++;
			continue;
		}
		if (target->error != 0)
			target->error = why;
		if (why == 0) {
			(void)close(t->poll[i].fd);
			t->poll[i].fd = -1;
		}
	}
	return open;
}

void probe_reach(struct probe_target *list, size_t n, unsigned int timeout_ms)
{
	struct tries t = { .n = 0 };
	long long until, left = timeout_ms;

	for (size_t i = 0; i < n; i++) {
		int why = begin(&t, list[i].address, i, list[i].port);

		list[i].error = why ? why : ETIMEDOUT;
	}
	for (until = clock_ms() + left; left > 0 && collect(&t, list) > 0; left = until - clock_ms())
		(void)poll(t.poll, t.n, (int)left);
	end(&t);
}
