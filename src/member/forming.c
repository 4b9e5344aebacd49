/* SPDX-License-Identifier: Apache-2.0 */
#include "member/forming.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"

static const char *const states[] = {
	[FORMING_OFFERED] = "offered",	 [FORMING_ACCEPTED] = "accepted", [FORMING_COMMITTED] = "committed",
	[FORMING_STARTING] = "starting", [FORMING_STARTED] = "started",
};

void forming_free(struct forming *f)
{
	free(f->nonce);
	free(f->members);
	free(f->disks);
	free(f->ports);
	free(f->token);
	free(f->ca);
	*f = (struct forming){ 0 };
}

int forming_put(struct buf *out, const struct forming *f, struct err *e)
{
	const char *const lines[][2] = { { "STATE", states[f->state] },
					 { "NONCE", f->nonce },
					 { "MEMBERS", f->members },
					 { "DISKS", f->disks },
					 { "PORTS", f->ports },
					 { "CLUSTER_TOKEN", f->token },
					 { "CA", f->ca } };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (keyfile_put(out, lines[i][0], lines[i][1], e) < 0)
			return -1;
	return 0;
}

static bool is_whole(const struct forming *f)
{
	auto_strv char **members = f->members ? text_split(f->members, ",") : NULL;
	auto_strv char **disks = f->disks ? text_split(f->disks, ",") : NULL;

	if (!members || !disks || strv_len(members) != strv_len(disks) || !disk_is_id(f->nonce) || !f->ports ||
	    !f->token || !f->ca)
		return false;
	for (size_t i = 0; members[i]; i++) {
		const size_t name = strcspn(members[i], "=");

		if (members[i][name] != '=' || strncmp(members[i], disks[i], name + 1) != 0 ||
		    !disk_is_id(disks[i] + name + 1))
			return false;
	}
	return true;
}

bool forming_get(const struct keyfile *k, struct forming *f)
{
	const size_t state = text_index(keyfile_get(k, "STATE"), states, ARRAY_LEN(states));

	*f = (struct forming){ .state = (enum forming_state)state,
			       .nonce = keyfile_copy(k, "NONCE"),
			       .members = keyfile_copy(k, "MEMBERS"),
			       .disks = keyfile_copy(k, "DISKS"),
			       .ports = keyfile_copy(k, "PORTS"),
			       .token = keyfile_copy(k, "CLUSTER_TOKEN"),
			       .ca = keyfile_copy(k, "CA") };
	return state < ARRAY_LEN(states) && is_whole(f);
}

int forming_read(const struct machine *m, struct forming *f, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };

	*f = (struct forming){ 0 };
	if (keyfile_read(m->at.forming, &k, e) < 0)
		return err_absent(e);
	if (forming_get(&k, f))
		return 1;
	forming_free(f);
	(void)err_set(e, ERR_CONFIG, "%s is not as it was written", m->at.forming);
	return err_hint(e, "put a good copy back; if there is none, and the cluster runs on the other machines: "
			   "etcd-cluster replace");
}

int forming_write(const struct machine *m, const struct forming *f, struct err *e)
{
	auto_buf struct buf text = { 0 };

	buf_puts(&text, "# How this machine's cluster was formed; written by etcd-cluster, see etcd-cluster(8), "
			"FILES.\n");
	return forming_put(&text, f, e) < 0 ? -1 : machine_write(m, m->at.forming, FILE_MODE(0600), &text, e);
}

char *forming_address(const char *address)
{
	char *text = xstrdup(address);
	struct in6_addr v6;

	if (inet_pton(AF_INET6, address, &v6) == 1) {
		text = xrealloc(text, INET6_ADDRSTRLEN, 1);
		must(inet_ntop(AF_INET6, &v6, text, INET6_ADDRSTRLEN) != NULL);
	}
	text_lower(text);
	return text;
}

char *forming_members(const struct config *c)
{
	const struct config_member self = { c->name, c->address };
	const bool many = c->n_members > 0;
	auto_buf struct buf text = { 0 };

	for (size_t i = 0; i < (many ? c->n_members : 1); i++) {
		const struct config_member *one = many ? &c->members[i] : &self;
		auto_free char *address = forming_address(one->address);

		buf_printf(&text, "%s%s=%s", i > 0 ? "," : "", one->name, address);
	}
	return xstrdup(buf_str(&text));
}

char *forming_ports(const struct config *c)
{
	return xasprintf("%u,%u", c->client_port, c->peer_port);
}

char *forming_of(const char *list, const char *name)
{
	const size_t len = strlen(name);
	auto_strv char **all = text_split(list, ",");

	for (char **one = all; one && *one; one++)
		if (strncmp(*one, name, len) == 0 && (*one)[len] == '=')
			return xstrdup(*one + len + 1);
	return NULL;
}

/* The peer URLs in the order of MEMBERS; and the names, unless NULL. Strvs. */
static char **urls_of(const struct forming *f, char ***names)
{
	auto_strv char **all = text_split(f->members, ",");
	const char *comma = strchr(f->ports, ',');
	uint64_t port = 0;
	char **urls = NULL;

	(void)(comma && text_parse_u64(comma + 1, 1, UINT16_MAX, &port));
	for (char **one = all; *one; one++) {
		char *address = strchr(*one, '=');
		auto_free char *url = config_url(address + 1, (uint16_t)port);

		strv_add(&urls, url);
		*address = '\0';
		if (names)
			strv_add(names, *one);
	}
	return urls;
}

char *forming_cluster(const struct forming *f)
{
	auto_strv char **names = NULL;
	auto_strv char **urls = urls_of(f, &names);
	auto_buf struct buf text = { 0 };

	for (size_t i = 0; urls[i]; i++)
		buf_printf(&text, "%s%s=%s", i > 0 ? "," : "", names[i], urls[i]);
	return xstrdup(buf_str(&text));
}

char *forming_cluster_token(const struct forming *f)
{
	return xasprintf("%s.%s", f->token, f->nonce);
}

bool forming_ids(const struct forming *f, const char *name, struct wal_ids *ids)
{
	auto_strv char **names = NULL;
	auto_strv char **urls = urls_of(f, &names);
	auto_free char *token = forming_cluster_token(f);
	size_t self = 0;

	while (names && names[self] && strcmp(names[self], name) != 0)
		self++;
	if (names && names[self])
		*ids = wal_static_ids(urls, strv_len(urls), self, token);
	return names && names[self];
}

bool forming_is_bound(const struct forming *f)
{
	return f->state >= FORMING_COMMITTED;
}

bool forming_may_start(const struct forming *f, const char *name, const char *disk)
{
	auto_free char *own = forming_of(f->disks, name);

	return (f->state == FORMING_COMMITTED || f->state == FORMING_STARTING) && own && strcmp(own, disk) == 0;
}

bool forming_gathers(const struct machine *m)
{
	auto_forming struct forming f = { 0 };
	struct err unread = { 0 };
	int rc;

	if (m->conf.role != ROLE_CLUSTER || m->conf.n_members < 2 || !config_makes_ca(&m->conf) ||
	    file_exists(m->at.joining))
		return false;
	rc = forming_read(m, &f, &unread);
	return rc > 0 ? f.state != FORMING_STARTED : rc == 0 && !file_exists(m->at.member_id);
}
