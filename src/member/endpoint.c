/* SPDX-License-Identifier: Apache-2.0 */
#include "member/endpoint.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "base/text.h"
#include "config/check.h"
#include "config/default.h"

#define PEER_SETTING "ETCD_INITIAL_ADVERTISE_PEER_URLS"

struct grpc *endpoint_open(const struct machine *m, const char *url, unsigned int connect_ms, unsigned int call_ms,
			   struct err *e)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt"), *cert = machine_pki_path(m, ENDPOINT_PAIR, "crt");
	auto_free char *key = machine_pki_path(m, ENDPOINT_PAIR, "key");
	const struct grpc_endpoint to = { .url = url,
					  .ca_file = m->client_files ? m->client_files[0] : ca,
					  .cert_file = m->client_files ? m->client_files[1] : cert,
					  .key_file = m->client_files ? m->client_files[2] : key,
					  .timeout_ms = call_ms,
					  .connect_ms = connect_ms };
	struct grpc *g = grpc_open(&to, e);

	if (!g && e->sys == EACCES)
		(void)err_hint(e, "run it as root: other users cannot read the certificates in %s", m->at.pki);
	else if (!g && e->sys == ENOENT)
		(void)err_hint(e, "etcd-cluster setup issues it");
	return g;
}

/* An ETCD_* setting of etcd.env, or NULL. The caller frees. */
static char *setting(const struct machine *m, const char *key)
{
	auto_keyfile struct keyfile env = { 0 };
	struct err ignored = { 0 };
	const char *value = NULL;

	if (keyfile_read(m->at.etcd_env, &env, &ignored) == 0)
		value = keyfile_get(&env, key);
	return value ? xstrdup(value) : NULL;
}

bool endpoint_is_here(const char *url)
{
	auto_free char *host = NULL;
	uint16_t port;

	if (!endpoint_split(url, &host, &port))
		return false;
	return config_is_ip(host) ? config_is_own_address(host) : config_is_own_name(host) > 0;
}

char *endpoint_advertised(const struct machine *m)
{
	auto_free char *urls = setting(m, "ETCD_ADVERTISE_CLIENT_URLS");

	return urls && text_starts(urls, "https://") ? xstrndup(urls, strcspn(urls, ",")) : NULL;
}

char *endpoint_own(const struct machine *m)
{
	auto_free char *advertised = endpoint_advertised(m), *listens = setting(m, "ETCD_LISTEN_CLIENT_URLS");
	auto_free char *configured = config_url(m->conf.address, m->conf.client_port);
	auto_free char *all = xasprintf("%s,%s", advertised ? advertised : configured, listens ? listens : "");
	auto_strv char **urls = text_split(all, ",");

	for (size_t i = 0; urls[i]; i++)
		if (text_starts(urls[i], "https://") && (m->at.root[0] != '\0' || endpoint_is_here(urls[i])))
			return xstrdup(urls[i]);
	return config_url("127.0.0.1", m->conf.client_port);
}

char *endpoint_peer(const struct config *c)
{
	const char *passed = config_etcd_value(c, PEER_SETTING);

	return passed ? xstrdup(passed) : config_url(c->address, c->peer_port);
}

char *endpoint_peer_in_use(const struct machine *m)
{
	return setting(m, PEER_SETTING);
}

static void add_url(char ***list, const char *address, uint16_t port)
{
	auto_free char *url = config_url(address, port);

	strv_add_once(list, url);
}

char **endpoint_all(const struct machine *m)
{
	const struct config *c = &m->conf;
	auto_free char *own = endpoint_own(m), *initial = setting(m, "ETCD_INITIAL_CLUSTER");
	auto_strv char **parts = initial ? text_split(initial, BLANKS ",") : NULL;
	char **list = NULL;

	strv_add(&list, own);
	for (size_t i = 0; i < c->n_members; i++)
		if (strcmp(c->members[i].name, c->name) != 0)
			add_url(&list, c->members[i].address, c->client_port);
	for (size_t i = 0; c->join && c->join[i]; i++)
		add_url(&list, c->join[i], c->join_ports[i] ? c->join_ports[i] : c->client_port);
	/* "n1=https://10.0.0.1:2380,…". All members of a cluster should have the same client port. */
	for (size_t i = 0; parts && parts[i]; i++) {
		const char *url = strchr(parts[i], '=');
		auto_free char *host = NULL;
		uint16_t port;

		if (url && endpoint_split(url + 1, &host, &port))
			add_url(&list, host, c->client_port);
	}
	return list;
}

bool endpoint_split(const char *url, char **host, uint16_t *port)
{
	const char *at = strstr(url, "://"), *colon = strrchr(url, ':');
	uint64_t number;

	if (!at || colon <= at || !text_parse_u64(colon + 1, 1, UINT16_MAX, &number))
		return false;
	at += 3;
	*port = (uint16_t)number;
	*host = *at == '[' && colon > at + 2 ? xstrndup(at + 1, (size_t)(colon - at) - 2)
					     : xstrndup(at, (size_t)(colon - at));
	return true;
}
