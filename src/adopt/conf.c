/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "adapter/keyfile.h"
#include "adopt/plan.h"
#include "base/text.h"
#include "config/key.h"
#include "member/endpoint.h"

#define CONF_MAX     (256 * 1024)
#define MOST_ANSWERS 64
#define TLS_FIRST    "this etcd needs TLS first: etcd-cluster(8), MOVING IN, has the steps"

/* Options that become other keys, that pki stands for, or that say nothing once there is data. */
static const char *const consumed[] = {
	"name",
	"data-dir",
	"wal-dir",
	"listen-client-urls",
	"advertise-client-urls",
	"listen-peer-urls",
	"initial-advertise-peer-urls",
	"listen-metrics-urls",
	"initial-cluster",
	"initial-cluster-state",
	"initial-cluster-token",
	"cert-file",
	"key-file",
	"trusted-ca-file",
	"client-cert-auth",
	"peer-cert-file",
	"peer-key-file",
	"peer-trusted-ca-file",
	"peer-client-cert-auth",
	"peer-cert-allowed-cn",
	"unsupported-arch",
};

/* Options whose harmless value is left out: etcd's own default. */
static const char *const defaults[][2] = {
	{ "force-new-cluster", "false" },  { "auto-tls", "false" },
	{ "peer-auto-tls", "false" },	   { "proxy", "off" },
	{ "discovery-fallback", "proxy" }, { "discovery-fallback", "exit" },
};

static int refuse(const struct config_line *line, const char *why, struct err *e)
{
	return err_set(e, ERR_CONFIG, "%s: %s=%s %s", line->where, line->key, line->value, why);
}

static const char *value_of(const struct adopt_plan *p, const char *option)
{
	const struct config_line *line = adopt_setting(&p->source, option);

	return line ? line->value : NULL;
}

static bool is_true(const char *value)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };

	return value && text_index(value, yes, ARRAY_LEN(yes)) < ARRAY_LEN(yes);
}

static int need(const struct adopt_plan *p, const char *option, const char *hint, struct err *e)
{
	if (value_of(p, option))
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s does not set --%s", p->source.path, option);
	return err_hint(e, "%s", hint);
}

static bool is_local(const char *host)
{
	return config_is_loopback(host) || strcmp(host, "localhost") == 0;
}

/* Mutual TLS on both ports; clients that work now must work later. */
static int check_tls(const struct adopt_plan *p, struct err *e)
{
	static const char *const files[] = { "cert-file",      "key-file",	"trusted-ca-file",
					     "peer-cert-file", "peer-key-file", "peer-trusted-ca-file" };
	static const char *const auth[] = { "client-cert-auth", "peer-client-cert-auth" };

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (need(p, files[i], TLS_FIRST, e) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(auth); i++) {
		if (is_true(value_of(p, auth[i])))
			continue;
		(void)err_set(e, ERR_CONFIG, "%s does not set --%s, so clients without a certificate would be refused",
			      p->source.path, auth[i]);
		return err_hint(e, "set it on every machine and restart its etcd, once each client has a certificate; "
				   "then: etcd-cluster adopt");
	}
	return 0;
}

/* All URLs of the option are https and have one port. *host: of the first that is not loopback, else of the first. */
static int take_urls(const struct adopt_plan *p, const char *option, char **host, uint16_t *port, struct err *e)
{
	const struct config_line *line = adopt_setting(&p->source, option);
	auto_strv char **urls = line ? text_split(line->value, BLANKS ",") : NULL;

	for (size_t i = 0; urls && urls[i]; i++) {
		auto_free char *one = NULL;
		uint16_t number;

		if (!text_starts(urls[i], "https://")) {
			(void)refuse(line, "serves without TLS", e);
			return err_hint(e, "%s", TLS_FIRST);
		}
		if (!endpoint_split(urls[i], &one, &number))
			return refuse(line, "is not a list of URLs with a port", e);
		if (*port != 0 && *port != number)
			return refuse(line, "has several ports, and cluster.conf has one", e);
		*port = number;
		if (!*host || (is_local(*host) && !is_local(one))) {
			free(*host);
			*host = steal(&one);
		}
	}
	return *port ? 0 : need(p, option, "write it there, and restart that etcd", e);
}

static int take_addresses(struct adopt_plan *p, struct err *e)
{
	auto_free char *client = NULL, *peer = NULL, *listens = NULL, *peers = NULL;
	uint16_t listen_client = 0, listen_peer = 0;

	if (take_urls(p, "listen-client-urls", &listens, &listen_client, e) < 0 ||
	    take_urls(p, "listen-peer-urls", &peers, &listen_peer, e) < 0 ||
	    take_urls(p, "advertise-client-urls", &client, &p->client_port, e) < 0 ||
	    take_urls(p, "initial-advertise-peer-urls", &peer, &p->peer_port, e) < 0)
		return -1;
	if (p->client_port != listen_client || p->peer_port != listen_peer)
		return err_set(e, ERR_CONFIG, "%s: etcd listens on other ports than it advertises", p->source.path);
	p->address = steal(&client);
	if (peer && p->address && strcmp(peer, p->address) != 0)
		return refuse(adopt_setting(&p->source, "initial-advertise-peer-urls"),
			      "has another host than advertise-client-urls, and cluster.conf has one ADDRESS", e);
	p->client_url = config_url(p->address, p->client_port);
	return 0;
}

static int take_dirs(struct adopt_plan *p, struct err *e)
{
	const struct config_line *data = adopt_setting(&p->source, "data-dir"),
				 *wal = adopt_setting(&p->source, "wal-dir");

	if (!data)
		return need(p, "data-dir", "write it there, and restart that etcd", e);
	p->data_dir = xstrdup(data->value);
	for (size_t len = strlen(p->data_dir); len > 1 && p->data_dir[len - 1] == '/'; len--)
		p->data_dir[len - 1] = '\0';
	if (config_check_path(p->data_dir))
		return refuse(data, config_check_path(p->data_dir), e);
	if (wal && !text_ends(wal->value, "/wal"))
		return refuse(wal, "does not end in /wal, as the directory of WAL_DIR does", e);
	p->wal_dir = wal ? xstrndup(wal->value, strlen(wal->value) - strlen("/wal")) : NULL;
	for (size_t i = 0; p->source.mounts && p->source.mounts[i]; i++)
		if (config_is_below(p->data_dir, p->source.mounts[i]))
			return 0;
	return p->source.unit ? 0 : refuse(data, "is not a directory of the host that the pod sees under this name", e);
}

int adopt_understand(struct adopt_plan *p, struct err *e)
{
	const struct config_line *metrics = adopt_setting(&p->source, "listen-metrics-urls");

	if (need(p, "name", "write it there, and restart that etcd", e) < 0 || check_tls(p, e) < 0 ||
	    take_addresses(p, e) < 0 || take_dirs(p, e) < 0)
		return -1;
	p->name = xstrdup(value_of(p, "name"));
	if (config_check_name(p->name))
		return refuse(adopt_setting(&p->source, "name"), config_check_name(p->name), e);
	if (metrics && config_check_metrics_url(metrics->value))
		return refuse(metrics, config_check_metrics_url(metrics->value), e);
	return 0;
}

/* ---- cluster.conf ---------------------------------------------------------------------------------------------- */

struct answers {
	struct config_answer list[MOST_ANSWERS];
	char *values[MOST_ANSWERS]; /* freed */
	size_t n;
};

static void answers_free(struct answers *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->values[i]);
}

/* Quoted as cluster.conf needs it. NULL is left out. */
static int answer(struct answers *a, const char *key, const char *value, struct err *e)
{
	auto_buf struct buf line = { 0 };

	if (!value)
		return 0;
	if (a->n == MOST_ANSWERS)
		return err_set(e, ERR_CONFIG, "there are more than %d settings", MOST_ANSWERS);
	if (keyfile_put(&line, key, value, e) < 0)
		return -1;
	a->values[a->n] = xstrndup(line.data + strlen(key) + 1, line.len - strlen(key) - 2);
	a->list[a->n] = (struct config_answer){ key, a->values[a->n] };
	a->n++;
	return 0;
}

static bool is_default(const struct config_line *line, const char *option)
{
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		if (strcmp(option, defaults[i][0]) == 0 && strcmp(line->value, defaults[i][1]) == 0)
			return true;
	return false;
}

/* "data-dir" of ETCD_DATA_DIR. The caller frees. */
static char *option_of(const char *key)
{
	char *option = xstrdup(key + strlen("ETCD_"));

	text_lower(option);
	for (char *c = option; *c; c++)
		if (*c == '_')
			*c = '-';
	return option;
}

static bool is_passed(const struct config_line *line)
{
	auto_free char *option = option_of(line->key);

	return line->value[0] && !is_default(line, option) &&
	       text_index(option, consumed, ARRAY_LEN(consumed)) == ARRAY_LEN(consumed);
}

int adopt_check_options(const struct adopt_plan *p, char *const *options, struct err *e)
{
	for (size_t i = 0; i < p->source.n; i++) {
		const struct config_line *line = &p->source.settings[i];
		auto_free char *option = option_of(line->key);

		if (is_passed(line) && !strv_has(options, option))
			return err_set(e, ERR_CONFIG, "%s: etcd %s has no option --%s", line->where, p->version,
				       option);
	}
	return 0;
}

/* As ETCD_ lines; what cluster.conf does not permit is refused by its own line. */
static int pass(const struct adopt_plan *p, struct answers *a, struct err *e)
{
	struct config trial cleanup(config_free) = { 0 };

	for (size_t i = 0; i < p->source.n; i++) {
		const struct config_line *line = &p->source.settings[i];

		if (!is_passed(line))
			continue;
		if (config_etcd_set(&trial, line, e) < 0)
			return -1;
		if (answer(a, line->key, line->value, e) < 0)
			return err_wrap(e, "%s", line->where);
	}
	/* Without this setting etcd keeps every revision, and clients may rely on that; our default does not. */
	return value_of(p, "auto-compaction-retention") ? 0 : answer(a, "ETCD_AUTO_COMPACTION_RETENTION", "0", e);
}

/* What their server certificate is valid for beyond this member and the others: names that clients may dial. */
static char *extra_sans(const struct adopt_plan *p, struct err *e)
{
	auto_free char *path = xasprintf("%s/pki/server.crt", p->dir);
	auto_free char *list = p->members ? xasprintf("%s,", p->members) : xstrdup("");
	auto_cert x509_cert *cert = x509_cert_read(path, e);
	const char *const own[] = { p->name, p->address, "localhost", "127.0.0.1", "::1" };
	struct x509_info info cleanup(x509_info_free) = { 0 };
	auto_strv char **more = NULL;

	if (!cert)
		return NULL;
	x509_describe(cert, &info);
	for (size_t i = 0; info.sans && info.sans[i]; i++) {
		const char *san = info.sans[i];
		auto_free char *name = xasprintf(",%s=", san), *address = xasprintf("=%s,", san),
			       *first = xasprintf("%s=", san);

		if (text_index(san, own, ARRAY_LEN(own)) == ARRAY_LEN(own) && !config_check_san(san) &&
		    !config_is_loopback(san) && !strstr(list, name) && !strstr(list, address) &&
		    !text_starts(list, first))
			strv_add(&more, san);
	}
	return strv_join(more, ",");
}

/* Starts from the cluster.conf that is there, which may have the mirrors and other answers. */
static int write_base(const struct adopt_plan *p, const char *path, struct err *e)
{
	auto_buf struct buf text = { 0 };

	if (file_read(p->here->at.conf, CONF_MAX, &text, e) < 0 && err_absent(e) < 0)
		return -1;
	return file_replace(path, FILE_MODE(0644), buf_str(&text), text.len, e);
}

static int collect(const struct adopt_plan *p, const char *sans, struct answers *a, struct err *e)
{
	const struct config_line *metrics = adopt_setting(&p->source, "listen-metrics-urls");
	const char *token = value_of(p, "initial-cluster-token");
	auto_free char *client = xasprintf("%u", p->client_port), *peer = xasprintf("%u", p->peer_port);
	const struct config_answer keys[] = {
		{ "ROLE", p->members ? "cluster" : "single" },
		{ "MEMBERS", p->members },
		{ "NAME", p->name },
		{ "ADDRESS", p->address },
		{ "CLIENT_PORT", client },
		{ "PEER_PORT", peer },
		{ "CLUSTER_TOKEN", token && text_is_word(token, "-._") ? token : NULL },
		{ "RELEASE", p->version },
		{ "DATA_DIR", p->data_dir },
		{ "WAL_DIR", p->wal_dir },
		{ "METRICS_URL", metrics ? metrics->value : "none" },
		{ "EXTRA_SANS", sans[0] ? sans : NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (answer(a, keys[i].key, keys[i].value, e) < 0)
			return -1;
	return pass(p, a, e);
}

int adopt_write_conf(struct adopt_plan *p, struct err *e)
{
	auto_free char *path = xasprintf("%s/cluster.conf", p->dir), *pki = xasprintf("%s/pki", p->dir);
	const struct machine_options where = { .root = p->here->at.root, .config = path };
	struct answers a cleanup(answers_free) = { .n = 0 };
	struct layout at cleanup(layout_free) = { 0 };
	auto_free char *sans = p->version ? extra_sans(p, e) : xstrdup("");

	layout_init(&at, where.root, path);
	free(at.etc); /* where config_edit makes its directory */
	at.etc = xstrdup(p->dir);
	if (!sans || collect(p, sans, &a, e) < 0 || write_base(p, path, e) < 0 ||
	    config_edit(&at, a.list, a.n, false, e) < 0)
		return -1;
	machine_free(&p->m);
	machine_locate(&p->m, &where);
	if (config_load(&p->m.at, &p->m.conf, e) < 0)
		return -1;
	free(p->m.at.pki);
	free(p->m.at.etc);
	p->m.at.pki = steal(&pki);
	p->m.at.etc = xstrdup(p->dir);
	p->m.live = false; /* nothing of it is in place */
	return 0;
}
