/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/probe.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define TCP_LISTEN "0A" /* include/net/tcp_states.h, as /proc/net/tcp shows it */

/* A literal as a socket address. 0 when it is none. */
static socklen_t to_sockaddr(const char *address, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	return 0;
}

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
 * Inode of a socket that listens on the port (and, unless NULL, on just this address): in these tables the second field is ADDRESS:PORT in
 * hex, the fourth the state, the tenth the inode. 0 when there is none.
 */
static unsigned long listening_inode(const char *table, const char *address, uint16_t port)
{
	auto_fclose FILE *f = fopen(table, "re");
	char line[512], want[8];

	(void)snprintf(want, sizeof(want), "%04X", port);
	while (f && fgets(line, sizeof(line), f)) {
		char *field[10] = { NULL }, *rest = NULL, *colon;
		size_t n = 0;

		while (n < ARRAY_LEN(field) && (field[n] = strtok_r(n == 0 ? line : NULL, " \n", &rest)))
			n++;
		colon = n == ARRAY_LEN(field) ? strchr(field[1], ':') : NULL;
		if (!colon || strcmp(field[3], TCP_LISTEN) != 0 || strcmp(colon + 1, want) != 0)
			continue;
		*colon = '\0';
		if (!address || strcmp(field[1], address) == 0)
			return strtoul(field[9], NULL, 10);
	}
	return 0;
}

/* Whether the process has a descriptor that is "socket:[inode]". */
static bool has_socket(const char *pid, const char *socket)
{
	auto_free char *path = xasprintf("/proc/%s/fd", pid);
	auto_closedir DIR *dir = opendir(path);
	const struct dirent *entry;
	char target[64];

	while (dir && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, socket) == 0)
			return true;
	}
	return false;
}

static void read_name(pid_t pid, char *name, size_t size)
{
	auto_free char *path = xasprintf("/proc/%d/comm", (int)pid);
	auto_buf struct buf text = { 0 };
	struct err ignored = { 0 };

	if (file_read(path, 4096, &text, &ignored) == 0)
		(void)snprintf(name, size, "%.*s", (int)strcspn(buf_str(&text), "\n"), buf_str(&text));
	text_printable(name);
}

static void find_holder(const struct sockaddr_storage *at, uint16_t port, struct probe_holder *who)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	unsigned long inode = 0;
	auto_free char *socket = NULL;
	auto_closedir DIR *proc = NULL;
	const struct dirent *entry;
	char address[33];
	uint64_t pid;

	/* The one on this very address, else one that has the port on all of them. */
	table_address(at, address);
	for (size_t i = 0; inode == 0 && i < 2 * ARRAY_LEN(tables); i++)
		inode = listening_inode(tables[i % 2], i < 2 ? address : NULL, port);
	if (inode == 0)
		return;
	socket = xasprintf("socket:[%lu]", inode);
	proc = opendir("/proc");
	while (proc && (entry = readdir(proc))) {
		if (text_parse_u64(entry->d_name, 1, INT32_MAX, &pid) && has_socket(entry->d_name, socket)) {
			who->pid = (pid_t)pid;
			read_name(who->pid, who->name, sizeof(who->name));
			return;
		}
	}
}

enum probe_port probe_port(const char *address, uint16_t port, struct probe_holder *who)
{
	struct sockaddr_storage at;
	socklen_t len = to_sockaddr(address, port, &at);
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
	socklen_t len = to_sockaddr(address, 9, &to), own_len = sizeof(own);
	auto_close int fd = len > 0 ? socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	char text[INET6_ADDRSTRLEN];

	/* Connecting a datagram socket only picks the route; nothing is sent. */
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &own_len) < 0 ||
	    getnameinfo((const struct sockaddr *)&own, own_len, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
		return NULL;
	return xstrdup(text);
}
