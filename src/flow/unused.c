/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/unused.h"

#include <string.h>

#include "adapter/rpc.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/mark.h"
#include "member/aside.h"
#include "member/datadir.h"
#include "member/endpoint.h"
#include "member/forming.h"
#include "member/identity.h"
#include "pki/origin.h"
#include "pki/pair.h"
#include "pki/profile.h"
#include "service/service.h"

#define CONNECT_MS 1000U
#define ASK_MS	   5000U

/* True when ROLE=single formed it, with the answers of today or without any: its IDs follow from these. */
static bool was_single(const struct machine *m, const struct identity *id)
{
	char loopback[] = "127.0.0.1", token[] = "etcd-cluster";
	char *const addresses[] = { loopback, m->conf.address };
	char *const tokens[] = { token, m->conf.cluster_token };
	struct config single = m->conf; /* borrows everything */
	auto_forming struct forming record = { 0 };
	struct err unread = { 0 };
	struct wal_ids ids;

	if (forming_read(m, &record, &unread) > 0)
		return !strchr(record.members, ',') && forming_ids(&record, id->name, &ids) &&
		       ids.cluster == id->cluster_id && ids.member == id->member_id;
	single.role = ROLE_SINGLE;
	for (size_t i = 0; i < ARRAY_LEN(addresses) * ARRAY_LEN(tokens); i++) {
		single.address = addresses[i / ARRAY_LEN(tokens)];
		single.cluster_token = tokens[i % ARRAY_LEN(tokens)];
		if (single.address && datadir_own_ids(&single, &ids) && ids.cluster == id->cluster_id &&
		    ids.member == id->member_id)
			return true;
	}
	return false;
}

/* 1 it is one member without keys, 0 it has other members, -1 it has keys, or does not answer. */
static int is_empty(const struct machine *m, const struct identity *id, struct err *e)
{
	auto_free char *url = config_url("127.0.0.1", m->conf.client_port);
	auto_grpc struct grpc *g = endpoint_open(m, url, CONNECT_MS, ASK_MS, e);
	struct rpc_members list cleanup(rpc_members_free) = { 0 };
	struct rpc_status status = { 0 };

	if (!g || rpc_status(g, &status, e) < 0 || rpc_member_list(g, false, &list, e) < 0) {
		e->class = ERR_CONFIG;
		(void)err_wrap(e, "this machine is a cluster of its own, which cannot be asked whether it holds keys");
		return err_hint(e,
				"write ROLE=single into %s, run etcd-cluster setup, which starts it, then give the new "
				"answers again",
				m->at.conf);
	}
	if (status.cluster_id != id->cluster_id || list.n != 1)
		return 0;
	if (status.revision <= 1)
		return 1;
	(void)err_set(e, ERR_CONFIG,
		      "this machine is a cluster of its own (" ID_FMT
		      "), into which keys were written (revision %lld), so it cannot join another one",
		      id->cluster_id, (long long)status.revision);
	return err_hint(e,
			"to keep it: ROLE=single in %s, and etcd-cluster join on the others; to give it up and move it "
			"aside: etcd-cluster leave --last",
			m->at.conf);
}

/*
 * True for a CA that a setup without answers made here and came no further: it is as old as a server certificate that
 * is not for ADDRESS. A CA that was copied here is older than the first certificate.
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
		return err_hint(e,
				"to give it up and move it aside: etcd-cluster leave --last; then write ROLE into %s "
				"again",
				m->at.conf);
	}
	log_info("this machine is an unused cluster of its own: %s it up", m->dry_run ? "would give" : "giving");
	if (!m->dry_run && file_replace(marker, FILE_MODE(0600), text, strlen(text), e) < 0)
		return -1;
	return put_aside(m, keep_ca, marker, e);
}

int unused_give_up(const struct machine *m, bool joins, bool local, struct err *e)
{
	cleanup(identity_free) struct identity id = { 0 };
	const struct config *c = &m->conf;
	const bool others = joins || c->role == ROLE_JOIN || (c->role == ROLE_CLUSTER && c->n_members > 1);
	const bool keep_ca = !joins && config_makes_ca(c);
	/* Written before the first thing is moved: the next run finishes a killed one. */
	auto_free char *marker = xasprintf("%s.given-up", m->at.member_id);
	struct err foreign = { 0 };
	int rc;

	/* A member that was taken over may have begun as a cluster of one, and a restored one is alone until others join. */
	if (!others || file_exists(m->at.joining) || file_exists(m->at.adopted) || file_exists(m->at.recovered))
		return 0;
	if (!local && file_exists(marker))
		return put_aside(m, keep_ca, marker, e);
	rc = identity_read(m, &id, e);
	if (rc < 0)
		return -1;
	/* datadir_check reports files that are not etcd's. */
	if (rc == 0 && datadir_look(m, &id.cluster_id, &id.member_id, &foreign) <= 0) {
		if (keep_ca || !made_here(m))
			return 0;
		log_info("the CA in %s was made for a cluster of this machine alone", m->at.pki);
		return aside_move(m, m->at.pki, e);
	}
	if (!was_single(m, &id) || mark_names_others(m, &id))
		return 0;
	if (local)
		return err_set(e, ERR_PENDING,
			       "this machine is a cluster of its own, and setup without --local has to check first "
			       "whether it is unused");
	rc = is_empty(m, &id, e);
	return rc <= 0 ? rc : give_up(m, keep_ca, marker, e);
}
