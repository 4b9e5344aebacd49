/* SPDX-License-Identifier: Apache-2.0 */
#include "cahost/owner.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "adapter/probe.h"
#include "config/check.h"
#include "member/endpoint.h"

/* More than a machine has: they go into its record. */
#define IPS_MAX 32

/* As sixteen bytes, IPv4 in its IPv6 form (RFC 4291, 2.5.5.2). False for what is no literal. */
static bool parse_ip(const char *s, uint8_t ip[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(ip, mapped, sizeof(mapped));
	return inet_pton(AF_INET, s, ip + sizeof(mapped)) == 1 || inet_pton(AF_INET6, s, ip) == 1;
}

/* Its length without a final dot, with which a name is the same. */
static size_t name_length(const char *s)
{
	size_t n = strlen(s);

	return n > 1 && s[n - 1] == '.' ? n - 1 : n;
}

bool enroll_same(const char *a, const char *b)
{
	const size_t n = name_length(a);
	uint8_t x[16], y[16];

	if (parse_ip(a, x) && parse_ip(b, y))
		return memcmp(x, y, sizeof(x)) == 0;
	return n == name_length(b) && strncasecmp(a, b, n) == 0;
}

bool enroll_has(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (enroll_same(*v, s))
			return true;
	return false;
}

/* --- DNS. */

void enroll_lookups_free(struct enroll_lookups *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->list[i].name);
		strv_free(l->list[i].ips);
	}
	free(l->list);
	*l = (struct enroll_lookups){ 0 };
}

void enroll_lookup(struct enroll_lookups *l, const char *name)
{
	struct err unknown = { 0 };

	if (config_is_ip(name) || name[0] == '*')
		return;
	for (size_t i = 0; i < l->n; i++)
		if (enroll_same(l->list[i].name, name))
			return;
	l->list = xrealloc(l->list, l->n + 1, sizeof(*l->list));
	l->list[l->n++] = (struct enroll_lookup){ xstrdup(name), probe_resolve(name, &unknown) };
}

char **enroll_looked_up(const struct enroll_lookups *l, const char *name)
{
	char **ips = NULL;

	if (config_is_ip(name))
		strv_add(&ips, name);
	for (size_t i = 0; i < l->n && !ips; i++) {
		char **all = enroll_same(l->list[i].name, name) ? l->list[i].ips : NULL;

		for (size_t k = 0; all && all[k] && k < IPS_MAX; k++)
			strv_add(&ips, all[k]);
	}
	return ips;
}

/* --- The owners. */

void enroll_owners_free(struct enroll_owners *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->list[i].name);
		strv_free(o->list[i].texts);
		strv_free(o->list[i].ips);
	}
	free(o->list);
	*o = (struct enroll_owners){ 0 };
}

static struct enroll_owner *add_owner(struct enroll_owners *out, enum enroll_source by, const char *name)
{
	out->list = xrealloc(out->list, out->n + 1, sizeof(*out->list));
	out->list[out->n] = (struct enroll_owner){ .by = by, .name = xstrdup(name) };
	return &out->list[out->n++];
}

/* recorded: what the address stood for last (strv), or NULL. */
static void add_address(struct enroll_owner *o, const char *address, char *const *recorded,
			const struct enroll_lookups *looked_up)
{
	auto_strv char **ips = enroll_looked_up(looked_up, address);

	strv_add_once(&o->texts, address);
	strv_add_all(&o->ips, ips ? ips : recorded);
	o->unknown = o->unknown || (!ips && !recorded);
}

/* ADDRESSES are literals. The first of the texts stays ADDRESS. */
static void add_further(struct enroll_owner *o, char *const *addresses)
{
	strv_add_all(&o->texts, addresses);
	strv_add_all(&o->ips, addresses);
}

/* What the record of that name has for that address. */
static char *const *recorded_of(const struct enroll_records *records, const char *name, const char *address)
{
	for (const struct enroll_record *r = records->list; r < records->list + records->n; r++)
		if (strcmp(r->name, name) == 0 && enroll_same(r->address, address))
			return r->resolved;
	return NULL;
}

void enroll_owners_here(const struct config *conf, const struct enroll_records *records,
			const struct enroll_lookups *looked_up, struct enroll_owners *out)
{
	struct enroll_owner *host = add_owner(out, ENROLL_HOST, conf->name);

	add_address(host, conf->address, NULL, looked_up);
	add_further(host, conf->addresses);
	for (const struct config_member *c = conf->members; c < conf->members + conf->n_members; c++)
		if (strcmp(c->name, conf->name) != 0)
			add_address(add_owner(out, ENROLL_MEMBERS, c->name), c->address,
				    recorded_of(records, c->name, c->address), looked_up);
	for (const struct enroll_record *r = records->list; r < records->list + records->n; r++) {
		struct enroll_owner *o = add_owner(out, ENROLL_RECORD, r->name);

		o->since = r->since;
		add_address(o, r->address, r->resolved, looked_up);
		add_further(o, r->addresses);
		strv_add_all(&o->texts, r->sans);
	}
}

char **enroll_owner_hosts(const struct rpc_member *one)
{
	char **hosts = NULL;

	for (char **u = one->peer_urls; u && *u; u++) {
		auto_free char *host = NULL;
		uint16_t port;

		if (endpoint_split(*u, &host, &port))
			strv_add(&hosts, host);
	}
	return hosts;
}

void enroll_owners_listed(const struct rpc_members *list, uint64_t own, const struct enroll_lookups *looked_up,
			  struct enroll_owners *out)
{
	for (const struct rpc_member *one = list->list; one < list->list + list->n; one++) {
		auto_strv char **hosts = enroll_owner_hosts(one);
		struct enroll_owner *o;

		/* A member without a name has not started yet: it may be the one that asks. */
		if (!one->name[0] || (own != 0 && one->id == own))
			continue;
		o = add_owner(out, ENROLL_LIST, one->name);
		for (char **h = hosts; h && *h; h++)
			add_address(o, *h, NULL, looked_up);
	}
}

const char *enroll_overlap(const struct enroll_question *q, char *const *addresses, char *const *shared,
			   const struct enroll_owner *o)
{
	if (enroll_same(q->name, o->name) || enroll_has(o->texts, q->name))
		return q->name;
	if (enroll_same(q->address, o->name) || enroll_has(o->texts, q->address) || enroll_has(o->ips, q->address))
		return q->address;
	for (; addresses && *addresses; addresses++)
		if (enroll_has(o->ips, *addresses))
			return *addresses;
	for (char *const *a = q->addresses; a && *a; a++)
		if (enroll_same(*a, o->name) || enroll_has(o->texts, *a) || enroll_has(o->ips, *a))
			return *a;
	for (char *const *san = q->sans; san && *san; san++)
		if (!enroll_has(shared, *san) &&
		    (enroll_same(*san, o->name) || enroll_has(o->texts, *san) || enroll_has(o->ips, *san)))
			return *san;
	return NULL;
}
