/* SPDX-License-Identifier: Apache-2.0 */
#include "config/check.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

void config_line_free(struct config_line *line)
{
	free(line->key);
	free(line->value);
	free(line->where);
}

int config_bad(struct err *e, const struct config_line *line, const char *why, ...)
{
	char shown[160], reason[1024];
	va_list ap;

	va_start(ap, why);
	(void)vsnprintf(reason, sizeof(reason), why, ap);
	va_end(ap);
	(void)snprintf(shown, sizeof(shown), "%s", line->value);
	text_printable(shown);
	return err_set(e, ERR_CONFIG, "%s: %s=%s %s", line->where, line->key, shown, reason);
}

/* RFC 1123, 2.1: labels of letters, digits and inner hyphens. */
static const char *check_labels(const char *s)
{
	if (*s == '\0')
		return "is empty";
	if (strchr(s, '_'))
		return "has an underscore, which no host name in a certificate may have; write a hyphen";
	if (!text_is_word(s, ".-"))
		return "has a character that is not a letter, digit, hyphen or dot";
	for (const char *label = s;; label = strchr(label, '.') + 1) {
		size_t len = strcspn(label, ".");

		if (len == 0)
			return "has an empty part between dots";
		if (len > 63)
			return "has a part longer than 63 characters";
		if (label[0] == '-')
			return "has a part that begins with a hyphen";
		if (label[len - 1] == '-')
			return "has a part that ends in a hyphen";
		if (label[len] == '\0')
			return NULL;
	}
}

const char *config_check_name(const char *s)
{
	if (strlen(s) > CONFIG_NAME_MAX)
		return "is longer than 63 characters";
	if (strpbrk(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		return "has upper-case letters; write it in lower case";
	if (config_is_ip(s))
		return "is an address, not a name";
	return check_labels(s);
}

/* Not all digits and dots: that is a mistyped IPv4 address. */
static const char *check_dns(const char *s)
{
	if (strspn(s, "0123456789.") == strlen(s) && *s)
		return "is not an IPv4 address of four numbers from 0 to 255";
	if (strlen(s) > 253)
		return "is longer than 253 characters";
	return check_labels(s);
}

bool config_is_ip(const char *address)
{
	struct in6_addr any;

	/* inet_pton(3) takes the dotted quad only, and no zone. */
	return inet_pton(AF_INET, address, &any) == 1 || inet_pton(AF_INET6, address, &any) == 1;
}

bool config_is_loopback(const char *address)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, address, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
	return inet_pton(AF_INET6, address, &v6) == 1 &&
	       (IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == IN_LOOPBACKNET));
}

const char *config_check_address(const char *s)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, s, &v4) == 1) {
		if (v4.s_addr == htonl(INADDR_ANY))
			return "is the unspecified address, which nobody can dial";
		if (IN_MULTICAST(ntohl(v4.s_addr)) || v4.s_addr == htonl(INADDR_BROADCAST))
			return "is a multicast or broadcast address";
		return NULL;
	}
	if (inet_pton(AF_INET6, s, &v6) == 1) {
		if (IN6_IS_ADDR_UNSPECIFIED(&v6))
			return "is the unspecified address, which nobody can dial";
		if (IN6_IS_ADDR_MULTICAST(&v6))
			return "is a multicast address";
		if (IN6_IS_ADDR_LINKLOCAL(&v6))
			return "is link-local: it means nothing to others without a zone, and a certificate cannot "
			       "hold one";
		if (IN6_IS_ADDR_V4MAPPED(&v6))
			return "is an IPv4 address in IPv6 form; write the IPv4 address";
		return NULL;
	}
	if (strchr(s, '%'))
		return "has a zone; write an address that every machine understands";
	if (strchr(s, '/'))
		return "has a slash; write the address alone, without https:// and without a prefix length";
	if (strchr(s, ':') && strchr(s, ':') == strrchr(s, ':'))
		return "has a port; write the address alone (CLIENT_PORT and PEER_PORT set the ports)";
	if (strchr(s, ':') || *s == '[')
		return "is not an IPv6 address";
	return check_dns(s);
}

const char *config_check_san(const char *s)
{
	return text_starts(s, "*.") ? check_dns(s + 2) : config_check_address(s);
}

/* Cuts HOST[:PORT] in two. host is without the brackets of IPv6; port is NULL when there is none. */
static bool split_host(char *s, char **host, char **port)
{
	bool brackets = *s == '[';
	char *end = brackets ? strchr(s, ']') : s + strcspn(s, ":");

	if (!end)
		return false;
	*host = s + brackets;
	*port = end[brackets] == ':' ? end + brackets + 1 : NULL;
	if (!*port && end[brackets] != '\0')
		return false;
	*end = '\0';
	return !brackets || strchr(*host, ':');
}

const char *config_check_metrics_url(const char *s)
{
	auto_free char *copy = NULL;
	char *host, *port;
	uint64_t ignored;

	if (!text_starts(s, "http://"))
		return "does not begin with http:// (write none for no metrics listener)";
	copy = xstrdup(s + strlen("http://"));
	if (!split_host(copy, &host, &port) || !port || !text_parse_u64(port, 1, 65535, &ignored))
		return "is not http://ADDRESS:PORT with a port from 1 to 65535 and nothing after it";
	if (!config_is_ip(host) && strcmp(host, "localhost") != 0)
		return "does not name an address of this machine: write an IP address or localhost";
	return NULL;
}

const char *config_check_release_base(const char *s)
{
	auto_free char *copy = NULL;
	char *host, *port;
	uint64_t value;

	if (*s == '/')
		return config_check_path(s);
	/* RFC 8089 has file:/path and file:///path; with a host between the slashes the file is not here. */
	if (text_starts(s, "file:///"))
		return config_check_path(s + strlen("file://"));
	if (text_starts(s, "file:/") && !text_starts(s, "file://"))
		return config_check_path(s + strlen("file:"));
	if (text_starts(s, "file:"))
		return "has no absolute path after file:";
	if (!text_starts(s, "https://") && !text_starts(s, "http://"))
		return "begins with none of https:// http:// file:/ and /";
	copy = xstrdup(strstr(s, "://") + strlen("://"));
	copy[strcspn(copy, "/")] = '\0';
	if (strchr(copy, '@'))
		return "has a user in it; this file and the journal must not hold a password";
	if (strpbrk(s, "\"'<>?#"))
		return "has one of \" ' < > ? #";
	if (!split_host(copy, &host, &port) || config_check_address(host))
		return "has no valid host name";
	if (port && !text_parse_u64(port, 1, 65535, &value))
		return "has a port that is not a number from 1 to 65535";
	return NULL;
}

const char *config_check_path(const char *s)
{
	if (*s != '/')
		return "is not an absolute path";
	if (strlen(s) > 1024)
		return "is too long";
	if (!text_is_word(s, "._/+@-"))
		return "has a character other than letters, digits and . _ / + @ -";
	if (strstr(s, "//"))
		return "has two slashes in a row";
	if (s[1] != '\0' && text_ends(s, "/"))
		return "ends in a slash";
	if (strstr(s, "/./") || strstr(s, "/../") || text_ends(s, "/.") || text_ends(s, "/.."))
		return "has a part that is . or ..";
	return NULL;
}

bool config_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

const char *config_check_data_dir(const char *s)
{
	static const struct {
		const char *why;
		bool alone; /* what lies below is allowed */
		const char *dirs[16];
	} groups[] = {
		{ "is where other things live; name a directory of etcd's own below it",
		  true,
		  { "/", "/var", "/var/lib", "/var/spool", "/var/opt", "/opt", "/srv", "/mnt", "/media",
		    "/var/lib/systemd" } },
		{ "is in a place that belongs to the system or to the package",
		  false,
		  { "/usr", "/etc", "/boot", "/proc", "/sys", "/dev", "/bin", "/sbin", "/lib", "/lib32", "/lib64",
		    "/libx32", "/var/cache", "/var/backups", "/var/log" } },
		{ "is in a place that is emptied at boot",
		  false,
		  { "/run", "/tmp", "/var/run", "/var/tmp", "/var/lock" } },
		{ "is in a home directory, which etcd.service cannot see (ProtectHome=)", false, { "/home", "/root" } },
	};
	const char *why = config_check_path(s);

	if (why)
		return why;
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		for (const char *const *dir = groups[i].dirs; *dir; dir++)
			if (groups[i].alone ? strcmp(s, *dir) == 0 : config_is_below(s, *dir))
				return groups[i].why;
	return NULL;
}

const char *config_check_backup_dir(const char *s)
{
	static const char *const hidden[] = { "/home", "/root", "/tmp", "/var/tmp", "/run", "/proc", "/sys", "/dev" };
	const char *why = config_check_path(s);

	for (size_t i = 0; !why && i < ARRAY_LEN(hidden); i++)
		if (config_is_below(s, hidden[i]))
			why = "is in a place that etcd-cluster-backup.service cannot see, or that is emptied at boot";
	return why;
}

const char *config_check_calendar(const char *s)
{
	if (strlen(s) > 128)
		return "is longer than 128 characters";
	return text_is_word(s, " *-:,./~+_") ? NULL : "has a character that no calendar event has (systemd.time(7))";
}

const char *config_check_command(const char *s)
{
	return s[0] == '/' ? NULL : "does not begin with the absolute path of a program";
}

const char *config_check_user(const char *s)
{
	if (strlen(s) > 32)
		return "is longer than 32 characters";
	return text_is_word(s, "._-") && s[0] != '-' ? NULL : "has a character other than letters, digits and . _ -";
}
