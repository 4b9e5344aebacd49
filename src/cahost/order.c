/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/order.h"

#include <string.h>

#include "base/log.h"
#include "cahost/client_rules.h"
#include "cahost/facts.h"
#include "cahost/revoke.h"
#include "cahost/server.h"
#include "config/check.h"
#include "config/machine.h"
#include "pki/ca.h"
#include "pki/origin.h"
#include "pki/profile.h"

static int check_ca_host(const struct machine *m, struct err *e)
{
	auto_free char *cert = machine_pki_path(m, "ca", "crt"), *key = machine_pki_path(m, "ca", "key"), *host = NULL;
	struct err none = { 0 };

	if (file_exists(key))
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s is not on this machine, so it cannot issue tokens", key);
	if (pki_host_read(m, &host, &none) > 0 && host)
		return err_hint(e, "run it on the CA host, which is at %s", host);
	return err_hint(e, config_makes_ca(&m->conf) && !file_exists(cert) ? "etcd-cluster setup makes it"
									   : "run it on the CA host");
}

static bool is_loopback(const char *address)
{
	return config_is_loopback(address) || strcmp(address, "localhost") == 0;
}

/* ROLE=cluster on loopback: members that are all on one machine; a client may be on this one. */
static int check_reach(const struct machine *m, const struct token_order *order, struct err *e)
{
	if (!is_loopback(m->conf.address) || m->conf.role == ROLE_CLUSTER || order->client ||
	    (order->address && is_loopback(order->address)))
		return 0;
	(void)err_set(e, ERR_CONFIG, "ADDRESS is %s: no other machine can reach this one", m->conf.address);
	return err_hint(e, "write ADDRESS=, the address that others dial, into %s; then: etcd-cluster setup",
			m->at.conf);
}

/* A token of a standby would be of no use. */
static int check_active(const struct machine *m, struct err *e)
{
	auto_active struct enroll_active a = { 0 };

	if (active_read(m, &a, e) < 0)
		return -1;
	if (active_check(a.state == ENROLL_STANDBY ? &a.host : NULL, m->conf.name, e) == 0)
		return 0;
	e->class = ERR_CONFIG;
	return -1;
}

static int check_addresses(const struct config *c, const struct token_order *o, struct err *e)
{
	if (!o->name || !o->address) {
		(void)err_set(e, ERR_CONFIG, "--addresses needs --name and --address");
		return err_hint(e, "etcd-cluster token new --addresses LIST --name NAME --address ADDRESS");
	}
	for (char **a = o->addresses; *a; a++) {
		const char *why = config_is_ip(*a) ? config_check_address(*a) : "is not an IP address";

		for (size_t i = 0; i < c->n_members && !why; i++)
			why = strcmp(c->members[i].address, *a) == 0 ? "is the ADDRESS of one of MEMBERS" : NULL;
		if (why || strcmp(*a, c->address) == 0 || strv_has(c->addresses, *a) || strv_has(c->extra_sans, *a))
			return err_set(e, ERR_CONFIG, "--addresses: %s %s", *a,
				       why ? why : "is not an address of that machine alone");
	}
	return 0;
}

/* Why a client cannot be called so, for the machines on record; *why NULL: it can. 0, -1. */
static int why_not_cn(const struct machine *m, const char *cn, const char **why, struct err *e)
{
	cleanup(enroll_records_free) struct enroll_records machines = { 0 };
	cleanup(enroll_tombstones_free) struct enroll_tombstones removed = { 0 };

	if (enroll_records_read(m, ENROLL_MACHINE, &machines, e) < 0 ||
	    enroll_tombstones_read(m, ENROLL_MACHINE, &removed, e) < 0)
		return -1;
	*why = client_rules_cn(&m->conf, &machines, &removed, cn);
	return 0;
}

/* client_rules would never accept such a token. */
static int check_client(const struct machine *m, const struct token_order *o, struct err *e)
{
	const char *why;

	if (o->name || o->address || o->addresses || o->from || o->sans || o->recovery || o->uses != 1)
		return err_set(e, ERR_CONFIG,
			       "--client goes with --hours only: a client has no address, and its token one use");
	if (why_not_cn(m, o->client, &why, e) < 0)
		return -1;
	return why ? err_set(e, ERR_CONFIG, "--client %s %s", o->client, why) : 0;
}

/* enroll_rules would never accept such a token. */
static int check_order(const struct machine *m, const struct token_order *o, struct err *e)
{
	const struct config *c = &m->conf;
	const char *why;

	if (o->client)
		return check_client(m, o, e);
	why = o->name ? config_check_name(o->name) : NULL;
	if (why)
		return err_set(e, ERR_CONFIG, "--name %s %s", o->name, why);
	why = o->address ? config_check_address(o->address) : NULL;
	if (why)
		return err_set(e, ERR_CONFIG, "--address %s %s", o->address, why);
	for (char **s = o->sans; s && *s; s++) {
		why = config_check_san(*s);
		if (why)
			return err_set(e, ERR_CONFIG, "--san %s %s", *s, why);
	}
	if (o->from && !config_is_ip(o->from))
		return err_set(e, ERR_CONFIG, "--from %s is not an IP address", o->from);
	if ((o->recovery || o->from) && (!o->name || !o->address)) {
		(void)err_set(e, ERR_CONFIG, "--%s needs --name and --address", o->from ? "from" : "recovery");
		return err_hint(e, "etcd-cluster token new --%s --name NAME --address ADDRESS",
				o->from ? "from IP" : "recovery");
	}
	if (o->addresses && check_addresses(c, o, e) < 0)
		return -1;
	if (o->name && o->uses != 1)
		return err_set(e, ERR_CONFIG, "--name and --uses do not go together: one name is one machine");
	if ((o->name && strcmp(o->name, c->name) == 0) || (o->address && strcmp(o->address, c->address) == 0))
		return err_set(e, ERR_CONFIG, "--name and --address must be those of the other machine");
	for (size_t i = 0; o->name && o->address && i < c->n_members; i++) {
		if ((strcmp(c->members[i].name, o->name) == 0) == (strcmp(c->members[i].address, o->address) == 0))
			continue;
		(void)err_set(e, ERR_CONFIG, "MEMBERS says %s=%s, not %s=%s", c->members[i].name, c->members[i].address,
			      o->name, o->address);
		return err_hint(e, "correct MEMBERS in %s, or leave out one of --name and --address", m->at.conf);
	}
	return 0;
}

/* The files count whole seconds, and a clock may have been set back: neither makes this token the older one. */
static int make_it_later(const struct machine *m, struct token_entry *t, struct err *e)
{
	cleanup(enroll_tombstone_free) struct enroll_tombstone gone = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	const enum enroll_kind kind = t->client ? ENROLL_CLIENT : ENROLL_MACHINE;

	if (!t->name)
		return 0;
	if (enroll_tombstone_read(m, kind, t->name, &gone, e) < 0 || enroll_record_read(m, kind, t->name, &r, e) < 0)
		return -1;
	if (t->made <= gone.time)
		t->made = gone.time + 1;
	if (t->made <= r.since)
		t->made = r.since + 1;
	return 0;
}

int token_issue(const struct machine *m, const struct token_order *order, char text[TOKEN_TEXT], struct token_entry *t,
		struct err *e)
{
	auto_pair struct pki_pair ca = { 0 };
	auto_free char *spki = NULL;

	*t = (struct token_entry){ .made = m->now,
				   .expires = m->now + (time_t)order->hours * 3600,
				   .uses = order->uses,
				   .recovery = order->recovery,
				   .client = order->client != NULL,
				   .address = order->address ? xstrdup(order->address) : NULL,
				   .from = order->from ? xstrdup(order->from) : NULL };
	if (order->client || order->name)
		t->name = xstrdup(order->client ? order->client : order->name);
	strv_add_all(&t->addresses, order->addresses);
	strv_add_all(&t->sans, order->sans);
	text[0] = '\0';
	if (check_ca_host(m, e) < 0 || check_active(m, e) < 0 || check_reach(m, order, e) < 0 ||
	    check_order(m, order, e) < 0)
		return -1;
	if (m->dry_run)
		return 1;
	/* Who was removed until now: the token is to be the later one. */
	if (enroll_learn_now(m, e) < 0 || check_active(m, e) < 0 || make_it_later(m, t, e) < 0 ||
	    pki_ca_load(m, &ca, e) < 0)
		return -1;
	spki = x509_spki_fingerprint(ca.cert);
	token_new(spki, text);
	token_derive(text, &t->token);
	{
		auto_close int lock = token_store_lock(m, e);

		if (lock < 0 || token_store_sweep(m, e) < 0 || token_store_put(m, t, e) < 0)
			return -1;
	}
	return enroll_open(m, e) < 0 ? -1 : 1;
}

int token_revoke(const struct machine *m, const char *id, struct err *e)
{
	auto_free char *path = xasprintf("%s/tokens/%s", m->at.enroll, id);

	/* Looked for by name, so that one which cannot be read goes, too. */
	if (!token_is_id(id) || !file_exists(path)) {
		(void)err_set(e, ERR_CONFIG, "there is no token %s", id);
		return err_hint(e, "etcd-cluster token list shows them; the first column is what revoke takes");
	}
	if (m->dry_run) {
		log_info("would remove the token %s", id);
		return 1;
	}
	{
		auto_close int lock = token_store_lock(m, e);

		if (lock < 0 || token_store_remove(m, id, e) < 0)
			return -1;
	}
	return enroll_open(m, e) < 0 ? -1 : 1;
}

int client_revoke(const struct machine *m, const char *cn, struct err *e)
{
	cleanup(enroll_tombstone_free) struct enroll_tombstone gone = { .name = NULL };
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL }, issued = { .name = NULL };
	int known = 0, by_hand = 0, revoked = 0;

	if (check_ca_host(m, e) < 0 || check_active(m, e) < 0)
		return -1;
	if (!pki_check_cn(cn) && ((known = enroll_record_read(m, ENROLL_CLIENT, cn, &r, e)) < 0 ||
				  (by_hand = enroll_record_read(m, ENROLL_ISSUED, cn, &issued, e)) < 0 ||
				  (revoked = enroll_tombstone_read(m, ENROLL_CLIENT, cn, &gone, e)) < 0))
		return -1;
	known |= by_hand;
	if (!known && !revoked) {
		(void)err_set(e, ERR_CONFIG, "this CA host has made no certificate for %s, by token or cert issue", cn);
		return err_hint(e, "etcd-cluster cert list shows the clients");
	}
	if (m->dry_run) {
		log_info("would revoke the certificates of %s", cn);
		return known;
	}
	if (enroll_learn_now(m, e) < 0 || check_active(m, e) < 0)
		return -1;
	{
		auto_close int lock = token_store_lock(m, e);

		if (lock < 0 || enroll_record_bury(m, ENROLL_CLIENT, cn, e) < 0 ||
		    (by_hand && enroll_record_bury(m, ENROLL_ISSUED, cn, e) < 0))
			return -1;
	}
	return enroll_revoke(m, e) < 0 ? -1 : known;
}

/* --- Certificates by hand. */

int issue_check(const struct machine *m, const char *client, struct err *e)
{
	const char *why;

	if (enroll_learn_now(m, e) < 0 || check_active(m, e) < 0)
		return -1;
	/* Those of profiles, and what is no CN, are pki/export.h's to judge. */
	if (!client || pki_check_cn(client) || pki_is_profile_cn(client))
		return 0;
	if (why_not_cn(m, client, &why, e) < 0)
		return -1;
	return why ? err_set(e, ERR_CONFIG, "a client cannot be called %s: it %s", client, why) : 0;
}

int issue_record(const struct machine *m, const struct pki_signed *made, struct err *e)
{
	cleanup(enroll_record_free) struct enroll_record r = { .name = NULL };
	auto_close int lock = token_store_lock(m, e);
	int found = lock < 0 ? -1 : enroll_record_read(m, ENROLL_ISSUED, made->name, &r, e);

	if (found < 0)
		return -1;
	if (r.grants.n >= ENROLL_GRANTS_MAX) {
		(void)err_set(e, ERR_CONFIG, "%s has %zu certificates that are still valid", made->name, r.grants.n);
		return err_hint(e, "etcd-cluster cert revoke %s ends them all", made->name);
	}
	if (found == 0) {
		r = (struct enroll_record){ .kind = ENROLL_ISSUED,
					    .name = xstrdup(made->name),
					    .address = xstrdup(""),
					    .key = xstrdup(made->key),
					    .since = m->now };
	}
	r.time = m->now;
	enroll_grants_add(&r.grants, made->end, made->serials, m->now);
	return enroll_record_write(m, &r, e);
}

int bundle_record(const struct machine *m, const struct pki_signed *made, struct err *e)
{
	cleanup(enroll_grants_free) struct enroll_grants grants = { 0 };
	auto_close int lock = token_store_lock(m, e);

	enroll_grants_add(&grants, made->end, made->serials, m->now);
	const struct enroll_record r = { .name = made->name,
					 .address = made->address,
					 .sans = made->sans,
					 .key = made->key,
					 .since = m->now,
					 .time = m->now,
					 .grants = grants };

	return lock < 0 || enroll_record_bury(m, ENROLL_MACHINE, made->name, e) < 0 || enroll_record_write(m, &r, e) < 0
		       ? -1
		       : 0;
}

/* --- The CA host. */

/* What was removed meanwhile is refused from the first request on. */
static int take(const struct machine *m, struct enroll_list *l, bool fenced, struct err *e)
{
	auto_close int lock = m->dry_run ? -1 : token_store_lock(m, e);
	int rc = lock < 0 && !m->dry_run ? -1 : active_take(m, l, fenced, e);

	return rc > 0 && !m->dry_run && enroll_learn(m, l, e) < 0 ? -1 : rc;
}

int takeover_run(const struct machine *m, bool fenced, struct err *e)
{
	cleanup(enroll_list_free) struct enroll_list list = { 0 };
	int taken, opened;

	if (pki_origin(m) != PKI_CA) {
		(void)err_set(e, ERR_CONFIG, "%s/ca.key is missing, so this machine cannot be the CA host", m->at.pki);
		return err_hint(e, "etcd-cluster ca import FILE; the file is one that etcd-cluster ca export made");
	}
	enroll_list_ask(m, &list);
	taken = take(m, &list, fenced, e);
	opened = taken < 0 ? -1 : enroll_open(m, e);
	return opened < 0 ? -1 : taken || opened;
}

int takeover_imported(const struct machine *m, bool new_key, time_t exported, struct err *e)
{
	cleanup(enroll_list_free) struct enroll_list list = { 0 };
	auto_close int lock = -1;

	enroll_list_ask(m, &list);
	lock = token_store_lock(m, e);
	return lock < 0 ? -1 : active_imported(m, &list, new_key, exported, e);
}

int takeover_look(const struct machine *m, bool ask, struct enroll_active *a, struct err *e)
{
	cleanup(enroll_list_free) struct enroll_list list = { 0 };

	if (active_read(m, a, e) < 0)
		return -1;
	if (ask)
		enroll_list_ask(m, &list);
	if (active_claims(a, &list) || !enroll_list_names_other(&list))
		return 0;
	ca_host_free(&a->host);
	a->host = list.host;
	list.host = (struct ca_host){ 0 };
	a->state = ENROLL_STANDBY;
	return 0;
}
