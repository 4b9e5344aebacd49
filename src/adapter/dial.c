/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/dial.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

bool dial_ready(int fd, short events, long long deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	long long left;
	int n;

	do {
		left = deadline - clock_ms();
		n = left > 0 ? poll(&p, 1, (int)left) : 0;
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

socklen_t dial_literal(const char *address, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	*out = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
		memcpy(out, &v6, sizeof(v6));
		return sizeof(v6);
	}
	return 0;
}

/* errno of the attempt, 0 when connected. *fd is the caller's. */
static int dial_one(const struct addrinfo *to, const char *from, long long deadline, int *fd)
{
	struct sockaddr_storage own = { 0 };
	socklen_t own_len = from ? dial_literal(from, 0, &own) : 0;
	int error = 0;
	socklen_t len = sizeof(error);

	*fd = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
	if (*fd < 0)
		return errno;
	if (own.ss_family == to->ai_family && bind(*fd, (const struct sockaddr *)&own, own_len) < 0)
		return errno;
	if (connect(*fd, to->ai_addr, to->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (!dial_ready(*fd, POLLOUT, deadline))
		return ETIMEDOUT;
	return getsockopt(*fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

/*
 * Those of the family of `from`, or the others, over which `from` cannot be the source; all of them without `from`.
 * errno of the last attempt, ENOENT without one.
 */
static int dial_each(const struct addrinfo *all, const char *from, bool alike, long long deadline, int *fd)
{
	struct sockaddr_storage own = { .ss_family = AF_UNSPEC };
	int error = ENOENT;

	if (from)
		(void)dial_literal(from, 0, &own);
	for (; all && error != 0; all = all->ai_next) {
		if (from && (all->ai_family == own.ss_family) != alike)
			continue;
		mem_close_fd(fd);
		error = dial_one(all, from, deadline, fd);
	}
	return error;
}

int dial(const struct dial *to, long long deadline, int *fd, struct err *e)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *all = NULL;
	char port[8];
	int error;

	*fd = -1;
	(void)snprintf(port, sizeof(port), "%u", (unsigned int)to->port);
	if (getaddrinfo(to->address, port, &want, &all) != 0)
		return 0;
	error = dial_each(all, to->from, true, deadline, fd);
	if (error != 0 && to->from) {
		int other = dial_each(all, to->from, false, deadline, fd);

		error = other == ENOENT ? error : other;
	}
	freeaddrinfo(all);
	if (error == 0)
		return 1;
	mem_close_fd(fd);
	*fd = -1;
	switch (error) {
	case ECONNREFUSED:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case ENOENT:
		return 0;
	default:
		return err_set(e, ERR_FAIL, "cannot connect to %s port %u: %s", to->address, (unsigned int)to->port,
			       strerror(error));
	}
}
