/* SPDX-License-Identifier: Apache-2.0 */
#include "config/default.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/check.h"
#include "config/version.h"

/* The minor release whose newest patch is the default. */
#define DEFAULT_MAJOR 3
#define DEFAULT_MINOR 6

/* hostname(5): one line, '#' begins a comment line. Empty when there is none. */
static void read_hostname_file(const struct layout *at, char *name, size_t size)
{
	auto_free char *path = layout_path(at, "/etc/hostname");
	auto_buf struct buf text = { 0 };
	struct err ignored = { 0 };
	size_t n;

	name[0] = '\0';
	if (file_read(path, 4096, &text, &ignored) < 0)
		return;
	for (const char *line = buf_str(&text); *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		if (*line == '#' || n == 0)
			continue;
		if (n < size) {
			memcpy(name, line, n);
			name[n] = '\0';
		}
		return;
	}
}

char *config_default_name(const struct layout *at, struct err *e)
{
	char name[256] = "";
	const char *why;

	if (at->root[0] != '\0')
		read_hostname_file(at, name, sizeof(name));
	if (name[0] == '\0' && gethostname(name, sizeof(name) - 1) < 0) {
		(void)err_sys(e, ERR_FAIL, "cannot tell the host name");
		return NULL;
	}
	text_lower(name);
	if (strlen(name) > CONFIG_NAME_MAX) /* a long FQDN: the host's own part is name enough */
		name[strcspn(name, ".")] = '\0';
	why = config_check_name(name);
	if (!why)
		return xstrdup(name);
	text_printable(name);
	(void)err_set(e, ERR_CONFIG, "the host name \"%s\" cannot be the member's name: it %s", name, why);
	(void)err_hint(e, "write NAME= and a name of letters, digits and hyphens in %s", at->conf);
	return NULL;
}

/* The address that a datagram to `to` would leave from, or NULL. */
static char *source_towards(const struct sockaddr *to, socklen_t len)
{
	auto_close int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage own = { 0 };
	socklen_t own_len = sizeof(own);
	char text[INET6_ADDRSTRLEN];
	const void *ip;

	if (fd < 0 || connect(fd, to, len) < 0 || getsockname(fd, (struct sockaddr *)&own, &own_len) < 0)
		return NULL;
	ip = own.ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)&own)->sin_addr
				      : (const void *)&((const struct sockaddr_in6 *)&own)->sin6_addr;
	if (!inet_ntop(own.ss_family, ip, text, sizeof(text)) || config_check_address(text))
		return NULL;
	return xstrdup(text);
}

char *config_default_address(struct err *e)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(9) };
	char *found;

	(void)inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
	(void)inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
	found = source_towards((const struct sockaddr *)&v4, sizeof(v4));
	if (!found)
		found = source_towards((const struct sockaddr *)&v6, sizeof(v6));
	if (!found) {
		(void)err_set(e, ERR_PENDING, "this machine has no route to anywhere yet, so its address is not known");
		(void)err_hint(e,
			       "write ADDRESS= and its address in cluster.conf if it never will have a default route");
	}
	return found;
}

char *config_default_release(const struct layout *at)
{
	struct version best = { 0 }, v;
	auto_buf struct buf text = { 0 };
	struct err ignored = { 0 };
	uint8_t digest[DIGEST_LEN];
	size_t n;

	if (file_read(at->digests, 1 << 20, &text, &ignored) < 0)
		return NULL;
	for (const char *line = buf_str(&text); *line; line += n + (line[n] == '\n')) {
		auto_free char *name = NULL;

		n = strcspn(line, "\n");
		if (digest_line(line, n, digest, &name) > 0 && version_of_tarball(name, &v) &&
		    v.major == DEFAULT_MAJOR && v.minor == DEFAULT_MINOR && version_cmp(v, best) > 0)
			best = v;
	}
	return best.major ? xasprintf(VERSION_FMT, VERSION_ARGS(best)) : NULL;
}

bool config_is_own_address(const char *address)
{
	struct in6_addr want;
	struct ifaddrs *list = NULL;
	sa_family_t family = strchr(address, ':') ? AF_INET6 : AF_INET;
	bool found = false;

	if (inet_pton(family, address, &want) != 1 || getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != family)
			continue;
		if (family == AF_INET)
			found = memcmp(&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr, &want,
				       sizeof(struct in_addr)) == 0;
		else
			found = memcmp(&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr, &want,
				       sizeof(struct in6_addr)) == 0;
	}
	freeifaddrs(list);
	return found;
}

bool config_is_offline(void)
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		found = i->ifa_addr->sa_family == AF_INET ||
			(i->ifa_addr->sa_family == AF_INET6 &&
			 !IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr));
	}
	freeifaddrs(list);
	return !found;
}

int config_is_own_name(const char *name)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char text[INET6_ADDRSTRLEN];
	int own = 0;

	if (getaddrinfo(name, NULL, &want, &found) != 0)
		return -1;
	for (const struct addrinfo *a = found; a && !own; a = a->ai_next)
		own = getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) == 0 &&
		      config_is_own_address(text);
	freeaddrinfo(found);
	return own;
}
