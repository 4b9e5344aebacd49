/* SPDX-License-Identifier: Apache-2.0
 *
 * ETCD_* lines of cluster.conf: what passes through to etcd and what does not. Whether the etcd in use knows the option is
 * asked later, when its version is certain (env.h).
 */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/key.h"

/* Variables that would say again what a key of ours says; two answers to one question are a mistake waiting to happen. */
static const struct {
	const char *name; /* without ETCD_ */
	const char *ours;
} owned[] = {
	{ "NAME", "NAME" },
	{ "DATA_DIR", "DATA_DIR" },
	{ "WAL_DIR", "WAL_DIR" },
	{ "LISTEN_CLIENT_URLS", "ADDRESS and CLIENT_PORT" },
	{ "ADVERTISE_CLIENT_URLS", "ADDRESS and CLIENT_PORT" },
	{ "LISTEN_PEER_URLS", "ADDRESS and PEER_PORT" },
	{ "INITIAL_ADVERTISE_PEER_URLS", "ADDRESS and PEER_PORT" },
	{ "LISTEN_METRICS_URLS", "METRICS_URL" },
	{ "INITIAL_CLUSTER", "MEMBERS" },
	{ "INITIAL_CLUSTER_STATE", "ROLE" },
	{ "INITIAL_CLUSTER_TOKEN", "CLUSTER_TOKEN" },
};

/* Variables that would take away what this package promises. */
static const struct {
	const char *name;
	const char *why;
} refused[] = {
	{ "CERT_FILE", "the certificates in /etc/etcd/pki are etcd-cluster's to issue, check and renew" },
	{ "KEY_FILE", "the certificates in /etc/etcd/pki are etcd-cluster's to issue, check and renew" },
	{ "TRUSTED_CA_FILE", "the certificates in /etc/etcd/pki are etcd-cluster's to issue, check and renew" },
	{ "PEER_CERT_FILE", "the certificates in /etc/etcd/pki are etcd-cluster's to issue, check and renew" },
	{ "PEER_KEY_FILE", "the certificates in /etc/etcd/pki are etcd-cluster's to issue, check and renew" },
	{ "PEER_TRUSTED_CA_FILE", "the certificates in /etc/etcd/pki are etcd-cluster's to issue, check and renew" },
	{ "PEER_CERT_ALLOWED_CN", "it is what keeps client certificates out of the peer port" },
	{ "PEER_CERT_ALLOWED_HOSTNAME", "it would replace what keeps client certificates out of the peer port" },
	{ "CONFIG_FILE", "etcd would then ignore everything else in etcd.env, TLS included" },
	{ "FORCE_NEW_CLUSTER", "kept in a file, it would cut this member off its cluster at every start" },
	{ "DISCOVERY", "this package does not set clusters up by discovery; use MEMBERS" },
	{ "DISCOVERY_SRV", "this package does not set clusters up by discovery; use MEMBERS" },
	{ "DISCOVERY_ENDPOINTS", "this package does not set clusters up by discovery; use MEMBERS" },
};

/* Variables with one value that keeps the promise. */
static const struct {
	const char *name;
	const char *only;
	const char *why;
} fixed[] = {
	{ "CLIENT_CERT_AUTH", "true", "would serve clients without a certificate" },
	{ "PEER_CLIENT_CERT_AUTH", "true", "would accept peers without a certificate" },
	{ "AUTO_TLS", "false", "would put a throw-away certificate in place of ours" },
	{ "PEER_AUTO_TLS", "false", "would put a throw-away certificate in place of ours" },
	{ "PROXY", "off", "would make this machine a proxy and no member" },
};

/* 3.5.10 and later can serve HTTP apart from gRPC; it has to be TLS like everything else. */
static const char *check_http_urls(const char *value)
{
	auto_strv char **urls = text_split(value, ",");

	for (size_t i = 0; urls && urls[i]; i++)
		if (!text_starts(urls[i], "https://"))
			return "would serve without TLS; only https:// will do";
	return NULL;
}

static const char *check_name(const char *key)
{
	for (const char *p = key; *p; p++)
		if (!(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9') && *p != '_')
			return "is not written in upper case";
	return strcmp(key, "ETCD_") == 0 ? "names no option" : NULL;
}

static int check_allowed(const struct config_line *line, struct err *e)
{
	const char *name = line->key + strlen("ETCD_");
	const char *why = check_name(line->key);

	if (why)
		return err_set(e, ERR_CONFIG, "%s: %s %s", line->where, line->key, why);
	for (size_t i = 0; i < ARRAY_LEN(owned); i++) {
		if (strcmp(name, owned[i].name) == 0) {
			(void)err_set(e, ERR_CONFIG, "%s: %s cannot be set here", line->where, line->key);
			return err_hint(e, "it is made from %s; set that instead", owned[i].ours);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (strcmp(name, refused[i].name) == 0)
			return err_set(e, ERR_CONFIG, "%s: %s cannot be set here: %s", line->where, line->key,
				       refused[i].why);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (strcmp(name, fixed[i].name) == 0 && strcmp(line->value, fixed[i].only) != 0)
			return config_bad(line, fixed[i].why, e);
	why = strcmp(name, "LISTEN_CLIENT_HTTP_URLS") == 0 ? check_http_urls(line->value) : NULL;
	return why ? config_bad(line, why, e) : 0;
}

int config_etcd_set(struct config *c, const struct config_line *line, struct err *e)
{
	if (check_allowed(line, e) < 0)
		return -1;
	c->etcd = xrealloc(c->etcd, c->n_etcd + 1, sizeof(*c->etcd));
	c->etcd[c->n_etcd++] = (struct config_etcd){ xstrdup(line->key), xstrdup(line->value), xstrdup(line->where) };
	return 0;
}
