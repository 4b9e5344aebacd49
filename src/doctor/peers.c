/* SPDX-License-Identifier: Apache-2.0
 *
 * The way from this machine to the others: their names, the routes, their ports.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/probe.h"
#include "base/mem.h"
#include "doctor/parts.h"
#include "member/endpoint.h"
#include "pki/list.h"

/* For all connections together; they are tried at once. */
#define REACH_MS 2000

/* Of one name. */
#define MAX_ADDRESSES 4

/* The ports of one machine: for clients, for peers, for enrolment. */
enum { CLIENT, PEER, ENROLL, PORTS };

struct other {
	char *name, *address;
	char **found; /* strv: what the address leads to; NULL: it cannot be resolved */
	struct err unknown;
	bool known; /* a member that has started: somebody ought to listen */
	bool answers;
	uint16_t port[PORTS]; /* 0: not known */
	int error[PORTS];
};

struct others {
	struct other *list;
	size_t n;
};

static void add(struct others *all, const char *name, const char *address, uint16_t client, uint16_t peer,
		uint16_t enroll)
{
	all->list = xrealloc(all->list, all->n + 1, sizeof(*all->list));
	all->list[all->n++] = (struct other){ .name = xstrdup(name),
					      .address = xstrdup(address),
					      .port = { [CLIENT] = client, [PEER] = peer, [ENROLL] = enroll } };
}

static void add_listed(const struct machine *m, const struct member *one, struct others *all)
{
	auto_free char *host = NULL, *peer_host = NULL;
	uint16_t client = 0, peer = 0;

	if (one->here || !one->listed)
		return;
	if (one->peer_urls && !endpoint_split(one->peer_urls[0], &peer_host, &peer))
		return;
	if (!endpoint_split(one->url, &host, &client))
		client = 0;
	if (!host && !peer_host)
		return;
	add(all, one->name[0] ? one->name : "the new member", peer_host ? peer_host : host, client, peer,
	    m->conf.enroll_port);
	all->list[all->n - 1].known = client != 0;
	all->list[all->n - 1].answers = one->answers;
}

static void find_others(const struct machine *m, const struct member_survey *s, struct others *all)
{
	const struct config *c = &m->conf;

	for (size_t i = 0; i < s->n; i++)
		add_listed(m, &s->list[i], all);
	for (size_t i = 0; all->n == 0 && i < s->n; i++) {
		if (s->list[i].here && s->list[i].listed)
			return; /* it is alone */
	}
	for (size_t i = 0, n = all->n; n == 0 && i < c->n_members; i++) {
		if (strcmp(c->members[i].name, c->name) != 0)
			add(all, c->members[i].name, c->members[i].address, c->client_port, c->peer_port,
			    c->enroll_port);
	}
	for (size_t i = 0, n = all->n; n == 0 && c->join && c->join[i]; i++)
		add(all, c->join[i], c->join[i], c->join_ports[i] ? c->join_ports[i] : c->client_port, 0,
		    c->enroll_port);
}

/* One for each address and port; returns how many. */
static size_t make_targets(struct others *all, struct probe_target *targets)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n * PORTS; i++) {
		struct other *one = &all->list[i / PORTS];

		one->error[i % PORTS] = ENOENT;
		for (size_t k = 0; one->port[i % PORTS] && one->found && one->found[k] && k < MAX_ADDRESSES; k++)
			targets[n++] = (struct probe_target){ .address = one->found[k], .port = one->port[i % PORTS] };
	}
	return n;
}

static void reach(struct others *all)
{
	struct probe_target *targets = xcalloc(all->n * PORTS * MAX_ADDRESSES + 1, sizeof(*targets));
	size_t n;

	for (size_t i = 0; i < all->n; i++)
		all->list[i].found = probe_resolve(all->list[i].address, &all->list[i].unknown);
	n = make_targets(all, targets);
	probe_reach(targets, n, REACH_MS);
	n = 0;
	for (size_t i = 0; i < all->n * PORTS; i++) {
		struct other *one = &all->list[i / PORTS];
		int *error = &one->error[i % PORTS];

		/* One address that is reached is enough. */
		for (size_t k = 0; one->port[i % PORTS] && one->found && one->found[k] && k < MAX_ADDRESSES; k++, n++)
			*error = *error == 0 ? 0 : targets[n].error;
	}
	free(targets);
}

/* The ports of one machine, of those etcd needs, with this outcome: "2379, 2380". */
static void ports_with(const struct other *one, int error, struct buf *out)
{
	for (size_t i = CLIENT; i <= PEER; i++) {
		if (one->port[i] != 0 && one->error[i] == error)
			buf_printf(out, "%s%u", out->len ? ", " : "", (unsigned int)one->port[i]);
	}
}

static void check_reach(const struct other *one, struct doctor_report *r)
{
	auto_buf struct buf good = { 0 }, refused = { 0 }, lost = { 0 };
	int why = 0;

	ports_with(one, 0, &good);
	ports_with(one, ECONNREFUSED, &refused);
	for (size_t i = CLIENT; i <= PEER; i++) {
		if (one->port[i] == 0 || one->error[i] == 0 || one->error[i] == ECONNREFUSED)
			continue;
		buf_printf(&lost, "%s%u", lost.len ? ", " : "", (unsigned int)one->port[i]);
		why = one->error[i];
	}
	if (good.len > 0)
		doctor_ok(r, "%s (%s) can be reached: port %s", one->name, one->address, buf_str(&good));
	/* A name without an address was told by check_route. */
	if (lost.len > 0 && why != ENOENT)
		doctor_fix(doctor_warn(r, "%s (%s) cannot be reached on port %s: %s", one->name, one->address,
				       buf_str(&lost), strerror(why)),
			   "is that machine on? If it is, open these ports in its firewall, and on the way there");
	if (refused.len == 0)
		return;
	if (one->known && one->answers)
		doctor_fix(doctor_warn(r, "%s (%s) refuses connections to port %s", one->name, one->address,
				       buf_str(&refused)),
			   "on that machine: etcd-cluster check");
	else if (!one->known) /* one that is down is told as a member that is down */
		doctor_ok(r, "%s (%s) is there; nobody listens on port %s yet", one->name, one->address,
			  buf_str(&refused));
}

/*
 * etcd compares the address a peer's connection comes from with the names in its certificate (etcd-io/etcd#8797): on a machine with
 * two networks they may differ.
 */
static void check_route(struct other *peer, const struct pki_entry *certificate, struct doctor_report *r)
{
	auto_free char *source = NULL;

	if (!peer->found) {
		(void)err_hint(&peer->unknown, "add it to DNS or /etc/hosts");
		doctor_error(r, &peer->unknown);
		return;
	}
	source = probe_source(peer->found[0]);
	if (!source)
		doctor_fix(doctor_warn(r, "there is no route to %s (%s)", peer->name, peer->found[0]),
			   "ip route get %s", peer->found[0]);
	else if (certificate && certificate->present && !strv_has(certificate->info.sans, source))
		doctor_fix(doctor_warn(r, "packets to %s leave from %s, which the peer certificate does not name",
				       peer->name, source),
			   "add %s to EXTRA_SANS in cluster.conf, then etcd-cluster setup", source);
}

/* Two members are worse than one: either of them stops both. */
static void check_count(const struct machine *m, const struct member_survey *s, struct doctor_report *r)
{
	if (m->conf.role == ROLE_CLUSTER && m->conf.n_members == 2 && member_count_votes(s).all == 0)
		doctor_fix(doctor_warn(r, "MEMBERS in cluster.conf has two members: one that is down will stop both"),
			   "have one, or three");
}

void doctor_peers(const struct machine *m, const struct member_survey *s, size_t *servers, struct doctor_report *r)
{
	const struct pki_entry *certificate = NULL;
	struct pki_entry *certs = NULL;
	struct others all = { 0 };
	size_t n = 0;

	*servers = 0;
	find_others(m, s, &all);
	if (all.n > 0) {
		pki_list(m, &certs, &n);
		reach(&all);
	}
	for (size_t i = 0; i < n; i++)
		if (strcmp(certs[i].name, "peer") == 0)
			certificate = &certs[i];
	for (size_t i = 0; i < all.n; i++) {
		check_route(&all.list[i], certificate, r);
		check_reach(&all.list[i], r);
		*servers += all.list[i].error[ENROLL] == 0;
	}
	check_count(m, s, r);
	for (size_t i = 0; i < all.n; i++) {
		free(all.list[i].name);
		free(all.list[i].address);
		strv_free(all.list[i].found);
	}
	free(all.list);
	pki_list_free(certs, n);
}
