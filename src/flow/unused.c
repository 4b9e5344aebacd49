/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/unused.h"

#include <inttypes.h>
#include <string.h>

#include "adapter/rpc.h"
#include "base/log.h"
#include "base/text.h"
#include "member/aside.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/identity.h"
#include "pki/origin.h"
#include "pki/pair.h"
#include "pki/profile.h"
#include "service/service.h"

#define CONNECT_MS 1000U
#define ASK_MS	   5000U

/* True when it was formed by ROLE=single, with the answers of today or without any: its IDs say so. */
static bool was_single(const struct machine *m, const struct identity *id)
{
	char loopback[] = "127.0.0.1", token[] = "etcd-cluster";
	char *const addresses[] = { loopback, m->conf.address };
	char *const tokens[] = { token, m->conf.cluster_token };
	struct config single = m->conf; /* borrows everything */
	struct wal_ids ids;

	single.role = ROLE_SINGLE;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		for (size_t j = 0; j < ARRAY_LEN(tokens); j++) {
			single.address = addresses[i];
			single.cluster_token = tokens[j];
			if (single.address && datadir_own_ids(&single, &ids) && ids.cluster == id->cluster_id &&
			    ids.member == id->member_id)
				return true;
		}
	}
	return false;
}

static int unanswered(const struct machine *m, struct err *e)
{
	e->class = ERR_CONFIG;
	(void)err_wrap(e, "this machine is a cluster of its own, and whether that holds anything cannot be seen");
	return err_hint(e,
			"write ROLE=single into %s again, run etcd-cluster setup, which starts it, and then give the "
			"new answers once more",
			m->at.conf);
}

/* 1 it is one member that never held a key, 0 it has others, -1 it has keys, or does not say. */
static int is_empty(const struct machine *m, const struct identity *id, struct err *e)
{
	auto_free char *url = config_url("127.0.0.1", m->conf.client_port);
	auto_grpc struct grpc *g = endpoint_open(m, url, CONNECT_MS, ASK_MS, e);
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	struct rpc_status status cleanup(rpc_status_free) = { 0 };

	if (!g || rpc_status(g, &status, e) < 0 || rpc_member_list(g, false, &list, e) < 0)
		return unanswered(m, e);
	if (status.cluster_id != id->cluster_id || list.n != 1)
		return 0;
	if (status.revision <= 1)
		return 1;
	(void)err_set(e, ERR_CONFIG,
		      "this machine is a cluster of its own (%016" PRIx64
		      "), into which keys were written (revision %lld); it cannot be in another one, too",
		      id->cluster_id, (long long)status.revision);
	return err_hint(e,
			"to keep it: ROLE=single in %s, and have the others join it (etcd-cluster join); to give it "
			"up, moved aside: "
			"etcd-cluster leave --last",
			m->at.conf);
}

/*
 * A CA that a setup without answers made here, though it came no further: made in one go with a server certificate that is not for ADDRESS. One that
 * was copied here, etcdadm's way, is older than the first certificate.
 */
static bool made_here(const struct machine *m)
{
	auto_pair struct pki_pair ca = { 0 }, server = { 0 };
	struct err unreadable = { 0 };

	if (pki_origin(m) != PKI_CA || pki_pair_load(m, "ca", false, &ca, &unreadable) < 0 ||
	    pki_pair_load(m, pki_profile(PKI_SERVER)->name, true, &server, &unreadable) < 0)
		return false;
	return ca.cert && server.cert && text_starts(ca.info.cn, "etcd-cluster CA ") &&
	       ca.info.not_before == server.info.not_before && !x509_covers(server.cert, m->conf.address);
}

/* What was written down before the first thing was moved: a run that is killed is finished by the next one. */
static char *marker_of(const struct machine *m)
{
	return xasprintf("%s.given-up", m->at.member_id);
}

static int put_aside(const struct machine *m, bool keep_ca, const char *marker, struct err *e)
{
	if (service_stop(m, e) < 0 || aside_membership(m, true, !keep_ca, e) < 0)
		return -1;
	return m->dry_run || file_wipe(marker, e) >= 0 ? 1 : -1;
}

static int give_up(const struct machine *m, bool keep_ca, const char *marker, struct err *e)
{
	static const char text[] = "# The cluster of one that this machine was is being moved aside.\n";

	if (!m->live) {
		(void)err_set(e, ERR_CONFIG,
			      "this machine is a cluster of its own that holds nothing, and systemd does not run here "
			      "to stop it");
		return err_hint(e, "etcd-cluster leave --last gives it up, moved aside; then write ROLE into %s again",
				m->at.conf);
	}
	log_info("this machine was a cluster of its own, into which nothing was ever written: %s up",
		 m->dry_run ? "would give it" : "giving it");
	if (!m->dry_run && file_replace(marker, FILE_MODE(0600), text, strlen(text), e) < 0)
		return -1;
	return put_aside(m, keep_ca, marker, e);
}

static bool concerned(const struct machine *m, bool joins)
{
	const struct config *c = &m->conf;

	if (file_exists(m->at.joining))
		return false;
	return joins || c->role == ROLE_JOIN || (c->role == ROLE_CLUSTER && c->n_members > 1);
}

int unused_give_up(const struct machine *m, bool joins, bool local, struct err *e)
{
	cleanup(identity_free) struct identity id = { 0 };
	const bool keep_ca = !joins && config_makes_ca(&m->conf);
	auto_free char *marker = marker_of(m);
	struct err foreign = { 0 };
	int rc;

	if (!concerned(m, joins))
		return 0;
	if (!local && file_exists(marker))
		return put_aside(m, keep_ca, marker, e);
	rc = identity_read(m, &id, e);
	if (rc < 0)
		return -1;
	/* Files that are not etcd's are for datadir_check to report. */
	if (rc == 0 && datadir_look(m, &id.cluster_id, &id.member_id, &foreign) <= 0) {
		if (keep_ca || !made_here(m))
			return 0;
		log_info("the CA in %s was made for a cluster of this machine alone", m->at.pki);
		return aside_move(m, m->at.pki, e);
	}
	if (!was_single(m, &id))
		return 0;
	if (local)
		return err_set(e, ERR_PENDING, "this machine is a cluster of its own, which is looked at first");
	rc = is_empty(m, &id, e);
	return rc <= 0 ? rc : give_up(m, keep_ca, marker, e);
}
