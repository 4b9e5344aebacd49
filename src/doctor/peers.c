/* SPDX-License-Identifier: Apache-2.0
 *
 * From this machine to the others: their names, the routes, their ports.
 */
#include <string.h>

#include "adapter/probe.h"
#include "doctor/parts.h"
#include "member/endpoint.h"

/* For all connections together; they are tried at once. */
#define REACH_MS 2000

/* Of one name. */
#define MAX_ADDRESSES 4

/* The ports of one machine: for clients, for peers, for enrolment. */
enum { CLIENT, PEER, ENROLL, PORTS };

struct other {
	const char *name;
	char *address;
	char **found; /* strv: what the address resolves to; NULL: it cannot be resolved */
	struct err unknown;
	bool known; /* a member that has started, so its ports should be open */
	bool answers;
	uint16_t port[PORTS]; /* 0: not known */
	int error[PORTS];
};

struct others {
	struct other *list;
	size_t n;
};

static struct other *add(const struct machine *m, struct others *all, const char *name, const char *address,
			 uint16_t client, uint16_t peer)
{
	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	all->list[all->n] =
		(struct other){ .name = name,
				.address = xstrdup(address),
				.port = { [CLIENT] = client, [PEER] = peer, [ENROLL] = m->conf.enroll_port } };
	return &all->list[all->n++];
}

static void add_listed(const struct machine *m, const struct member *one, struct others *all)
{
	auto_free char *host = NULL, *peer_host = NULL;
	uint16_t client = 0, peer = 0;
	struct other *other;

	if (one->here || !one->listed)
		return;
	if (one->peer_urls && !endpoint_split(one->peer_urls[0], &peer_host, &peer))
		return;
	(void)endpoint_split(one->url, &host, &client);
	if (!host && !peer_host)
		return;
	other = add(m, all, one->name[0] ? one->name : "the new member", peer_host ? peer_host : host, client, peer);
	other->known = client != 0;
	other->answers = one->answers;
}

/* Those that the cluster lists, else those of MEMBERS, else those of JOIN. */
static void find_others(const struct machine *m, const struct member_survey *s, struct others *all)
{
	const struct config *c = &m->conf;
	bool listed = false;

	for (const struct member *one = s->list; one < s->list + s->n; one++) {
		add_listed(m, one, all);
		listed = listed || (one->here && one->listed);
	}
	if (all->n > 0 || listed)
		return;
	for (size_t i = 0; i < c->n_members; i++)
		if (strcmp(c->members[i].name, c->name) != 0)
			(void)add(m, all, c->members[i].name, c->members[i].address, c->client_port, c->peer_port);
	if (all->n > 0)
		return;
	for (size_t i = 0; c->join && c->join[i]; i++)
		(void)add(m, all, c->join[i], c->join[i], c->join_ports[i] ? c->join_ports[i] : c->client_port, 0);
}

/* How many connections to try for one of its ports. */
static size_t tries(const struct other *one, int port)
{
	size_t n = one->port[port] ? strv_len(one->found) : 0;

	return n < MAX_ADDRESSES ? n : MAX_ADDRESSES;
}

static void reach(struct others *all)
{
	struct probe_target *targets = xcalloc(all->n * PORTS * MAX_ADDRESSES + 1, sizeof(*targets)), *t = targets;
	struct other *end = all->list + all->n;

	for (struct other *one = all->list; one < end; one++) {
		one->found = probe_resolve(one->address, &one->unknown);
		for (int p = 0; p < PORTS; p++)
			for (size_t k = 0; k < tries(one, p); k++)
				*t++ = (struct probe_target){ .address = one->found[k], .port = one->port[p] };
	}
	probe_reach(targets, (size_t)(t - targets), REACH_MS);
	t = targets;
	for (struct other *one = all->list; one < end; one++) {
		for (int p = 0; p < PORTS; p++) {
			one->error[p] = ENOENT;
			/* One address that is reached is enough. */
			for (size_t k = 0; k < tries(one, p); k++, t++)
				one->error[p] = one->error[p] == 0 ? 0 : t->error;
		}
	}
	free(targets);
}

/* The ports that etcd needs. */
static void check_reach(const struct other *one, struct doctor_report *r)
{
	auto_buf struct buf good = { 0 }, refused = { 0 }, lost = { 0 };
	int why = 0;

	for (int p = CLIENT; p <= PEER; p++) {
		struct buf *ports = &lost;

		if (one->port[p] == 0)
			continue;
		if (one->error[p] == 0)
			ports = &good;
		else if (one->error[p] == ECONNREFUSED)
			ports = &refused;
		else
			why = one->error[p];
		buf_printf(ports, "%s%u", ports->len ? ", " : "", (unsigned int)one->port[p]);
	}
	if (good.len > 0)
		doctor_ok(r, "peer_reached", "%s (%s) can be reached: port %s", one->name, one->address,
			  buf_str(&good));
	/* ENOENT: check_route has reported the name. */
	if (lost.len > 0 && why != ENOENT)
		doctor_warn(r, "peer_not_reached",
			    "%s (%s) cannot be reached on port %s: %s -> is that machine on? If it is, open these "
			    "ports in its firewall, and on the way there",
			    one->name, one->address, buf_str(&lost), strerror(why));
	if (refused.len > 0 && one->known && one->answers)
		doctor_warn(r, "peer_refuses",
			    "%s (%s) refuses connections to port %s -> on that machine: etcd-cluster check", one->name,
			    one->address, buf_str(&refused));
	else if (refused.len > 0 && !one->known) /* a known member that is down is another finding */
		doctor_ok(r, "peer_not_listening", "%s (%s) is there; nobody listens on port %s yet", one->name,
			  one->address, buf_str(&refused));
}

/*
 * etcd compares the source address of a peer's connection with the names in its certificate (etcd-io/etcd#8797): on a
 * machine with two networks they may differ.
 */
static void check_route(struct other *peer, const struct pki_entry *certificate, struct doctor_report *r)
{
	auto_free char *source = NULL;

	if (!peer->found) {
		(void)err_hint(&peer->unknown, "add it to DNS or /etc/hosts");
		doctor_error(r, "name_unresolved", &peer->unknown);
		return;
	}
	source = probe_source(peer->found[0]);
	if (!source)
		doctor_warn(r, "no_route", "there is no route to %s (%s) -> ip route get %s", peer->name,
			    peer->found[0], peer->found[0]);
	else if (certificate && !strv_has(certificate->info.sans, source))
		doctor_warn(r, "source_not_certified",
			    "packets to %s leave from %s, which is not in the peer certificate -> add %s to EXTRA_SANS "
			    "in cluster.conf, then etcd-cluster setup",
			    peer->name, source, source);
}

static void others_free(struct others *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->list[i].address);
		strv_free(all->list[i].found);
	}
	free(all->list);
}

void doctor_peers(const struct machine *m, struct doctor_exam *x)
{
	cleanup(others_free) struct others all = { 0 };
	const struct pki_entry *certificate = NULL;

	find_others(m, &x->survey, &all);
	reach(&all);
	for (size_t i = 0; x->certs && i < PKI_ENTRIES; i++)
		if (x->certs[i].present && strcmp(x->certs[i].name, "peer") == 0)
			certificate = &x->certs[i];
	for (size_t i = 0; i < all.n; i++) {
		check_route(&all.list[i], certificate, &x->report);
		check_reach(&all.list[i], &x->report);
		x->servers += all.list[i].error[ENROLL] == 0;
	}
	/* Two members are worse than one: if either is down, both stop. */
	if (m->conf.role == ROLE_CLUSTER && m->conf.n_members == 2 && member_count_votes(&x->survey).all == 0)
		doctor_warn(&x->report, "two_members_wanted",
			    "MEMBERS in cluster.conf has two members: if one is down, both stop -> have "
			    "one, or three");
}
