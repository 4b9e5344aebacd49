/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <string.h>

#include "adapter/keyfile.h"
#include "base/file.h"
#include "base/text.h"
#include "config/default.h"
#include "config/key.h"

#define DEFAULT_RENEW_DAYS 120

/* The lines of all files, one for each key: that of the last file. */
struct lines {
	struct config_line *v;
	size_t n;
};

static void lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		config_line_free(&l->v[i]);
	free(l->v);
}

static struct config_line *lines_find(const struct lines *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].key, key) == 0)
			return &l->v[i];
	return NULL;
}

static void lines_put(struct lines *l, const struct keyfile *k, const struct keyfile_entry *entry)
{
	struct config_line *line = lines_find(l, entry->key);

	if (line) {
		config_line_free(line);
	} else {
		l->v = xrealloc(l->v, l->n + 1, sizeof(*l->v));
		line = &l->v[l->n++];
	}
	*line = (struct config_line){ .key = xstrdup(entry->key),
				      .value = xstrdup(entry->value),
				      .where = xasprintf("%s:%u", k->path, entry->line) };
}

static int read_file(const char *path, bool may_be_absent, struct lines *l, struct err *e)
{
	auto_keyfile struct keyfile k = { 0 };

	if (keyfile_read(path, &k, e) < 0) {
		if (may_be_absent && e->sys == ENOENT)
			return err_absent(e);
		if (e->sys == ENOENT)
			e->class = ERR_CONFIG;
		if (e->sys == EACCES)
			(void)err_hint(e, "run it as root");
		return -1;
	}
	for (size_t i = 0; i < k.n; i++)
		lines_put(l, &k, &k.entries[i]);
	return 0;
}

static bool is_dropin(const char *name)
{
	return name[0] != '.' && text_ends(name, ".conf");
}

static int read_dropins(const char *dir, struct lines *l, struct err *e)
{
	auto_strv char **names = NULL;

	if (file_list(dir, is_dropin, &names, e) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *path = xasprintf("%s/%s", dir, names[i]);

		if (read_file(path, false, l, e) < 0)
			return -1;
	}
	return 0;
}

static int read_all(const struct layout *at, struct lines *l, struct err *e)
{
	if (read_file(at->conf, at->conf_dir != NULL, l, e) < 0)
		return -1;
	return at->conf_dir ? read_dropins(at->conf_dir, l, e) : 0;
}

static void set_defaults(struct config *c)
{
	*c = (struct config){
		.role = ROLE_SINGLE,
		.cluster_token = xstrdup("etcd-cluster"),
		.data_dir = xstrdup("/var/lib/etcd-cluster"),
		.client_port = 2379,
		.peer_port = 2380,
		.enroll_port = 2382,
		.enroll_token_file = xstrdup("/etc/etcd/enroll-token"),
		.metrics_url = xstrdup("http://127.0.0.1:2381"),
		.key_type = X509_ECDSA_P256,
		.cert_days = 365,
		.ca_days = 3650,
		.backup_schedule = xstrdup(""),
		.backup_dir = xstrdup("/var/backups/etcd-cluster"),
		.backup_mount = xstrdup(""),
		.backup_keep = 14,
		.backup_command = xstrdup(""),
		.backup_user = xstrdup(""),
	};
	strv_add(&c->release_urls, "https://github.com/etcd-io/etcd/releases/download");
	strv_add(&c->release_urls, "https://storage.googleapis.com/etcd");
}

/* Without RENEW_BEFORE_DAYS: 120 days or a third of the lifetime, whichever is shorter. */
static unsigned int default_renew_days(const struct config *c)
{
	unsigned int third = c->cert_days < 3 ? 1 : c->cert_days / 3;

	return third < DEFAULT_RENEW_DAYS ? third : DEFAULT_RENEW_DAYS;
}

/* Points at the line of the first of two keys that is there. */
static int bad_pair(const struct lines *l, const char *key, const char *other, const char *why, struct err *e)
{
	const struct config_line *line = lines_find(l, key);

	if (!line)
		line = lines_find(l, other);
	return err_set(e, ERR_CONFIG, "%s: %s and %s %s", line ? line->where : "cluster.conf", key, other, why);
}

static bool strv_has_any(char *const *v, char *const *these)
{
	for (; these && *these; these++)
		if (strv_has(v, *these))
			return true;
	return false;
}

static bool lists_one_of(const struct config *c, char *const *addresses)
{
	for (size_t i = 0; i < c->n_members; i++)
		if (strv_has(addresses, c->members[i].address))
			return true;
	return false;
}

/* Keys that do not fit together. */
static int check_pairs(const struct config *c, const struct lines *l, struct err *e)
{
	const char *wal = c->wal_dir ? c->wal_dir : "";
	const char *colon = strrchr(c->metrics_url, ':'); /* NULL: no metrics listener */
	unsigned long metrics = colon ? strtoul(colon + 1, NULL, 10) : 0;
	const struct {
		const char *key, *other;
		bool bad;
		const char *why;
	} pairs[] = {
		{ "ENROLL_PORT", "CLIENT_PORT", c->enroll_port == c->client_port, "are the same port" },
		{ "ENROLL_PORT", "PEER_PORT", c->enroll_port == c->peer_port, "are the same port" },
		{ "CLIENT_PORT", "PEER_PORT", c->client_port == c->peer_port, "are the same port" },
		{ "METRICS_URL", "CLIENT_PORT", metrics == c->client_port, "have the same port" },
		{ "METRICS_URL", "PEER_PORT", metrics == c->peer_port, "have the same port" },
		{ "WAL_DIR", "DATA_DIR", config_is_below(wal, c->data_dir),
		  "overlap; leave WAL_DIR out to have the log inside DATA_DIR" },
		{ "WAL_DIR", "DATA_DIR", *wal && config_is_below(c->data_dir, wal), "overlap" },
		{ "ADDRESSES", "MEMBERS", lists_one_of(c, c->addresses),
		  "have the same address: MEMBERS has the ADDRESS of each machine" },
		{ "ADDRESSES", "EXTRA_SANS", strv_has_any(c->extra_sans, c->addresses),
		  "have the same address: EXTRA_SANS are names of all members" },
		{ "BACKUP_DIR", "DATA_DIR",
		  config_is_below(c->backup_dir, c->data_dir) || (*wal && config_is_below(c->backup_dir, wal)),
		  "overlap: a backup must not be lost with the data" },
		{ "BACKUP_DIR", "BACKUP_MOUNT", c->backup_mount[0] && !config_is_below(c->backup_dir, c->backup_mount),
		  "do not fit: BACKUP_DIR is not below that mount point" },
		{ "BACKUP_COMMAND", "BACKUP_USER", !c->backup_command[0] != !c->backup_user[0],
		  "belong together: the command and the user that runs it" },
		{ "CA_DAYS", "CERT_DAYS", c->ca_days < c->cert_days,
		  "do not fit: a certificate must not outlive its CA" },
		{ "RENEW_BEFORE_DAYS", "CERT_DAYS", c->renew_before_days >= c->cert_days,
		  "do not fit: every certificate would be due for renewal at once" },
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (pairs[i].bad)
			return bad_pair(l, pairs[i].key, pairs[i].other, pairs[i].why, e);
	return 0;
}

/* The entry of MEMBERS that is this machine: by NAME, by ADDRESS, by host name; NULL for none. */
static const struct config_member *find_by_word(const struct config *c, const char *host)
{
	const char *name = c->name, *address = c->name ? NULL : c->address;

	if (!name && !address)
		name = address = host;
	for (size_t i = 0; i < c->n_members; i++) {
		const struct config_member *one = &c->members[i];

		if ((name && strcmp(one->name, name) == 0) || (address && strcmp(one->address, address) == 0))
			return one;
	}
	return NULL;
}

/*
 * The one whose address an interface has; NULL for none or for two. Names are looked up only when no literal address
 * fits, since a resolver can be slow. *unknown gets a name that cannot be resolved (yet), or stays.
 */
static const struct config_member *find_by_interface(const struct config *c, const char **unknown)
{
	const struct config_member *mine = NULL;

	for (int names = 0; names < 2 && !mine; names++) {
		for (size_t i = 0; i < c->n_members; i++) {
			const char *address = c->members[i].address;
			int own;

			if (config_is_ip(address) == (names == 1))
				continue;
			own = names ? config_is_own_name(address) : config_is_own_address(address);
			if (own < 0)
				*unknown = address;
			if (own > 0 && mine)
				return NULL;
			if (own > 0)
				mine = &c->members[i];
		}
	}
	return mine;
}

static int refuse_other(const struct config *c, const struct layout *at, const struct lines *l, const char *host,
			const char *unknown, struct err *e)
{
	const char *where = lines_find(l, "MEMBERS")->where;
	auto_free char *gap = unknown || c->name || c->address ? NULL : config_network_gap();

	if (unknown)
		(void)err_set(e, ERR_PENDING, "%s: none of MEMBERS is this machine, but %s cannot be resolved yet",
			      where, unknown);
	else
		(void)err_set(e, gap ? ERR_PENDING : ERR_CONFIG, "%s: none of MEMBERS is this machine%s%s%s%s", where,
			      host ? ", which is called " : "", host ? host : "", gap ? ", " : "", gap ? gap : "");
	return err_hint(e, "write NAME= and the name of its entry in %s", at->conf);
}

/* NAME and ADDRESS come from the entry of MEMBERS. */
static int set_member(struct config *c, const struct layout *at, const struct lines *l, struct err *e)
{
	struct err no_host = { 0 };
	auto_free char *host = c->name ? NULL : config_default_name(at, &no_host);
	const struct config_member *me = find_by_word(c, host);
	const char *unknown = NULL;

	if (!me && !c->name && !c->address)
		me = find_by_interface(c, &unknown);
	if (!me)
		return refuse_other(c, at, l, host, unknown, e);
	if (c->address && strcmp(c->address, me->address) != 0)
		return bad_pair(l, "ADDRESS", "MEMBERS", "give this machine different addresses", e);
	if (!c->name)
		c->name = xstrdup(me->name);
	if (!c->address)
		c->address = xstrdup(me->address);
	return 0;
}

static int set_identity(struct config *c, const struct layout *at, const struct lines *l, struct err *e)
{
	if (c->role == ROLE_CLUSTER && c->n_members == 0)
		return err_set(e, ERR_CONFIG, "%s: ROLE=cluster needs MEMBERS, the same line on every machine",
			       lines_find(l, "ROLE")->where);
	if (c->role == ROLE_JOIN && !c->join)
		return err_set(e, ERR_CONFIG, "%s: ROLE=join needs JOIN, the addresses of running members",
			       lines_find(l, "ROLE")->where);
	if (c->role == ROLE_CLUSTER)
		return set_member(c, at, l, e);
	if (!c->name)
		c->name = config_default_name(at, e);
	if (!c->name && c->role == ROLE_NONE && e->class == ERR_CONFIG) {
		err_clear(e); /* the name is not used */
		c->name = xstrdup("localhost");
	}
	if (!c->name)
		return -1;
	if (!c->address)
		c->address = c->role == ROLE_JOIN ? config_default_address(e) : xstrdup("127.0.0.1");
	return c->address ? 0 : -1;
}

int config_load(const struct layout *at, struct config *c, struct err *e)
{
	cleanup(lines_free) struct lines l = { 0 };

	set_defaults(c);
	if (read_all(at, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if (config_key_set(c, &l.v[i], e) < 0)
			return -1;
	if (c->renew_before_days == 0)
		c->renew_before_days = default_renew_days(c);
	if (check_pairs(c, &l, e) < 0 || set_identity(c, at, &l, e) < 0)
		return -1;
	if (!c->release)
		c->release = config_default_release(at);
	return 0;
}

bool config_exists(const struct layout *at)
{
	auto_strv char **dropins = NULL;
	struct err unread = { 0 };

	if (file_exists(at->conf))
		return true;
	return at->conf_dir && (file_list(at->conf_dir, is_dropin, &dropins, &unread) < 0 || dropins);
}

int config_text(const struct layout *at, const struct config *c, struct buf *out, struct err *e)
{
	const char *const own[][2] = { { "NAME", c->name }, { "ADDRESS", c->address } };
	cleanup(lines_free) struct lines l = { 0 };

	if (read_all(at, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if (keyfile_put(out, l.v[i].key, l.v[i].value, e) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!lines_find(&l, own[i][0]) && keyfile_put(out, own[i][0], own[i][1], e) < 0)
			return -1;
	return 0;
}

void config_free(struct config *c)
{
	char *const texts[] = { c->name,	   c->address,	       c->cluster_token, c->enroll_token_file,
				c->release,	   c->release_ca,      c->data_dir,	 c->wal_dir,
				c->metrics_url,	   c->backup_schedule, c->backup_dir,	 c->backup_mount,
				c->backup_command, c->backup_user };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < c->n_members; i++) {
		free(c->members[i].name);
		free(c->members[i].address);
	}
	free(c->members);
	for (size_t i = 0; i < c->n_etcd; i++)
		config_line_free(&c->etcd[i]);
	free(c->etcd);
	strv_free(c->join);
	free(c->join_ports);
	strv_free(c->release_urls);
	strv_free(c->extra_sans);
	strv_free(c->addresses);
	*c = (struct config){ 0 };
}

bool config_makes_ca(const struct config *c)
{
	return c->role == ROLE_SINGLE || (c->role == ROLE_CLUSTER && strcmp(c->members[0].name, c->name) == 0);
}

char *config_url(const char *address, uint16_t port)
{
	return strchr(address, ':') ? xasprintf("https://[%s]:%u", address, port)
				    : xasprintf("https://%s:%u", address, port);
}

const char *config_etcd_value(const struct config *c, const char *key)
{
	for (size_t i = 0; i < c->n_etcd; i++)
		if (strcmp(c->etcd[i].key, key) == 0)
			return c->etcd[i].value;
	return NULL;
}

char *config_wal_dir(const struct config *c)
{
	return c->wal_dir ? xasprintf("%s/wal", c->wal_dir) : NULL;
}
