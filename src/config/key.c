/* SPDX-License-Identifier: Apache-2.0 */
#include "config/key.h"

#include <arpa/inet.h>
#include <string.h>

#include "adapter/x509_key.h"
#include "base/text.h"
#include "config/version.h"

/* etcd's FAQ, "What is maximum cluster size?": every write waits for a quorum. */
#define MAX_MEMBERS 7

/* A key: which function stores its value in which member of struct config, and what judges it. */
struct key {
	const char *name;
	int (*set)(const struct key *k, struct config *c, const struct config_line *line, struct err *e);
	size_t at;
	const char *(*check)(const char *s); /* of a text or of the entries of a list */
	unsigned int min, max;		     /* of a number */
};

const char *config_role_name(enum role role)
{
	static const char *const names[] = {
		[ROLE_SINGLE] = "single",
		[ROLE_CLUSTER] = "cluster",
		[ROLE_JOIN] = "join",
		[ROLE_NONE] = "none",
	};

	return names[role];
}

static void *member(const struct key *k, struct config *c)
{
	return (char *)c + k->at;
}

static int store(const struct key *k, struct config *c, const char *value)
{
	char **to = member(k, c);

	free(*to);
	*to = xstrdup(value);
	return 0;
}

static int set_text(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	const char *why = k->check(line->value);

	return why ? config_bad(e, line, "%s", why) : store(k, c, line->value);
}

/* "none" is stored as "". */
static int set_text_or_none(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	return strcmp(line->value, "none") == 0 ? store(k, c, "") : set_text(k, c, line, e);
}

static int set_number(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	uint64_t value;

	if (!text_parse_u64(line->value, k->min, k->max, &value))
		return config_bad(e, line, "is not a whole number from %u to %u", k->min, k->max);
	*(unsigned int *)member(k, c) = (unsigned int)value;
	return 0;
}

static int set_port(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	uint64_t value;

	if (!text_parse_u64(line->value, 1, UINT16_MAX, &value))
		return config_bad(e, line, "is not a whole number from 1 to 65535");
	*(uint16_t *)member(k, c) = (uint16_t)value;
	return 0;
}

/* The canonical form of an address: lower case, IPv6 without brackets and shortened (RFC 5952). The caller frees. */
static char *plain_address(const char *s)
{
	size_t n = strlen(s);
	bool bracketed = n > 2 && s[0] == '[' && s[n - 1] == ']' && strchr(s, ':');
	char *copy = bracketed ? xstrndup(s + 1, n - 2) : xstrdup(s);
	char shortest[INET6_ADDRSTRLEN];
	struct in6_addr v6;

	text_lower(copy);
	if (inet_pton(AF_INET6, copy, &v6) == 1 && inet_ntop(AF_INET6, &v6, shortest, sizeof(shortest))) {
		free(copy);
		copy = xstrdup(shortest);
	}
	return copy;
}

static int set_address(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	auto_free char *address = plain_address(line->value);
	const char *why = config_check_address(address);

	return why ? config_bad(e, line, "%s", why) : store(k, c, address);
}

static int bad_entry(const struct config_line *line, const char *entry, const char *why, struct err *e)
{
	return config_bad(e, line, "has the entry \"%s\", which %s", entry, why);
}

/* A list of addresses separated by commas and blanks; one that is there already is dropped. */
static int set_addresses(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	auto_strv char **items = text_split(line->value, BLANKS ",");

	for (size_t i = 0; items && items[i]; i++) {
		auto_free char *address = plain_address(items[i]);
		const char *why = k->check(address);

		if (why)
			return bad_entry(line, items[i], why, e);
		strv_add_once(member(k, c), address);
	}
	return 0;
}

/* etcd binds to these, and their owner is compared with others': neither can depend on DNS. */
static const char *check_own_ip(const char *s)
{
	return config_is_ip(s) ? config_check_address(s) : "is not an IP address";
}

static int set_role(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	(void)k;
	for (enum role role = ROLE_SINGLE; role <= ROLE_NONE; role++) {
		if (strcmp(line->value, config_role_name(role)) == 0) {
			c->role = role;
			return 0;
		}
	}
	return config_bad(e, line, "is not single, cluster, join or none");
}

/* "n3=[fd00::3]": cuts item at its '=' and appends it. */
static int add_member(struct config *c, const struct config_line *line, char *item, struct err *e)
{
	auto_free char *address = NULL;
	char *equals = strchr(item, '=');
	const char *why;

	if (!equals)
		return config_bad(e, line, "has the entry \"%s\"; an entry is NAME=ADDRESS", item);
	*equals = '\0';
	address = plain_address(equals + 1);
	why = config_check_name(item);
	if (why)
		return config_bad(e, line, "has an entry %s=%s, whose name %s", item, address, why);
	why = config_check_address(address);
	if (why)
		return config_bad(e, line, "has an entry %s=%s, whose address %s", item, address, why);
	for (size_t i = 0; i < c->n_members; i++) {
		if (strcmp(c->members[i].name, item) == 0)
			return config_bad(e, line, "has the name %s twice", item);
		if (strcmp(c->members[i].address, address) == 0)
			return config_bad(e, line, "has the address %s twice", address);
	}
	c->members = xrealloc(c->members, c->n_members + 1, sizeof(*c->members));
	c->members[c->n_members++] = (struct config_member){ xstrdup(item), steal(&address) };
	return 0;
}

static int set_members(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	auto_strv char **items = text_split(line->value, BLANKS ",");

	(void)k;
	if (!items)
		return config_bad(e, line, "has no entry");
	if (strv_len(items) > MAX_MEMBERS)
		return config_bad(e, line, "has more than 7 entries; etcd gets slower, not safer, with more");
	for (size_t i = 0; items[i]; i++)
		if (add_member(c, line, items[i], e) < 0)
			return -1;
	return 0;
}

bool config_split_join(const char *entry, char **address, uint16_t *port)
{
	const char *colon = strrchr(entry, ':');
	bool has_port = colon && (entry[0] == '[' ? colon[-1] == ']' : strchr(entry, ':') == colon);
	auto_free char *before = has_port ? xstrndup(entry, (size_t)(colon - entry)) : xstrdup(entry);
	uint64_t number = 0;

	if (has_port && !text_parse_u64(colon + 1, 1, UINT16_MAX, &number))
		return false;
	*address = plain_address(before);
	*port = (uint16_t)number;
	return true;
}

static int set_join(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	auto_strv char **items = text_split(line->value, BLANKS ",");

	for (size_t i = 0; items && items[i]; i++) {
		auto_free char *address = NULL;
		const char *why = "has a port that is not a number from 1 to 65535";
		uint16_t port = 0;

		if (config_split_join(items[i], &address, &port))
			why = k->check(address);
		if (why)
			return bad_entry(line, items[i], why, e);
		strv_add(&c->join, address);
		c->join_ports = xrealloc(c->join_ports, i + 1, sizeof(*c->join_ports));
		c->join_ports[i] = port;
	}
	return 0;
}

static int set_release(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	const char *value = line->value, *bad;
	struct version v;

	c->release_given = true;
	if (strcmp(value, "system") == 0)
		return store(k, c, value);
	if (!version_parse(value, &v))
		return config_bad(e, line, "is not a version such as 3.6.14 and not \"system\"");
	bad = version_known_bad(v);
	if (bad)
		return config_bad(e, line, "is refused: %s", bad);
	return store(k, c, value + (*value == 'v'));
}

static int set_release_url(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	auto_strv char **bases = text_split(line->value, BLANKS);

	strv_free(c->release_urls);
	c->release_urls = NULL;
	if (strcmp(line->value, "none") == 0)
		return 0;
	for (size_t i = 0; bases && bases[i]; i++) {
		const char *why = k->check(bases[i]);

		if (why)
			return bad_entry(line, bases[i], why, e);
		strv_add(&c->release_urls, bases[i]);
	}
	return 0;
}

static int set_replace(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	(void)k;
	c->replace = strcmp(line->value, "yes") == 0;
	return c->replace || strcmp(line->value, "no") == 0 ? 0 : config_bad(e, line, "is not yes or no");
}

static int set_ca(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	(void)k;
	c->ca_external = strcmp(line->value, "external") == 0;
	return c->ca_external || strcmp(line->value, "internal") == 0
		       ? 0
		       : config_bad(e, line, "is not internal or external");
}

static int set_key_type(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	(void)k;
	if (x509_key_type_parse(line->value, &c->key_type))
		return 0;
	return config_bad(e, line, "is not ecdsa-p256, ecdsa-p384, rsa-2048, rsa-4096 or ed25519");
}

static const char *check_cluster_token(const char *s)
{
	if (strlen(s) > 128)
		return "is longer than 128 characters";
	return text_is_word(s, "._-") ? NULL : "has a character other than letters, digits and . _ -";
}

/* "14", or "14,30d": so many, and none that is older. */
static int set_backup_keep(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	auto_strv char **parts = text_split(line->value, ",");
	const size_t n = strv_len(parts);
	uint64_t count = 0, days = 0;
	bool good = (n == 1 || n == 2) && text_parse_u64(parts[0], k->min, k->max, &count);

	if (good && n == 2) {
		good = text_ends(parts[1], "d");
		parts[1][strlen(parts[1]) - 1] = '\0';
		good = good && text_parse_u64(parts[1], 1, 36500, &days);
	}
	if (!good)
		return config_bad(e, line, "is not a number from %u to %u, as 14, or with an age in days, as 14,30d",
				  k->min, k->max);
	c->backup_keep = (unsigned int)count;
	c->backup_days = (unsigned int)days;
	return 0;
}

static int set_backup_compress(const struct key *k, struct config *c, const struct config_line *line, struct err *e)
{
	(void)k;
	c->backup_zstd = strcmp(line->value, "zstd") == 0;
	return c->backup_zstd || strcmp(line->value, "none") == 0 ? 0 : config_bad(e, line, "is not zstd or none");
}

#define AT(member) offsetof(struct config, member)

static const struct key keys[] = {
	{ .name = "ROLE", set_role },
	{ .name = "NAME", set_text, AT(name), config_check_name },
	{ .name = "ADDRESS", set_address, AT(address) },
	{ .name = "ADDRESSES", set_addresses, AT(addresses), check_own_ip },
	{ .name = "MEMBERS", set_members },
	{ .name = "CLUSTER_TOKEN", set_text, AT(cluster_token), check_cluster_token },
	{ .name = "JOIN", set_join, .check = config_check_address },
	{ .name = "ENROLL_TOKEN_FILE", set_text, AT(enroll_token_file), config_check_path },
	{ .name = "ENROLL_PORT", set_port, AT(enroll_port) },
	{ .name = "REPLACE", set_replace },
	{ .name = "RELEASE", set_release, AT(release) },
	{ .name = "RELEASE_URL", set_release_url, .check = config_check_release_base },
	{ .name = "RELEASE_CA_FILE", set_text, AT(release_ca), config_check_path },
	{ .name = "DATA_DIR", set_text, AT(data_dir), config_check_data_dir },
	{ .name = "WAL_DIR", set_text, AT(wal_dir), config_check_data_dir },
	{ .name = "CLIENT_PORT", set_port, AT(client_port) },
	{ .name = "PEER_PORT", set_port, AT(peer_port) },
	{ .name = "METRICS_URL", set_text_or_none, AT(metrics_url), config_check_metrics_url },
	{ .name = "EXTRA_SANS", set_addresses, AT(extra_sans), config_check_san },
	{ .name = "CA", set_ca },
	{ .name = "KEY_TYPE", set_key_type },
	{ .name = "CERT_DAYS", set_number, AT(cert_days), .min = 2, .max = 3650 },
	{ .name = "CA_DAYS", set_number, AT(ca_days), .min = 1, .max = 36500 },
	{ .name = "RENEW_BEFORE_DAYS", set_number, AT(renew_before_days), .min = 1, .max = 3649 },
	{ .name = "BACKUP_SCHEDULE", set_text_or_none, AT(backup_schedule), config_check_calendar },
	{ .name = "BACKUP_DIR", set_text, AT(backup_dir), config_check_backup_dir },
	{ .name = "BACKUP_MOUNT", set_text, AT(backup_mount), config_check_path },
	{ .name = "BACKUP_KEEP", set_backup_keep, .min = 1, .max = 1000 },
	{ .name = "BACKUP_COMPRESS", set_backup_compress },
	{ .name = "BACKUP_COMMAND", set_text, AT(backup_command), config_check_command },
	{ .name = "BACKUP_USER", set_text, AT(backup_user), config_check_user },
};

int config_key_set(struct config *c, const struct config_line *line, struct err *e)
{
	const char *names[ARRAY_LEN(keys) + 1] = { NULL };
	auto_free char *upper = xstrdup(line->key);
	const char *near;

	if (text_starts(line->key, "ETCD_"))
		return config_etcd_set(c, line, e);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		names[i] = keys[i].name;
		if (strcmp(line->key, keys[i].name) == 0)
			return line->value[0] ? keys[i].set(&keys[i], c, line, e) : 0;
	}
	text_upper(upper);
	near = text_suggest(upper, names);
	if (near)
		return err_set(e, ERR_CONFIG, "%s: unknown key %s; did you mean %s", line->where, line->key, near);
	(void)err_set(e, ERR_CONFIG, "%s: unknown key %s", line->where, line->key);
	return err_hint(e, "man cluster.conf lists the keys; --some-option of etcd itself is written ETCD_SOME_OPTION");
}
