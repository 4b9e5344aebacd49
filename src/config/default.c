/* SPDX-License-Identifier: Apache-2.0 */
#include "config/default.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "adapter/probe.h"
#include "base/file.h"
#include "base/text.h"
#include "config/check.h"
#include "config/version.h"

/* The minor release whose newest patch is the default. */
#define DEFAULT_MAJOR 3
#define DEFAULT_MINOR 6

/* hostname(5): one line, '#' begins a comment line. NULL when there is none. */
static char *read_hostname_file(const struct layout *at)
{
	auto_free char *path = layout_path(at, "/etc/hostname");
	auto_buf struct buf text = { 0 };
	auto_strv char **lines = NULL;
	struct err ignored = { 0 };

	if (file_read(path, 4096, &text, &ignored) < 0)
		return NULL;
	lines = text_split(buf_str(&text), "\n");
	for (size_t i = 0; lines && lines[i]; i++)
		if (lines[i][0] != '#')
			return xstrdup(lines[i]);
	return NULL;
}

char *config_default_name(const struct layout *at, struct err *e)
{
	auto_free char *name = at->root[0] != '\0' ? read_hostname_file(at) : NULL;
	const char *why;

	if (!name) {
		name = xcalloc(HOST_NAME_MAX + 1, 1);
		(void)gethostname(name, HOST_NAME_MAX + 1); /* fails only for a smaller buffer */
	}
	text_lower(name);
	if (strlen(name) > CONFIG_NAME_MAX) /* a long FQDN: its first label names the host */
		name[strcspn(name, ".")] = '\0';
	why = config_check_name(name);
	if (!why)
		return steal(&name);
	text_printable(name);
	(void)err_set(e, ERR_CONFIG, "the host name \"%s\" cannot be the member's name: it %s", name, why);
	(void)err_hint(e, "write NAME= and a name of letters, digits and hyphens in %s", at->conf);
	return NULL;
}

/* The text of an IP address; false for another kind of address, and for NULL. */
static bool ip_text(const struct sockaddr *a, char text[NI_MAXHOST])
{
	socklen_t len = a && a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	return a && (a->sa_family == AF_INET || a->sa_family == AF_INET6) &&
	       getnameinfo(a, len, text, NI_MAXHOST, NULL, 0, NI_NUMERICHOST) == 0;
}

char *config_default_address(struct err *e)
{
	static const char *const outside[] = { "192.0.2.1", "2001:db8::1" };

	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		auto_free char *own = probe_source(outside[i]);

		if (own && !config_check_address(own))
			return steal(&own);
	}
	(void)err_set(e, ERR_PENDING, "the address of this machine is unknown: it has no default route yet");
	(void)err_hint(e, "if it never gets a default route, write ADDRESS= and its address in cluster.conf");
	return NULL;
}

char *config_default_release(const struct layout *at)
{
	struct version best = { 0 }, v;
	auto_buf struct buf text = { 0 };
	auto_strv char **lines = NULL;
	struct err ignored = { 0 };
	uint8_t digest[DIGEST_LEN];

	if (file_read(at->digests, 1 << 20, &text, &ignored) < 0)
		return NULL;
	lines = text_split(buf_str(&text), "\n");
	for (size_t i = 0; lines && lines[i]; i++) {
		auto_free char *name = NULL;

		if (digest_line(lines[i], strlen(lines[i]), digest, &name) > 0 && version_of_tarball(name, &v) &&
		    v.major == DEFAULT_MAJOR && v.minor == DEFAULT_MINOR && version_cmp(v, best) > 0)
			best = v;
	}
	return best.major ? xasprintf(VERSION_FMT, VERSION_ARGS(best)) : NULL;
}

bool config_is_own_address(const char *address)
{
	char want[INET6_ADDRSTRLEN], text[NI_MAXHOST];
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	struct ifaddrs *list = NULL;
	struct in6_addr ip;
	bool found = false;

	if (inet_pton(family, address, &ip) != 1 || !inet_ntop(family, &ip, want, sizeof(want)) ||
	    getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next)
		found = ip_text(i->ifa_addr, text) && strcmp(text, want) == 0;
	freeifaddrs(list);
	return found;
}

bool config_is_offline(void)
{
	struct ifaddrs *list = NULL;
	char text[NI_MAXHOST];
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next)
		found = !(i->ifa_flags & IFF_LOOPBACK) && ip_text(i->ifa_addr, text) && !strchr(text, '%');
	freeifaddrs(list);
	return !found;
}

static bool has_address(const struct ifaddrs *list, const char *name)
{
	char text[NI_MAXHOST];

	for (const struct ifaddrs *i = list; i; i = i->ifa_next)
		if (strcmp(i->ifa_name, name) == 0 && ip_text(i->ifa_addr, text) && !strchr(text, '%'))
			return true;
	return false;
}

char *config_network_gap(void)
{
	struct ifaddrs *list = NULL;
	char *gap = NULL;

	if (config_is_offline())
		return xstrdup("which has no network");
	if (getifaddrs(&list) < 0)
		return NULL;
	for (const struct ifaddrs *i = list; i && !gap; i = i->ifa_next)
		if (i->ifa_flags & IFF_UP && !(i->ifa_flags & (IFF_LOOPBACK | IFF_RUNNING)) &&
		    !has_address(list, i->ifa_name))
			gap = xasprintf("whose interface %s has no carrier", i->ifa_name);
	freeifaddrs(list);
	return gap;
}

int config_is_own_name(const char *name)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char text[NI_MAXHOST];
	int own = 0;

	if (getaddrinfo(name, NULL, &want, &found) != 0)
		return -1;
	for (const struct addrinfo *a = found; a && !own; a = a->ai_next)
		own = ip_text(a->ai_addr, text) && config_is_own_address(text);
	freeaddrinfo(found);
	return own;
}
