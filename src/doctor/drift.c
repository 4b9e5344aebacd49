/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster.conf and the files of this machine against the list of members of the cluster. etcd itself ignores a changed
 * peer address in its settings without a message (measured, 3.4 to 3.7), and a removed member ends with exit code 0.
 */
#include <string.h>

#include "adapter/peers.h"
#include "base/text.h"
#include "doctor/examine.h"
#include "doctor/parts.h"
#include "member/endpoint.h"
#include "member/recovered.h"

#define FORMER_MS 1000

static const char *peer_of(const struct member *one)
{
	return one->peer_urls && one->peer_urls[0] ? one->peer_urls[0] : "no address";
}

const struct member *doctor_listed(const struct member_survey *s, const char *name)
{
	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->listed && strcmp(one->name, name) == 0)
			return one;
	return NULL;
}

/* The address for `join`: of a healthy voter. The caller frees. */
static char *join_address(const struct member_survey *s)
{
	char *host;
	uint16_t port;

	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->healthy && !one->learner && !one->here && endpoint_split(one->url, &host, &port))
			return host;
	return xstrdup("ADDRESS");
}

/* True, with a finding, when a quorum does not list this machine's member. */
static bool check_removed(const struct machine *m, const struct member_survey *s, const struct member *own,
			  struct doctor_report *r)
{
	auto_free char *address = join_address(s);
	bool joins = m->conf.role == ROLE_JOIN;

	if (own->listed || !s->agreed || own->healthy)
		return false;
	if (s->home_member == 0)
		doctor_warn(r, "not_a_member",
			    "this machine is not a member of the cluster " ID_FMT " yet -> etcd-cluster %s%s",
			    s->cluster_id, joins ? "setup" : "join ", joins ? "" : address);
	else if (s->home_cluster != s->cluster_id)
		doctor_bad(r, ERR_HEALTH, "other_cluster",
			   "the members that answer are of the cluster " ID_FMT
			   ", this machine's data is of the cluster " ID_FMT
			   " -> look at MEMBERS and JOIN in cluster.conf; to give this data up and become a member "
			   "there: systemctl stop etcd; etcd-cluster join %s --abandon " ID_FMT,
			   s->cluster_id, s->home_cluster, address, s->home_cluster);
	else
		doctor_bad(r, ERR_HEALTH, "removed",
			   "this machine's member " ID_FMT " was removed from the cluster -> to add it again, with the "
			   "data moved aside: etcd-cluster join %s",
			   s->home_member, address);
	return true;
}

bool doctor_own(const struct machine *m, const struct member_survey *s, const struct member *own,
		struct doctor_report *r)
{
	auto_free char *peer = config_url(m->conf.address, m->conf.peer_port);

	if (s->home_member != 0 && own->answers &&
	    (own->id != s->home_member || own->status.cluster_id != s->home_cluster))
		doctor_bad(r, ERR_HEALTH, "other_member_runs",
			   "the running etcd is member " ID_FMT " of cluster " ID_FMT
			   ", but this machine is member " ID_FMT " of " ID_FMT
			   " -> systemctl stop etcd; look at DATA_DIR in cluster.conf and at %s",
			   own->id, own->status.cluster_id, s->home_member, s->home_cluster, m->at.member_id);
	if (check_removed(m, s, own, r))
		return true;
	if (s->elsewhere) {
		doctor_bad(r, ERR_HEALTH, "copy_of_member",
			   "member " ID_FMT " (%s) runs at %s: this machine has a copy of it -> switch this copy off, "
			   "or stop etcd on the other machine",
			   own->id, own->name, s->elsewhere);
		return true;
	}
	if (own->listed && own->peer_urls && !strv_has(own->peer_urls, peer))
		doctor_warn(r, "peer_url_differs",
			    "the cluster dials this member at %s, cluster.conf says %s -> etcd-cluster setup, which "
			    "updates the cluster; or correct ADDRESS in cluster.conf",
			    peer_of(own), peer);
	if (own->listed && own->name[0] && strcmp(own->name, m->conf.name) != 0)
		doctor_warn(r, "name_differs",
			    "the cluster calls this member %s, cluster.conf %s -> etcd-cluster setup && systemctl "
			    "restart etcd; or correct NAME in cluster.conf",
			    own->name, m->conf.name);
	return false;
}

static const struct member *by_peer(const struct member_survey *s, const char *url)
{
	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->listed && strv_has(one->peer_urls, url))
			return one;
	return NULL;
}

/* One entry of MEMBERS that is not this machine. */
static void check_expected(const struct machine *m, const struct member_survey *s, const struct config_member *want,
			   struct doctor_report *r)
{
	auto_free char *url = config_url(want->address, m->conf.peer_port);
	const struct member *is = doctor_listed(s, want->name), *there = by_peer(s, url);

	if (is && strv_has(is->peer_urls, url))
		return;
	if (is)
		doctor_warn(r, "peer_url_differs_elsewhere",
			    "the cluster dials %s at %s, MEMBERS in cluster.conf says %s -> etcd-cluster setup on that "
			    "machine updates the cluster; or correct MEMBERS on every machine",
			    is->name, peer_of(is), url);
	else if (there && there->name[0])
		doctor_warn(r, "name_differs_elsewhere",
			    "the member at %s calls itself %s, MEMBERS in cluster.conf calls it %s -> correct MEMBERS "
			    "on every machine",
			    url, there->name, want->name);
	else if (!there)
		doctor_warn(r, "member_missing",
			    "MEMBERS in cluster.conf has %s (%s), which is not a member of the cluster -> on that "
			    "machine: etcd-cluster join %s; or take it out of MEMBERS on every machine",
			    want->name, want->address, m->conf.address);
}

/* MEMBERS has it by name or by address. */
static bool is_expected(const struct machine *m, const struct member *one)
{
	for (size_t i = 0; i < m->conf.n_members; i++) {
		auto_free char *url = config_url(m->conf.members[i].address, m->conf.peer_port);

		if (strcmp(m->conf.members[i].name, one->name) == 0 || strv_has(one->peer_urls, url))
			return true;
	}
	return false;
}

void doctor_drift(const struct machine *m, const struct member_survey *s, struct doctor_report *r)
{
	size_t before = r->n;

	if (!s->agreed || m->conf.n_members == 0 || (s->home_cluster != 0 && s->home_cluster != s->cluster_id))
		return;
	for (size_t i = 0; i < m->conf.n_members; i++)
		if (strcmp(m->conf.members[i].name, m->conf.name) != 0)
			check_expected(m, s, &m->conf.members[i], r);
	for (const struct member *one = s->list; one < s->list + s->n; one++)
		if (one->listed && !one->here && !is_expected(m, one))
			doctor_warn(r, "member_not_expected",
				    "%s (%s) is a member, but MEMBERS in cluster.conf does not have it -> add it to "
				    "MEMBERS on every machine",
				    one->name[0] ? one->name : "one without a name", peer_of(one));
	if (r->n == before)
		doctor_ok(r, "members_expected", "the members are those of MEMBERS in cluster.conf");
}

void doctor_former(const struct machine *m, const struct member_survey *s, struct doctor_report *r)
{
	auto_recovered struct recovered was = { 0 };
	auto_free char *ca = machine_pki_path(m, "ca", "crt");
	auto_free char *cert = machine_pki_path(m, "peer", "crt"), *key = machine_pki_path(m, "peer", "key");
	const struct peers_pair as = { .ca_file = ca, .cert_file = cert, .key_file = key };
	auto_free struct peers_answer *answers = NULL;
	auto_strv char **urls = NULL;
	struct err e = { 0 };

	if (recovered_read(m, &was, &e) < 0)
		doctor_error(r, "former_unreadable", &e);
	for (char **url = was.former_peers; url && *url; url++)
		if (!s || !by_peer(s, *url)) /* else it is a member again */
			strv_add(&urls, *url);
	if (!urls)
		return;
	answers = xcalloc(strv_len(urls), sizeof(*answers));
	peers_ask(urls, &as, FORMER_MS, answers);
	for (size_t i = 0; urls[i]; i++) {
		auto_free char *host = NULL;
		uint16_t port;

		if (answers[i].came && answers[i].cluster_id == was.former_cluster)
			doctor_bad(
				r, ERR_HEALTH, "former_member_runs",
				"%s still runs in the cluster " ID_FMT
				", from which this machine was recovered: clients may write to both -> keep one. "
				"This one: on that machine, systemctl stop etcd; etcd-cluster join %s --abandon " ID_FMT
				". That one: here, systemctl stop etcd; etcd-cluster join %s --replace "
				"--abandon " ID_FMT,
				urls[i], was.former_cluster, m->conf.address, was.former_cluster,
				endpoint_split(urls[i], &host, &port) ? host : "ADDRESS", was.cluster_id);
		buf_free(&answers[i].members);
	}
}
