/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/others.h"

#include <string.h>

#include "adapter/peers.h"
#include "adapter/probe.h"
#include "base/text.h"
#include "member/endpoint.h"

#define ASK_MS 2000

static void add(const struct machine *m, const struct keyfile *env, const char *url, char ***urls)
{
	auto_free char *own = config_url(m->conf.address, m->conf.peer_port);
	const char *in_use = keyfile_get(env, "ETCD_INITIAL_ADVERTISE_PEER_URLS");

	if (strcmp(url, own) != 0 && (!in_use || strcmp(url, in_use) != 0))
		strv_add_once(urls, url);
}

static void add_host(const struct machine *m, const struct keyfile *env, const char *address, char ***urls)
{
	auto_free char *url = config_url(address, m->conf.peer_port);

	add(m, env, url, urls);
}

static void add_by_files(const struct machine *m, const struct keyfile *env, char ***urls)
{
	const char *initial = keyfile_get(env, "ETCD_INITIAL_CLUSTER");
	auto_strv char **parts = initial ? text_split(initial, BLANKS ",=") : NULL;
	const struct config *c = &m->conf;

	for (char **part = parts; part && *part; part++)
		if (strstr(*part, "://")) /* else it is a name */
			add(m, env, *part, urls);
	for (size_t i = 0; i < c->n_members; i++)
		if (strcmp(c->members[i].name, c->name) != 0)
			add_host(m, env, c->members[i].address, urls);
	for (char **join = c->join; join && *join; join++)
		add_host(m, env, *join, urls);
}

char **others_of(const struct machine *m, const struct keyfile *env, const struct member_survey *s)
{
	char **urls = NULL;
	bool listed = false;

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		listed |= one->listed;
		for (char **url = one->here ? NULL : one->peer_urls; url && *url; url++)
			add(m, env, *url, &urls);
	}
	if (!listed)
		add_by_files(m, env, &urls);
	return urls;
}

/* Only machines of one CA tell each other their cluster. */
static void ask_clusters(const struct machine *m, char *const *urls, struct peers_answer *answers)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt");
	auto_free char *cert = machine_pki_path(m, "peer", "crt"), *key = machine_pki_path(m, "peer", "key");

	if (file_exists(ca) && file_exists(cert) && file_exists(key))
		peers_ask(urls, &(struct peers_pair){ .ca_file = ca, .cert_file = cert, .key_file = key }, ASK_MS,
			  answers);
}

const char *others_answering(const struct machine *m, char *const *urls, uint64_t of, uint64_t but,
			     uint64_t *cluster_id)
{
	size_t n = strv_len(urls);
	auto_free struct probe_target *peers = xcalloc(n + 1, sizeof(*peers));
	auto_free struct peers_answer *answers = xcalloc(n + 1, sizeof(*answers));
	auto_strv char **hosts = NULL;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		auto_free char *host = NULL;

		/* What is not a URL leads nowhere. */
		strv_add(&hosts, endpoint_split(urls[i], &host, &peers[i].port) ? host : "");
		peers[i].address = hosts[i];
	}
	probe_reach(peers, n, ASK_MS);
	if (n > 0)
		ask_clusters(m, urls, answers);
	for (size_t i = 0; i < n; i++) {
		const uint64_t cluster = answers[i].came ? answers[i].cluster_id : 0;
		const bool counts = cluster == 0 || (cluster != but && (of == 0 || cluster == of));

		if (!found && counts && (peers[i].error == 0 || answers[i].came)) {
			found = urls[i];
			*cluster_id = cluster;
		}
		buf_free(&answers[i].members);
	}
	return found;
}

int others_unreached(char *const *urls, struct err *e)
{
	auto_free char *all = strv_join(urls, " ");

	return err_set(e, ERR_CONFIG,
		       "the other members (%s) do not answer, but may run, even with a quorum, where this machine does "
		       "not reach them",
		       all);
}
