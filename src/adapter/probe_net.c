/* SPDX-License-Identifier: Apache-2.0 */
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/dial.h"
#include "adapter/probe.h"
#include "base/clock.h"
#include "base/mem.h"

#define MAX_TRIES  128U /* seven members with a few addresses and ports each */
#define TCP_LISTEN "0A" /* include/net/tcp_states.h, as /proc/net/tcp shows it */

/* The local address as the tables of proc(5), /proc/net/tcp, show it: the words of memory, in hex. */
static void table_address(const struct sockaddr_storage *at, char out[33])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)at;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
	uint32_t words[4];

	if (at->ss_family == AF_INET) {
		(void)snprintf(out, 33, "%08X", v4->sin_addr.s_addr);
		return;
	}
	memcpy(words, &v6->sin6_addr, sizeof(words));
	(void)snprintf(out, 33, "%08X%08X%08X%08X", words[0], words[1], words[2], words[3]);
}

/*
 * Finds a socket that listens on the port (and, unless NULL, on just this address) and names it as /proc/PID/fd does.
 * In these tables the second field is ADDRESS:PORT in hex, the fourth the state, the tenth the inode.
 */
static bool find_listener(const char *table, const char *address, uint16_t port, char name[32])
{
	auto_fclose FILE *f = fopen(table, "re");
	char line[512], want[8], at[33], at_port[5], state[3], inode[21];

	(void)snprintf(want, sizeof(want), "%04X", port);
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %32[^:]:%4s %*s %2s %*s %*s %*s %*s %*s %20s", at, at_port, state, inode) != 4 ||
		    strcmp(state, TCP_LISTEN) != 0 || strcmp(at_port, want) != 0 ||
		    (address && strcmp(at, address) != 0))
			continue;
		(void)snprintf(name, 32, "socket:[%s]", inode);
		return true;
	}
	return false;
}

static void find_holder(const struct sockaddr_storage *at, uint16_t port, struct probe_holder *who)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	char address[33], socket[32];

	/* The one on this very address, else one that has the port on all of them. */
	table_address(at, address);
	for (size_t i = 0; i < 2 * ARRAY_LEN(tables); i++) {
		if (find_listener(tables[i % 2], i < 2 ? address : NULL, port, socket)) {
			probe_find_open(socket, who);
			return;
		}
	}
}

enum probe_port probe_port(const char *address, uint16_t port, struct probe_holder *who)
{
	struct sockaddr_storage at;
	socklen_t len = dial_literal(address, port, &at);
	auto_close int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	*who = (struct probe_holder){ 0 };
	if (len == 0 || fd < 0)
		return PROBE_PORT_NOT_LOCAL;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&at, len) == 0)
		return PROBE_PORT_FREE;
	switch (errno) {
	case EADDRINUSE:
		find_holder(&at, port, who);
		return PROBE_PORT_TAKEN;
	case EADDRNOTAVAIL:
		return PROBE_PORT_NOT_LOCAL;
	default:
		return PROBE_PORT_REFUSED;
	}
}

void probe_hasten_names(void)
{
	(void)setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
}

char **probe_resolve(const char *name, struct err *e)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char text[INET6_ADDRSTRLEN];
	char **list = NULL;
	int rc = getaddrinfo(name, NULL, &want, &found);

	if (rc != 0) {
		(void)err_set(e, ERR_CONFIG, "the name %s cannot be resolved: %s", name,
			      rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
		return NULL;
	}
	for (const struct addrinfo *a = found; a; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) == 0)
			strv_add(&list, text);
	}
	freeaddrinfo(found);
	if (!list)
		(void)err_set(e, ERR_CONFIG, "the name %s has no address", name);
	return list;
}

char *probe_source(const char *address)
{
	struct sockaddr_storage to, own = { 0 };
	socklen_t len = dial_literal(address, 9, &to), own_len = sizeof(own);
	auto_close int fd = len > 0 ? socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	char text[INET6_ADDRSTRLEN];

	/* Connecting a datagram socket only picks the route; nothing is sent. */
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &own_len) < 0 ||
	    getnameinfo((const struct sockaddr *)&own, own_len, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
		return NULL;
	return xstrdup(text);
}

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

char *probe_callers(const char *address, uint16_t port, unsigned int timeout_ms)
{
	const long long deadline = clock_ms() + timeout_ms;
	struct sockaddr_storage at = { 0 }, from = { 0 };
	socklen_t len = dial_literal(address, port, &at), from_len = sizeof(from);
	auto_close int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), caller = -1;
	char text[INET6_ADDRSTRLEN];
	const int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 8) < 0 || !dial_ready(fd, POLLIN, deadline))
		return NULL;
	caller = accept4(fd, (struct sockaddr *)&from, &from_len, SOCK_CLOEXEC);
	if (caller < 0 ||
	    getnameinfo((struct sockaddr *)&from, from_len, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
		return NULL;
	return xstrdup(text);
}
