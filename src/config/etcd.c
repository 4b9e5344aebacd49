/* SPDX-License-Identifier: Apache-2.0
 *
 * ETCD_* lines of cluster.conf: which pass through to etcd. Whether the etcd in use has the option is checked later,
 * when its version is known (member/env.h).
 */
#include <string.h>

#include "base/text.h"
#include "config/key.h"

#define PKI	  "the certificates in /etc/etcd/pki are etcd-cluster's to issue, check and renew"
#define DISCOVERY "this package does not set clusters up by discovery; use MEMBERS"

/* Variables that our keys set, that weaken the protection, or that have one safe value. */
static const struct rule {
	const char *name; /* without ETCD_ */
	const char *ours; /* the keys that set it */
	const char *only; /* the one value that is allowed */
	const char *why;
} rules[] = {
	{ "NAME", .ours = "NAME" },
	{ "DATA_DIR", .ours = "DATA_DIR" },
	{ "WAL_DIR", .ours = "WAL_DIR" },
	{ "LISTEN_CLIENT_URLS", .ours = "ADDRESS and CLIENT_PORT" },
	{ "ADVERTISE_CLIENT_URLS", .ours = "ADDRESS and CLIENT_PORT" },
	{ "LISTEN_PEER_URLS", .ours = "ADDRESS and PEER_PORT" },
	{ "INITIAL_ADVERTISE_PEER_URLS", .ours = "ADDRESS and PEER_PORT" },
	{ "LISTEN_METRICS_URLS", .ours = "METRICS_URL" },
	{ "INITIAL_CLUSTER", .ours = "MEMBERS" },
	{ "INITIAL_CLUSTER_STATE", .ours = "ROLE" },
	{ "INITIAL_CLUSTER_TOKEN", .ours = "CLUSTER_TOKEN" },
	{ "CERT_FILE", .why = PKI },
	{ "KEY_FILE", .why = PKI },
	{ "TRUSTED_CA_FILE", .why = PKI },
	{ "PEER_CERT_FILE", .why = PKI },
	{ "PEER_KEY_FILE", .why = PKI },
	{ "PEER_TRUSTED_CA_FILE", .why = PKI },
	{ "PEER_CERT_ALLOWED_CN", .why = "it keeps client certificates out of the peer port" },
	{ "PEER_CERT_ALLOWED_HOSTNAME", .why = "it would replace what keeps client certificates out of the peer port" },
	{ "CONFIG_FILE", .why = "etcd would then ignore everything else in etcd.env, TLS included" },
	{ "FORCE_NEW_CLUSTER", .why = "kept in a file, it would cut this member off its cluster at every start" },
	{ "DISCOVERY", .why = DISCOVERY },
	{ "DISCOVERY_SRV", .why = DISCOVERY },
	{ "DISCOVERY_ENDPOINTS", .why = DISCOVERY },
	{ "CLIENT_CERT_AUTH", .only = "true", .why = "would serve clients without a certificate" },
	{ "PEER_CLIENT_CERT_AUTH", .only = "true", .why = "would accept peers without a certificate" },
	{ "AUTO_TLS", .only = "false", .why = "would put a throw-away certificate in place of ours" },
	{ "PEER_AUTO_TLS", .only = "false", .why = "would put a throw-away certificate in place of ours" },
	{ "PROXY", .only = "off", .why = "would make this machine a proxy instead of a member" },
};

/* 3.5.10 and later can serve HTTP apart from gRPC. */
static const char *check_http_urls(const char *value)
{
	auto_strv char **urls = text_split(value, BLANKS ",");

	for (size_t i = 0; urls && urls[i]; i++)
		if (!text_starts(urls[i], "https://"))
			return "would serve without TLS; only https:// is allowed";
	return NULL;
}

static const char *check_name(const char *key)
{
	if (!text_is_word(key, "_") || strpbrk(key, "abcdefghijklmnopqrstuvwxyz"))
		return "is not written in upper case";
	return strcmp(key, "ETCD_") == 0 ? "names no option" : NULL;
}

static int check_rule(const struct rule *rule, const struct config_line *line, struct err *e)
{
	if (rule->only)
		return strcmp(line->value, rule->only) == 0 ? 0 : config_bad(e, line, "%s", rule->why);
	if (!rule->ours)
		return err_set(e, ERR_CONFIG, "%s: %s cannot be set here: %s", line->where, line->key, rule->why);
	(void)err_set(e, ERR_CONFIG, "%s: %s cannot be set here", line->where, line->key);
	return err_hint(e, "it is made from %s; set that instead", rule->ours);
}

int config_etcd_set(struct config *c, const struct config_line *line, struct err *e)
{
	const char *name = line->key + strlen("ETCD_");
	const char *why = check_name(line->key);

	if (why)
		return err_set(e, ERR_CONFIG, "%s: %s %s", line->where, line->key, why);
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (strcmp(name, rules[i].name) == 0 && check_rule(&rules[i], line, e) < 0)
			return -1;
	why = strcmp(name, "LISTEN_CLIENT_HTTP_URLS") == 0 ? check_http_urls(line->value) : NULL;
	if (why)
		return config_bad(e, line, "%s", why);
	c->etcd = xrealloc(c->etcd, c->n_etcd + 1, sizeof(*c->etcd));
	c->etcd[c->n_etcd++] = (struct config_line){ xstrdup(line->key), xstrdup(line->value), xstrdup(line->where) };
	return 0;
}
