/* SPDX-License-Identifier: Apache-2.0
 *
 * What cluster.conf and this machine's memory say about the members, against what the cluster says. etcd itself ignores a changed peer
 * address in its settings without a word (measured, 3.4 to 3.7), and one that was removed ends with exit code 0.
 */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "doctor/parts.h"
#include "member/endpoint.h"

static bool has_peer(const struct member *one, const char *url)
{
	for (size_t i = 0; one->peer_urls && one->peer_urls[i]; i++) {
		if (strcmp(one->peer_urls[i], url) == 0)
			return true;
	}
	return false;
}

static const char *peer_of(const struct member *one)
{
	return one->peer_urls && one->peer_urls[0] ? one->peer_urls[0] : "no address";
}

/* The address to give to `join`: of a healthy voter. The caller frees. */
static char *join_address(const struct member_survey *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct member *one = &s->list[i];
		char *host;
		uint16_t port;

		if (one->healthy && !one->learner && !one->here && endpoint_split(one->url, &host, &port))
			return host;
	}
	return xstrdup("ADDRESS");
}

/* A member that is up or was one: is it still? */
static bool check_removed(const struct machine *m, const struct member_survey *s, const struct member *own,
			  struct doctor_report *r)
{
	auto_free char *address = join_address(s);

	if (own->listed || !s->agreed || own->healthy)
		return false;
	if (s->home_member == 0) {
		doctor_fix(doctor_warn(r, "this machine is not a member of the cluster " ID_FMT " yet", s->cluster_id),
			   m->conf.role == ROLE_JOIN ? "etcd-cluster setup" : "etcd-cluster join %s", address);
	} else if (s->home_cluster != s->cluster_id) {
		doctor_fix(doctor_bad(r, ERR_HEALTH,
				      "the members that answer are of the cluster " ID_FMT
				      ", this machine's data is of the cluster " ID_FMT,
				      s->cluster_id, s->home_cluster),
			   "look at MEMBERS and JOIN in cluster.conf; to give this data up and become a member "
			   "there: etcd-cluster join %s",
			   address);
	} else {
		doctor_fix(doctor_bad(r, ERR_HEALTH, "this machine's member " ID_FMT " was removed from the cluster",
				      s->home_member),
			   "to add it again, with the data moved aside: etcd-cluster join %s", address);
	}
	return true;
}

bool doctor_own(const struct machine *m, const struct member_survey *s, const struct member *own,
		struct doctor_report *r)
{
	auto_free char *peer = config_url(m->conf.address, m->conf.peer_port);

	if (s->home_member != 0 && own->answers &&
	    (own->id != s->home_member || own->status.cluster_id != s->home_cluster))
		doctor_fix(doctor_bad(r, ERR_HEALTH,
				      "the running etcd is member " ID_FMT " of cluster " ID_FMT
				      ", but this machine is member " ID_FMT " of " ID_FMT,
				      own->id, own->status.cluster_id, s->home_member, s->home_cluster),
			   "systemctl stop etcd; look at DATA_DIR in cluster.conf and at %s", m->at.member_id);
	if (check_removed(m, s, own, r))
		return true;
	if (own->listed && own->peer_urls && !has_peer(own, peer))
		doctor_fix(
			doctor_warn(r, "the cluster dials this member at %s, cluster.conf says %s", peer_of(own), peer),
			"etcd-cluster setup, which tells the cluster; or correct ADDRESS in cluster.conf");
	if (own->listed && own->name[0] && strcmp(own->name, m->conf.name) != 0)
		doctor_fix(doctor_warn(r, "the cluster calls this member %s, cluster.conf %s", own->name, m->conf.name),
			   "etcd-cluster setup && systemctl restart etcd; or correct NAME in cluster.conf");
	return false;
}

static const struct member *by_name(const struct member_survey *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].listed && strcmp(s->list[i].name, name) == 0)
			return &s->list[i];
	}
	return NULL;
}

static const struct member *by_peer(const struct member_survey *s, const char *url)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].listed && has_peer(&s->list[i], url))
			return &s->list[i];
	}
	return NULL;
}

/* One entry of MEMBERS that is not this machine. */
static void check_expected(const struct machine *m, const struct member_survey *s, const struct config_member *want,
			   struct doctor_report *r)
{
	auto_free char *url = config_url(want->address, m->conf.peer_port);
	const struct member *is = by_name(s, want->name), *there = by_peer(s, url);

	if (is && has_peer(is, url))
		return;
	if (is)
		doctor_fix(doctor_warn(r, "the cluster dials %s at %s, MEMBERS in cluster.conf says %s", is->name,
				       peer_of(is), url),
			   "etcd-cluster setup on that machine tells the cluster; or correct MEMBERS on every machine");
	else if (there && there->name[0])
		doctor_fix(doctor_warn(r, "the member at %s calls itself %s, MEMBERS in cluster.conf calls it %s", url,
				       there->name, want->name),
			   "correct MEMBERS on every machine");
	else if (!there)
		doctor_fix(doctor_warn(r, "MEMBERS in cluster.conf has %s (%s), which is no member of the cluster",
				       want->name, want->address),
			   "on that machine: etcd-cluster join %s; or take it out of MEMBERS on every machine",
			   m->conf.address);
}

/* A member that MEMBERS has neither by name nor by address. */
static bool is_expected(const struct machine *m, const struct member *one)
{
	for (size_t i = 0; i < m->conf.n_members; i++) {
		auto_free char *url = config_url(m->conf.members[i].address, m->conf.peer_port);

		if (strcmp(m->conf.members[i].name, one->name) == 0 || has_peer(one, url))
			return true;
	}
	return false;
}

void doctor_drift(const struct machine *m, const struct member_survey *s, struct doctor_report *r)
{
	size_t before = r->n;

	if (!s->agreed || m->conf.n_members == 0 || (s->home_cluster != 0 && s->home_cluster != s->cluster_id))
		return;
	for (size_t i = 0; i < m->conf.n_members; i++) {
		if (strcmp(m->conf.members[i].name, m->conf.name) != 0)
			check_expected(m, s, &m->conf.members[i], r);
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct member *one = &s->list[i];

		if (one->listed && !one->here && !is_expected(m, one))
			doctor_fix(doctor_warn(r, "%s (%s) is a member, but MEMBERS in cluster.conf does not have it",
					       one->name[0] ? one->name : "one without a name", peer_of(one)),
				   "add it to MEMBERS on every machine");
	}
	if (r->n == before)
		doctor_ok(r, "the members are those of MEMBERS in cluster.conf");
}
