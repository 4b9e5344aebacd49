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

/* Connections under way, and the target of each. */
struct tries {
	struct pollfd poll[MAX_TRIES];
	struct probe_target *target[MAX_TRIES];
	nfds_t n;
};

/* Begins to connect to all addresses of the target. Its error is ETIMEDOUT from then on, until collect() knows more. */
static void begin(struct tries *t, struct probe_target *target)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char service[8];

	target->error = ENOENT;
	(void)snprintf(service, sizeof(service), "%u", (unsigned int)target->port);
	if (getaddrinfo(target->address, service, &want, &found) != 0)
		return;
	for (const struct addrinfo *a = found; a && t->n < MAX_TRIES; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0)
			continue;
		if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) {
			target->error = target->error == ETIMEDOUT ? ETIMEDOUT : errno;
			(void)close(fd);
			continue;
		}
		target->error = ETIMEDOUT;
		t->poll[t->n] = (struct pollfd){ .fd = fd, .events = POLLOUT };
		t->target[t->n++] = target;
	}
	freeaddrinfo(found);
}

/* What came of a connection that poll(2) reports: 0, or errno. */
static int outcome(const struct pollfd *p)
{
	int why = 0;
	socklen_t len = sizeof(why);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
		return errno;
	return why == 0 && (p->revents & POLLHUP) ? ECONNREFUSED : why;
}

/* Enters the outcomes that are there and closes those connections. Returns how many are still under way. */
static size_t collect(struct tries *t)
{
	size_t open = 0;

	for (nfds_t i = 0; i < t->n; i++) {
		struct pollfd *p = &t->poll[i];

		if (p->fd < 0)
			continue;
		if (p->revents == 0) {
			open++;
			continue;
		}
		if (t->target[i]->error != 0)
			t->target[i]->error = outcome(p);
		(void)close(p->fd);
		p->fd = -1;
	}
	return open;
}

static const struct probe_target *reached(const struct probe_target *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].error == 0)
			return &list[i];
	return NULL;
}

static void reach(struct probe_target *list, size_t n, unsigned int timeout_ms, bool one_is_enough)
{
	struct tries t = { .n = 0 };
	long long until, left = timeout_ms;

	for (size_t i = 0; i < n; i++)
		begin(&t, &list[i]);
	for (until = clock_ms() + left; left > 0 && collect(&t) > 0; left = until - clock_ms()) {
		if (one_is_enough && reached(list, n))
			break;
		(void)poll(t.poll, t.n, (int)left);
	}
	for (nfds_t i = 0; i < t.n; i++)
		mem_close_fd(&t.poll[i].fd);
}

void probe_reach(struct probe_target *list, size_t n, unsigned int timeout_ms)
{
	reach(list, n, timeout_ms, false);
}

const char *probe_listening(char *const *addresses, uint16_t port, unsigned int timeout_ms)
{
	const size_t n = strv_len(addresses);
	auto_free struct probe_target *list = xcalloc(n, sizeof(*list));
	const struct probe_target *one;

	for (size_t i = 0; i < n; i++)
		list[i] = (struct probe_target){ .address = addresses[i], .port = port };
	reach(list, n, timeout_ms, true);
	one = reached(list, n);
	return one ? one->address : NULL;
}
