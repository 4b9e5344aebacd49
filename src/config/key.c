/* SPDX-License-Identifier: Apache-2.0 */
#include "config/key.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/x509_key.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/check.h"
#include "config/version.h"

/* etcd's FAQ ("What is maximum cluster size?") recommends no more: every write waits for a larger quorum. */
#define MAX_MEMBERS 7

int config_bad(const struct config_line *line, const char *why, struct err *e)
{
	char shown[160];

	(void)snprintf(shown, sizeof(shown), "%s", line->value);
	text_printable(shown);
	return err_set(e, ERR_CONFIG, "%s: %s=%s %s", line->where, line->key, shown, why);
}

/* Stores a copy of value, or fails with why when there is one. */
static int store(char **to, const struct config_line *line, const char *value, const char *why, struct err *e)
{
	if (why)
		return config_bad(line, why, e);
	free(*to);
	*to = xstrdup(value);
	return 0;
}

static int store_number(const struct config_line *line, unsigned int min, unsigned int max, unsigned int *to,
			struct err *e)
{
	auto_free char *why = NULL;
	uint64_t value;

	if (text_parse_u64(line->value, min, max, &value)) {
		*to = (unsigned int)value;
		return 0;
	}
	why = xasprintf("is not a whole number from %u to %u", min, max);
	return config_bad(line, why, e);
}

static int store_port(const struct config_line *line, uint16_t *to, struct err *e)
{
	unsigned int value = 0;

	if (store_number(line, 1, 65535, &value, e) < 0)
		return -1;
	*to = (uint16_t)value;
	return 0;
}

/* An address as people write it, in its one canonical form: lower case, IPv6 without brackets and shortened (RFC 5952). The caller frees. */
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

static int set_role(struct config *c, const struct config_line *line, struct err *e)
{
	for (enum role role = ROLE_SINGLE; role <= ROLE_NONE; role++) {
		if (strcmp(line->value, config_role_name(role)) == 0) {
			c->role = role;
			return 0;
		}
	}
	return config_bad(line, "is none of single, cluster, join, none", e);
}

static int set_name(struct config *c, const struct config_line *line, struct err *e)
{
	return store(&c->name, line, line->value, config_check_name(line->value), e);
}

static int set_address(struct config *c, const struct config_line *line, struct err *e)
{
	auto_free char *address = plain_address(line->value);

	return store(&c->address, line, address, config_check_address(address), e);
}

/* "n3=[fd00::3]": cuts item at its '=' and appends it. */
static int add_member(struct config *c, const struct config_line *line, char *item, struct err *e)
{
	auto_free char *text = NULL, *address = NULL;
	char *equals = strchr(item, '=');
	const char *why;

	if (!equals) {
		text = xasprintf("has the entry \"%s\"; an entry is NAME=ADDRESS", item);
		return config_bad(line, text, e);
	}
	*equals = '\0';
	address = plain_address(equals + 1);
	why = config_check_name(item);
	if (why || (why = config_check_address(address))) {
		text = xasprintf("has an entry %s=%s, whose %s %s", item, address,
				 config_check_name(item) ? "name" : "address", why);
		return config_bad(line, text, e);
	}
	for (size_t i = 0; i < c->n_members; i++) {
		bool name = strcmp(c->members[i].name, item) == 0;

		if (name || strcmp(c->members[i].address, address) == 0) {
			text = xasprintf("has %s %s twice", name ? "the name" : "the address", name ? item : address);
			return config_bad(line, text, e);
		}
	}
	c->members = xrealloc(c->members, c->n_members + 1, sizeof(*c->members));
	c->members[c->n_members++] = (struct config_member){ xstrdup(item), steal(&address) };
	return 0;
}

static int set_members(struct config *c, const struct config_line *line, struct err *e)
{
	auto_strv char **items = text_split(line->value, ",");

	if (!items)
		return config_bad(line, "names nobody", e);
	if (strv_len(items) > MAX_MEMBERS)
		return config_bad(line, "has more than 7 entries; etcd gets slower, not safer, with more", e);
	for (size_t i = 0; items[i]; i++)
		if (add_member(c, line, items[i], e) < 0)
			return -1;
	return 0;
}

static int set_cluster_token(struct config *c, const struct config_line *line, struct err *e)
{
	const char *why = NULL;

	if (strlen(line->value) > 128)
		why = "is longer than 128 characters";
	for (const char *p = line->value; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			why = "has a character other than letters, digits and . _ -";
	return store(&c->cluster_token, line, line->value, why, e);
}

/* A list of addresses separated by commas and blanks, each judged by check; one that is there already is dropped. */
static int store_list(char ***to, const struct config_line *line, const char *(*check)(const char *), struct err *e)
{
	auto_strv char **items = text_split(line->value, ",");

	for (size_t i = 0; items && items[i]; i++) {
		auto_free char *address = plain_address(items[i]);
		const char *why = check(address);

		if (why) {
			auto_free char *text = xasprintf("has the entry \"%s\", which %s", items[i], why);

			return config_bad(line, text, e);
		}
		strv_add_once(to, address);
	}
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

static int set_join(struct config *c, const struct config_line *line, struct err *e)
{
	auto_strv char **items = text_split(line->value, ",");

	for (size_t i = 0; items && items[i]; i++) {
		auto_free char *address = NULL, *text = NULL;
		const char *why = "has a port that is none";
		uint16_t port = 0;

		if (config_split_join(items[i], &address, &port))
			why = config_check_address(address);
		if (why) {
			text = xasprintf("has the entry \"%s\", which %s", items[i], why);
			return config_bad(line, text, e);
		}
		strv_add(&c->join, address);
		c->join_ports = xrealloc(c->join_ports, i + 1, sizeof(*c->join_ports));
		c->join_ports[i] = port;
	}
	return 0;
}

static int set_extra_sans(struct config *c, const struct config_line *line, struct err *e)
{
	return store_list(&c->extra_sans, line, config_check_san, e);
}

static int set_enroll_token_file(struct config *c, const struct config_line *line, struct err *e)
{
	return store(&c->enroll_token_file, line, line->value, config_check_path(line->value), e);
}

static int set_release(struct config *c, const struct config_line *line, struct err *e)
{
	const char *value = line->value, *bad;
	struct version v;

	c->release_given = true;
	if (strcmp(value, "system") == 0)
		return store(&c->release, line, value, NULL, e);
	if (!version_parse(value, &v))
		return config_bad(line, "is neither a version like 3.6.14 nor the word system", e);
	bad = version_known_bad(v);
	if (bad) {
		auto_free char *why = xasprintf("is refused: %s", bad);

		return config_bad(line, why, e);
	}
	return store(&c->release, line, value + (*value == 'v'), NULL, e);
}

static int set_release_url(struct config *c, const struct config_line *line, struct err *e)
{
	auto_strv char **bases = text_split(line->value, "");

	strv_free(c->release_urls);
	c->release_urls = NULL;
	if (strcmp(line->value, "none") == 0)
		return 0;
	for (size_t i = 0; bases && bases[i]; i++) {
		const char *why = config_check_release_base(bases[i]);

		if (why) {
			auto_free char *text = xasprintf("has the entry \"%s\", which %s", bases[i], why);

			return config_bad(line, text, e);
		}
		strv_add(&c->release_urls, bases[i]);
	}
	return 0;
}

static int set_release_ca_file(struct config *c, const struct config_line *line, struct err *e)
{
	return store(&c->release_ca, line, line->value, config_check_path(line->value), e);
}

static int set_data_dir(struct config *c, const struct config_line *line, struct err *e)
{
	return store(&c->data_dir, line, line->value, config_check_data_dir(line->value), e);
}

static int set_wal_dir(struct config *c, const struct config_line *line, struct err *e)
{
	return store(&c->wal_dir, line, line->value, config_check_data_dir(line->value), e);
}

static int set_client_port(struct config *c, const struct config_line *line, struct err *e)
{
	return store_port(line, &c->client_port, e);
}

static int set_peer_port(struct config *c, const struct config_line *line, struct err *e)
{
	return store_port(line, &c->peer_port, e);
}

static int set_enroll_port(struct config *c, const struct config_line *line, struct err *e)
{
	return store_port(line, &c->enroll_port, e);
}

static int set_replace(struct config *c, const struct config_line *line, struct err *e)
{
	c->replace = strcmp(line->value, "yes") == 0;
	return c->replace || strcmp(line->value, "no") == 0 ? 0 : config_bad(line, "is neither yes nor no", e);
}

static int set_metrics_url(struct config *c, const struct config_line *line, struct err *e)
{
	unsigned int port;

	if (strcmp(line->value, "none") == 0)
		return store(&c->metrics_url, line, "", NULL, e);
	return store(&c->metrics_url, line, line->value, config_check_metrics_url(line->value, &port), e);
}

static int set_key_type(struct config *c, const struct config_line *line, struct err *e)
{
	if (x509_key_type_parse(line->value, &c->key_type))
		return 0;
	return config_bad(line, "is none of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-4096, ed25519", e);
}

static int set_cert_days(struct config *c, const struct config_line *line, struct err *e)
{
	return store_number(line, 2, 3650, &c->cert_days, e);
}

static int set_ca_days(struct config *c, const struct config_line *line, struct err *e)
{
	return store_number(line, 1, 36500, &c->ca_days, e);
}

static int set_renew_before_days(struct config *c, const struct config_line *line, struct err *e)
{
	return store_number(line, 1, 3649, &c->renew_before_days, e);
}

/* systemd.time(7), "Calendar Events": the words; a whole expression would need systemd to be checked. */
static int set_backup_schedule(struct config *c, const struct config_line *line, struct err *e)
{
	static const char *const words[] = { "hourly",	  "daily",	  "weekly", "monthly",
					     "quarterly", "semiannually", "yearly" };

	if (strcmp(line->value, "none") == 0)
		return store(&c->backup_schedule, line, "", NULL, e);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(line->value, words[i]) == 0)
			return store(&c->backup_schedule, line, words[i], NULL, e);
	return config_bad(line, "is none of hourly, daily, weekly, monthly, quarterly, semiannually, yearly, none", e);
}

static int set_backup_keep(struct config *c, const struct config_line *line, struct err *e)
{
	return store_number(line, 1, 1000, &c->backup_keep, e);
}

static const struct {
	const char *name;
	int (*set)(struct config *c, const struct config_line *line, struct err *e);
} keys[] = {
	{ "ROLE", set_role },
	{ "NAME", set_name },
	{ "ADDRESS", set_address },
	{ "MEMBERS", set_members },
	{ "CLUSTER_TOKEN", set_cluster_token },
	{ "JOIN", set_join },
	{ "ENROLL_TOKEN_FILE", set_enroll_token_file },
	{ "ENROLL_PORT", set_enroll_port },
	{ "REPLACE", set_replace },
	{ "RELEASE", set_release },
	{ "RELEASE_URL", set_release_url },
	{ "RELEASE_CA_FILE", set_release_ca_file },
	{ "DATA_DIR", set_data_dir },
	{ "WAL_DIR", set_wal_dir },
	{ "CLIENT_PORT", set_client_port },
	{ "PEER_PORT", set_peer_port },
	{ "METRICS_URL", set_metrics_url },
	{ "EXTRA_SANS", set_extra_sans },
	{ "KEY_TYPE", set_key_type },
	{ "CERT_DAYS", set_cert_days },
	{ "CA_DAYS", set_ca_days },
	{ "RENEW_BEFORE_DAYS", set_renew_before_days },
	{ "BACKUP_SCHEDULE", set_backup_schedule },
	{ "BACKUP_KEEP", set_backup_keep },
};

int config_key_set(struct config *c, const struct config_line *line, struct err *e)
{
	const char *names[ARRAY_LEN(keys) + 1] = { NULL };
	auto_free char *upper = NULL;
	const char *near;

	if (text_starts(line->key, "ETCD_"))
		return config_etcd_set(c, line, e);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		names[i] = keys[i].name;
		if (strcmp(line->key, keys[i].name) == 0)
			return line->value[0] ? keys[i].set(c, line, e) : 0;
	}
	upper = xstrdup(line->key);
	text_upper(upper);
	near = text_suggest(upper, names);
	if (near)
		return err_set(e, ERR_CONFIG, "%s: unknown key %s; did you mean %s", line->where, line->key, near);
	(void)err_set(e, ERR_CONFIG, "%s: unknown key %s", line->where, line->key);
	return err_hint(e, "man cluster.conf lists the keys; --some-option of etcd itself is written ETCD_SOME_OPTION");
}
