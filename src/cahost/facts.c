/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/facts.h"

#include <string.h>

#include "adapter/probe.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cahost/rules_names.h"
#include "cahost/token_store.h"
#include "cluster/membership.h"
#include "cluster/poll.h"
#include "member/endpoint.h"
#include "member/identity.h"

#define ASK_MS	   2000 /* for each answer of etcd */
#define LOOKUPS_MS 4000 /* for all of DNS; what is not looked up by then counts as unknown */
#define VACANT_MS  1000
/* Looks of a quorum, this far apart, that miss a learner until it counts as removed. A jump of the clock is one. */
#define MISSED_MAX   15
#define MISSED_APART 60 /* seconds */

/* --- The membership list. */

void enroll_list_free(struct enroll_list *l)
{
	rpc_members_free(&l->members);
	ca_host_free(&l->self);
	ca_host_free(&l->host);
	*l = (struct enroll_list){ 0 };
}

void enroll_list_ask(const struct machine *m, struct enroll_list *l)
{
	cleanup(identity_free) struct identity id = { 0 };
	auto_free char *url = endpoint_own(m);
	auto_grpc struct grpc *g = NULL;
	struct err why = { 0 };

	*l = (struct enroll_list){ 0 };
	if (identity_read(m, &id, &why) <= 0)
		return;
	g = endpoint_open(m, url, 0, ASK_MS, &why);
	/* etcd 3.4 gives its own view whatever is asked: the read proves that it is that of a quorum. */
	if (!g || rpc_health(g, false, &why) < 0 || rpc_member_list(g, true, &l->members, &why) < 0 ||
	    ca_host_get(g, true, &l->host, &l->host_revision, &why) < 0) {
		log_debug("no membership list: %s", why.msg);
		enroll_list_free(l);
		return;
	}
	ca_host_self(&m->conf, id.cluster_id, id.member_id, &l->self);
	l->agreed = l->members.cluster_id == id.cluster_id && membership_by_id(&l->members, id.member_id);
	if (!l->agreed)
		enroll_list_free(l);
}

/* The member that a machine on record is, or NULL. */
static const struct rpc_member *member_of(const struct enroll_list *l, const struct enroll_record *r)
{
	const struct rpc_member *one =
		r->member ? membership_by_id(&l->members, r->member) : membership_by_name(&l->members, r->name);

	return one && one->id != r->not_member ? one : NULL;
}

/*
 * Which member a key belongs to counts from its first vote on. Setup by itself removes the slot of a new disk, and a
 * learner that did not start or lost its data, and adds the machine again: the same key, with another ID.
 */
static bool has_voted(const struct rpc_member *one)
{
	return !one->is_learner && one->client_urls; /* one of a forming cluster has its name before it starts */
}

/* One that a list had, and this one has not. It may be about to be added again. */
static enum enroll_lesson miss(struct enroll_record *r, time_t now)
{
	if (r->missed > 0 && now >= r->missed_at && now < r->missed_at + MISSED_APART)
		return ENROLL_KEPT;
	if (r->missed == 0 || now >= r->missed_at)
		r->missed++;
	r->missed_at = now;
	return r->missed < MISSED_MAX ? ENROLL_CHANGED : ENROLL_GONE;
}

enum enroll_lesson enroll_learn_record(const struct enroll_list *l, time_t now, struct enroll_record *r)
{
	const struct rpc_member *one;

	if (r->cluster != 0 && r->cluster != l->members.cluster_id) {
		r->cluster = l->members.cluster_id;
		r->member = r->not_member = 0;
		r->listed = false;
		r->missed = 0;
		r->time = now;
		return ENROLL_CHANGED;
	}
	one = member_of(l, r);
	if (!one && r->member != 0)
		return ENROLL_GONE;
	if (!one)
		return r->listed ? miss(r, now) : ENROLL_KEPT;
	if (r->listed && r->missed == 0 && r->time + DAY > now && (r->member == one->id || !has_voted(one)))
		return ENROLL_KEPT;
	r->cluster = l->members.cluster_id;
	r->member = has_voted(one) ? one->id : r->member;
	r->listed = true;
	r->missed = 0;
	r->time = now;
	return ENROLL_CHANGED;
}

/* Earlier versions kept the record of a former name: the key is that of a member. */
static bool has_other_name(const struct enroll_list *l, const struct enroll_records *all, const struct enroll_record *r)
{
	for (size_t i = 0; i < all->n; i++)
		if (&all->list[i] != r && strcmp(all->list[i].key, r->key) == 0 && member_of(l, &all->list[i]))
			return true;
	return false;
}

static int learn(const struct machine *m, const struct enroll_list *l, const struct enroll_records *all,
		 struct enroll_record *r, struct err *e)
{
	switch (enroll_learn_record(l, m->now, r)) {
	case ENROLL_KEPT:
		return 0;
	case ENROLL_CHANGED:
		return enroll_record_write(m, r, e) < 0 ? -1 : 1;
	case ENROLL_GONE:
		break;
	}
	if (has_other_name(l, all, r))
		return enroll_record_drop(m, ENROLL_MACHINE, r->name, e) < 0 ? -1 : 1;
	log_info("%s was removed from the cluster: its keys are refused from now on", r->name);
	return enroll_machine_bury(m, r->name, e) < 0 ? -1 : 1;
}

int enroll_learn(const struct machine *m, struct enroll_list *l, struct err *e)
{
	cleanup(enroll_records_free) struct enroll_records all = { 0 };
	int changed = active_learn(m, l, e);

	if (changed < 0 || !l->agreed)
		return changed;
	if (enroll_records_read(m, ENROLL_MACHINE, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		/* The CA host itself may be on the record of another one. */
		int rc = strcmp(all.list[i].name, m->conf.name) == 0 ? 0 : learn(m, l, &all, &all.list[i], e);

		if (rc < 0)
			return -1;
		changed |= rc;
	}
	return changed;
}

int enroll_learn_now(const struct machine *m, struct err *e)
{
	cleanup(enroll_list_free) struct enroll_list list = { 0 };
	auto_strv char **names = enroll_record_names(m, ENROLL_MACHINE);
	auto_close int lock = -1;

	if ((!names && !active_is_noted(m)) || m->dry_run)
		return 0;
	enroll_list_ask(m, &list);
	if (!list.agreed)
		return 0;
	lock = token_store_lock(m, e);
	return lock < 0 ? -1 : enroll_learn(m, &list, e);
}

/* --- The facts. */

void enroll_known_free(struct enroll_known *k)
{
	enroll_records_free(&k->records);
	enroll_tombstones_free(&k->tombstones);
	enroll_records_free(&k->clients);
	enroll_tombstones_free(&k->revoked);
	enroll_lookups_free(&k->lookups);
	enroll_list_free(&k->list);
	active_free(&k->active);
}

static void find_records(const struct enroll_question *q, const struct enroll_known *k, struct enroll_facts *f)
{
	const struct enroll_records *records = q->client ? &k->clients : &k->records;
	const struct enroll_tombstones *tombstones = q->client ? &k->revoked : &k->tombstones;
	const char *key = f->cert ? f->cert_key : f->key;

	f->record = f->own = NULL;
	f->tombstone = f->refused = NULL;
	for (const struct enroll_record *r = records->list; r < records->list + records->n; r++) {
		if (strcmp(r->name, q->name) == 0)
			f->record = r;
		if (strcmp(r->key, key) == 0 && (!q->client || r == f->record) &&
		    (!f->own || strcmp(r->name, q->name) == 0))
			f->own = r;
	}
	for (const struct enroll_tombstone *t = tombstones->list; t < tombstones->list + tombstones->n; t++) {
		if (strcmp(t->name, q->name) == 0)
			f->tombstone = t;
		if (strv_has(t->keys, key) || strv_has(t->keys, f->key))
			f->refused = t;
	}
}

/* The member that asks, as far as the record or its name tells. */
static const struct rpc_member *asker(const struct enroll_question *q, const struct enroll_known *k,
				      const struct enroll_facts *f)
{
	const struct enroll_record *r = f->cert ? f->own : f->record;

	return r ? member_of(&k->list, r) : membership_by_name(&k->list.members, q->name);
}

static enum enroll_view view_of(const struct enroll_question *q, const struct enroll_known *k,
				const struct enroll_facts *f)
{
	const struct rpc_member *one = k->list.agreed ? asker(q, k, f) : NULL;

	if (!k->list.agreed)
		return ENROLL_UNKNOWN;
	if (!one)
		return ENROLL_STRANGER;
	return k->answers || one->id != k->looked_at ? ENROLL_ALIVE : ENROLL_MEMBER;
}

void enroll_facts_fill(const struct enroll_question *q, const struct enroll_known *k, struct enroll_facts *f)
{
	const bool other = f->asked && !active_claims(&k->active, &k->list) && enroll_list_names_other(&k->list);

	f->standby = other ? &k->list.host : k->active.state == ENROLL_STANDBY ? &k->active.host : NULL;
	enroll_owners_free(&f->owners);
	find_records(q, k, f);
	if (q->client) {
		f->machines = &k->records;
		f->removed = &k->tombstones;
		f->view = k->list.agreed ? ENROLL_STRANGER : ENROLL_UNKNOWN;
		if (f->asked)
			enroll_owners_listed(&k->list.members, 0, &k->lookups, &f->owners);
		return;
	}
	f->names_client = false;
	for (size_t i = 0; i < k->clients.n; i++)
		f->names_client = f->names_client || enroll_same(k->clients.list[i].name, q->name);
	enroll_owners_here(f->conf, &k->records, &k->lookups, &f->owners);
	if (!f->asked)
		return;
	enroll_owners_listed(&k->list.members, f->own ? f->own->member : 0, &k->lookups, &f->owners);
	strv_free(f->addresses);
	f->addresses = enroll_looked_up(&k->lookups, q->address);
	f->view = view_of(q, k, f);
	f->vacant = k->vacant;
}

int enroll_facts_load(const struct machine *m, const struct enroll_question *q, struct enroll_known *k,
		      struct enroll_facts *f, struct err *e)
{
	cleanup(identity_free) struct identity id = { 0 };
	int rc = identity_read(m, &id, e);

	enroll_records_free(&k->records);
	enroll_tombstones_free(&k->tombstones);
	enroll_records_free(&k->clients);
	enroll_tombstones_free(&k->revoked);
	active_free(&k->active);
	if (rc < 0 || active_read(m, &k->active, e) < 0 || enroll_records_read(m, ENROLL_MACHINE, &k->records, e) < 0 ||
	    enroll_tombstones_read(m, ENROLL_MACHINE, &k->tombstones, e) < 0 ||
	    enroll_records_read(m, ENROLL_CLIENT, &k->clients, e) < 0 ||
	    enroll_tombstones_read(m, ENROLL_CLIENT, &k->revoked, e) < 0)
		return -1;
	f->formed = rc > 0;
	enroll_facts_fill(q, k, f);
	return 0;
}

/* Whether the member answers at one of its client URLs. */
static bool answers(const struct machine *m, const struct rpc_member *one)
{
	cleanup(poll_free) struct poll r = { 0 };
	char **urls = NULL;

	strv_add_all(&urls, one->client_urls);
	return poll_all(m, urls, ASK_MS, &r) > 0;
}

/* Nothing listens where the machine was: what the list says about that is not believed. */
static bool is_vacant(const struct machine *m, const struct enroll_record *r)
{
	auto_strv char **there = NULL;

	strv_add_all(&there, r->resolved);
	strv_add_once(&there, r->address);
	return !probe_listening(there, m->conf.peer_port, VACANT_MS) &&
	       !probe_listening(there, m->conf.client_port, VACANT_MS);
}

static void look_up(const struct enroll_question *q, struct enroll_known *k, const struct enroll_facts *f)
{
	const long long end = clock_ms() + LOOKUPS_MS;
	const struct rpc_members *list = &k->list.members;
	auto_strv char **names = NULL;

	strv_add(&names, q->address);
	for (size_t i = 0; i < f->owners.n; i++)
		if (f->owners.list[i].texts)
			strv_add_once(&names, f->owners.list[i].texts[0]);
	for (size_t i = 0; i < list->n; i++) {
		auto_strv char **hosts = enroll_owner_hosts(&list->list[i]);

		for (char **h = hosts; h && *h; h++)
			strv_add_once(&names, *h);
	}
	for (char **name = names; *name && clock_ms() < end; name++)
		enroll_lookup(&k->lookups, *name);
}

void enroll_facts_ask(const struct machine *m, const struct enroll_question *q, struct enroll_known *k,
		      struct enroll_facts *f)
{
	const struct rpc_member *one = NULL;

	if (f->formed)
		enroll_list_ask(m, &k->list);
	f->asked = true;
	if (q->list_only || q->client)
		return;
	if (k->list.agreed)
		one = asker(q, k, f);
	k->looked_at = one ? one->id : 0;
	k->answers = one && answers(m, one);
	k->vacant = f->cert && f->own && !enroll_same(f->own->address, q->address) && is_vacant(m, f->own);
	look_up(q, k, f);
}

/* --- The record. */

/* The member that the machine says it is counts if etcd has it with this name. */
static void note_member(const struct enroll_question *q, const struct enroll_list *l, bool new_key,
			struct enroll_record *r)
{
	const struct rpc_member *one = membership_by_name(&l->members, q->name);

	if (!one || r->member != 0)
		return;
	r->cluster = l->members.cluster_id;
	if (one->id == q->member)
		r->member = has_voted(one) ? one->id : 0;
	else if (new_key)
		r->not_member = one->id; /* the machine is about to become another */
}

void enroll_next_record(const struct enroll_question *q, const struct enroll_known *k, const struct enroll_facts *f,
			struct enroll_record *r)
{
	const struct enroll_record *base = enroll_rules_base(f);
	const bool confirmed = f->token || !f->formed || f->view == ENROLL_MEMBER || f->view == ENROLL_ALIVE ||
			       (q->client && f->view != ENROLL_UNKNOWN);

	*r = (struct enroll_record){ .kind = q->client ? ENROLL_CLIENT : ENROLL_MACHINE,
				     .name = xstrdup(q->name),
				     .address = xstrdup(q->address),
				     .key = xstrdup(f->key),
				     .token = xstrdup(f->token ? f->token->token.id
						      : base   ? base->token
							       : ""),
				     .cluster = base ? base->cluster : 0,
				     .member = base ? base->member : 0,
				     .not_member = base ? base->not_member : 0,
				     .listed = base && base->listed,
				     .missed = base ? base->missed : 0,
				     .missed_at = base ? base->missed_at : 0,
				     .since = base ? base->since : f->now,
				     .time = base && !confirmed ? base->time : f->now };
	if (f->token ? f->token->from : base ? base->from : NULL)
		r->from = xstrdup(f->token ? f->token->from : base->from);
	strv_add_all(&r->addresses, enroll_rules_addresses(f));
	for (char **a = f->token ? f->token->addresses : NULL; a && *a; a++)
		strv_add_once(&r->addresses, *a);
	strv_add_all(&r->sans, base ? base->sans : NULL);
	for (char **san = f->token ? f->token->sans : NULL; san && *san; san++)
		strv_add_once(&r->sans, *san);
	strv_add_all(&r->resolved, f->addresses);
	if (!r->resolved && f->record && enroll_same(f->record->address, r->address))
		strv_add_all(&r->resolved, f->record->resolved);
	if (base) {
		enroll_grants_join(&r->grants, &base->grants, f->now);
		visits_copy(&base->visits, &r->visits);
	}
	visits_add(&r->visits, f->now, f->source);
	if (!q->client)
		note_member(q, &k->list, !base, r);
}
