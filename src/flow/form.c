/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/form.h"

#include <string.h>

#include "adapter/peers.h"
#include "adapter/probe.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "member/datadir.h"

/* For the answers of the others. Machines that are off take all of it; those that are not set up yet refuse at once. */
#define ASK_MS 1500

/* An etcd that has just begun may not know its own MEMBERS yet: how often, and after how long, it is asked again. */
#define LOOKS	3
#define LOOK_MS 300

/* A machine that is up refuses or accepts a connection at once; one that is off does not answer. */
#define CONNECT_MS 1000

static int refuse_rebuilt(const struct machine *m, const char *url, uint64_t cluster, struct err *e)
{
	(void)err_set(e, ERR_CONFIG,
		      "cluster " ID_FMT ", which answers at %s, has this machine, %s, as a member, but its data is not "
		      "here: starting empty under its old ID can erase acknowledged writes",
		      cluster, url, m->conf.name);
	return err_hint(e, "if the data is lost: etcd-cluster replace; else put %s back", m->conf.data_dir);
}

static int refuse_stranger(const struct machine *m, const char *url, uint64_t cluster, struct err *e)
{
	const struct config_member *first = &m->conf.members[0];

	(void)err_set(e, ERR_CONFIG,
		      "cluster " ID_FMT " runs already and answers at %s, and this machine, %s, is not one of its "
		      "members",
		      cluster, url, m->conf.name);
	return err_hint(e, "to make it one: etcd-cluster join %s",
			strcmp(first->name, m->conf.name) != 0 ? first->address : m->conf.members[1].address);
}

/* What the answers come to. *unsure: one that is being formed from these MEMBERS does not list this machine (yet). */
static int weigh(const struct machine *m, char *const *urls, const struct peers_answer *answers, size_t n, bool *unsure,
		 struct err *e)
{
	auto_free char *own_url = config_url(m->conf.address, m->conf.peer_port);
	struct wal_ids own = { 0 };

	*unsure = false;
	(void)datadir_own_ids(&m->conf, &own);
	for (size_t i = 0; i < n; i++) {
		uint64_t cluster = answers[i].cluster_id;
		enum peers_standing standing;

		if (!answers[i].came)
			continue;
		standing = peers_find(buf_str(&answers[i].members), own_url);
		if (standing == PEERS_STARTED)
			return m->conf.replace ? FORM_REPLACE : refuse_rebuilt(m, urls[i], cluster, e);
		if (standing == PEERS_LISTED && cluster == own.cluster)
			continue;
		*unsure = cluster == own.cluster;
		return refuse_stranger(m, urls[i], cluster, e);
	}
	return FORM_NEW;
}

int form_check(const struct machine *m, struct err *e)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt");
	auto_free char *cert = machine_pki_path(m, "peer", "crt"), *key = machine_pki_path(m, "peer", "key");
	const struct peers_pair as = { .ca_file = ca, .cert_file = cert, .key_file = key };
	auto_free struct peers_answer *answers = xcalloc(m->conf.n_members, sizeof(*answers));
	auto_strv char **urls = NULL;
	bool unsure = true;
	int rc = FORM_NEW;

	for (size_t i = 0; i < m->conf.n_members; i++) {
		auto_free char *url = config_url(m->conf.members[i].address, m->conf.peer_port);

		if (strcmp(m->conf.members[i].name, m->conf.name) != 0)
			strv_add(&urls, url);
	}
	for (unsigned int look = 0; urls && unsure && look < LOOKS; look++) {
		if (look > 0)
			clock_sleep(LOOK_MS);
		err_clear(e);
		peers_ask(urls, &as, ASK_MS, answers);
		rc = weigh(m, urls, answers, strv_len(urls), &unsure, e);
		for (size_t i = 0; urls[i]; i++)
			buf_free(&answers[i].members);
	}
	return rc;
}

char *form_answering(const struct machine *m)
{
	auto_strv char **addresses = NULL;
	const char *answered;

	for (size_t i = 0; i < m->conf.n_members; i++)
		if (strcmp(m->conf.members[i].name, m->conf.name) != 0)
			strv_add(&addresses, m->conf.members[i].address);
	answered = probe_listening(addresses, m->conf.peer_port, CONNECT_MS);
	return answered ? xstrdup(answered) : NULL;
}
