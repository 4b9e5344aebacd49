/* SPDX-License-Identifier: Apache-2.0 */
#include "member/env.h"

#include <string.h>

#include "adapter/digest.h"
#include "adapter/keyfile.h"
#include "adapter/probe.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/check.h"
#include "member/endpoint.h"
#include "member/forming.h"
#include "member/joining.h"
#include "member/recovered.h"

/* The first line, up to the hash of all that follows it. */
#define HEADER "# Made by etcd-cluster from cluster.conf; to change something, change it there. sha256:"

/* Older revisions are compacted away; etcd's own default keeps them all, until the quota stops every write. */
#define COMPACT_AFTER "8h"

/* etcd's default, which its documentation calls the normal size: 2 GiB. */
#define QUOTA_BYTES "2147483648"

/* ---- The text -------------------------------------------------------------------------------------------------- */

/* "listen-peer-urls" is ETCD_LISTEN_PEER_URLS (etcd, pkg/flags, FlagToEnv). The caller frees. */
static char *variable_of(const char *option)
{
	char *name = xasprintf("ETCD_%s", option);

	text_upper(name);
	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

struct setting {
	const char *option;		/* NULL: value is a comment */
	const char *value;		/* NULL: not set at all */
	enum { NEEDED, OPTIONAL } need; /* OPTIONAL: an etcd that does not know the option is started without it */
};

static int put_setting(const struct machine *m, const struct env_input *in, const struct setting *s, struct buf *out,
		       struct err *e)
{
	auto_free char *variable = s->option ? variable_of(s->option) : NULL;

	if (!s->option)
		buf_puts(out, s->value);
	if (!s->option || !s->value)
		return 0;
	if (strv_has(in->options, s->option))
		return config_etcd_value(&m->conf, variable) ? 0 : keyfile_put(out, variable, s->value, e);
	if (s->need == OPTIONAL)
		return 0;
	return err_set(e, ERR_FAIL, "etcd " VERSION_FMT " does not know the option --%s", VERSION_ARGS(in->version),
		       s->option);
}

/*
 * What etcd listens on. It binds to IP addresses only (etcd, embed/config.go, checkBindURLs); for a DNS name that is
 * 0.0.0.0, which Go's net.Listen takes for all IPv4 and IPv6 addresses. The caller frees.
 */
static char *listen_urls(const struct config *c, uint16_t port, bool loopback)
{
	const bool is_ip = config_is_ip(c->address), is_local = strcmp(c->address, "localhost") == 0;
	auto_free char *local = config_url("127.0.0.1", port), *local6 = config_url("::1", port);
	auto_free char *own = config_url(is_ip ? c->address : "0.0.0.0", port);
	auto_strv char **urls = NULL;

	strv_add(&urls, is_local ? local : own);
	for (char **a = is_ip ? c->addresses : NULL; a && *a; a++) {
		auto_free char *further = config_url(*a, port);

		strv_add_once(&urls, further);
	}
	if (loopback && is_ip)
		strv_add_once(&urls, local);
	if (loopback && strchr(c->address, ':'))
		strv_add_once(&urls, local6);
	return strv_join(urls, ",");
}

/* The members of a cluster without a record: "n1=https://10.0.0.1:2380,...". The caller frees. */
static char *formed_cluster(const struct config *c, bool many)
{
	const struct config_member self = { c->name, c->address };
	auto_buf struct buf b = { 0 };

	for (size_t i = 0; i < (many ? c->n_members : 1); i++) {
		const struct config_member *one = many ? &c->members[i] : &self;
		auto_free char *url = config_url(one->address, c->peer_port);

		buf_printf(&b, "%s%s=%s", i > 0 ? "," : "", one->name, url);
	}
	return xstrdup(buf_str(&b));
}

/* A file below /etc/etcd/pki, without --root. The caller frees. */
static char *pki_file(const struct machine *m, const char *name)
{
	return xasprintf("%s/%s", m->at.pki + strlen(m->at.root), name);
}

static int put_table(const struct machine *m, const struct env_input *in, const struct setting *table, size_t n,
		     struct buf *out, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (put_setting(m, in, &table[i], out, e) < 0)
			return -1;
	return 0;
}

static int put_tls(const struct machine *m, const struct env_input *in, struct buf *out, struct err *e)
{
	auto_free char *ca = pki_file(m, "ca.crt");
	auto_free char *server_crt = pki_file(m, "server.crt"), *server_key = pki_file(m, "server.key");
	auto_free char *peer_crt = pki_file(m, "peer.crt"), *peer_key = pki_file(m, "peer.key");
	/* etcd refuses every connection without the file that is named. Copied certificates may come without one. */
	auto_free char *crl_path = machine_pki_path(m, "crl", "der");
	auto_free char *crl = file_exists(crl_path) ? pki_file(m, "crl.der") : NULL;
	/* Taken over from another tool, members have certificates with several CNs until all are ours. */
	const bool any = file_exists(m->at.any_peer);
	const struct setting settings[] = {
		{ NULL,
		  any ? "\n# Mutual TLS everywhere; every certificate of the CA is taken for a peer\n"
		      : "\n# Mutual TLS everywhere; only this CN is taken for a peer\n",
		  NEEDED },
		{ "cert-file", server_crt, NEEDED },
		{ "key-file", server_key, NEEDED },
		{ "trusted-ca-file", ca, NEEDED },
		{ "client-cert-auth", "true", NEEDED },
		{ "client-crl-file", crl, NEEDED },
		{ "peer-cert-file", peer_crt, NEEDED },
		{ "peer-key-file", peer_key, NEEDED },
		{ "peer-trusted-ca-file", ca, NEEDED },
		{ "peer-client-cert-auth", "true", NEEDED },
		{ "peer-crl-file", crl, NEEDED },
		{ "peer-cert-allowed-cn", any ? NULL : in->peer_cn, NEEDED },
		/* Not 1.3: etcd refuses that together with --cipher-suites, which an ETCD_ line may set. */
		{ "tls-min-version", "TLS1.2", OPTIONAL },
	};

	return put_table(m, in, settings, ARRAY_LEN(settings), out, e);
}

static int put_conduct(const struct machine *m, const struct env_input *in, struct buf *out, struct err *e)
{
	/* 3.6 has both names of the corruption check and warns about the older; 3.7 has only the gate. */
	const bool gates = strv_has(in->options, "feature-gates");
	const struct setting settings[] = {
		{ NULL, "\n# Conduct\n", NEEDED },
		{ "strict-reconfig-check", "true", OPTIONAL },
		{ "auto-compaction-mode", "periodic", OPTIONAL },
		{ "auto-compaction-retention", COMPACT_AFTER, OPTIONAL },
		{ "quota-backend-bytes", QUOTA_BYTES, OPTIONAL },
		{ "feature-gates", gates ? "InitialCorruptCheck=true" : NULL, OPTIONAL },
		{ "experimental-initial-corrupt-check", gates ? NULL : "true", OPTIONAL },
		/* The default of 3.4 is a logger that 3.5 does not have. */
		{ "logger", version_at_least(in->version, 3, 5) ? NULL : "zap", OPTIONAL },
	};

	return put_table(m, in, settings, ARRAY_LEN(settings), out, e);
}

static int put_settings(const struct machine *m, const struct env_input *in, struct buf *out, struct err *e)
{
	const struct config *c = &m->conf;
	auto_joining struct joining joined = { 0 };
	auto_forming struct forming record = { 0 };
	auto_recovered struct recovered recovered = { 0 };
	int rc = joining_read(m, &joined, e) < 0 ? -1 : recovered_read(m, &recovered, e);
	int formed = rc == 0 ? forming_read(m, &record, e) : 0;
	auto_free char *own = formed > 0 ? forming_cluster_token(&record) : NULL;
	const char *token = rc > 0 ? recovered.token : own ? own : c->cluster_token;
	/* etcd reads these once, before it has data; afterwards they are a record of how the member was made. */
	const char *cluster = joined.initial_cluster;
	auto_free char *first = own ? forming_cluster(&record) : formed_cluster(c, c->role == ROLE_CLUSTER && rc <= 0);
	auto_free char *wal = config_wal_dir(c);
	auto_free char *client = config_url(c->address, c->client_port), *peer = config_url(c->address, c->peer_port);
	auto_free char *listen_client = listen_urls(c, c->client_port, true);
	auto_free char *listen_peer = listen_urls(c, c->peer_port, false);
	const struct setting settings[] = {
		{ "name", c->name, NEEDED },
		{ "data-dir", c->data_dir, NEEDED },
		{ "wal-dir", wal, NEEDED },
		{ "listen-client-urls", listen_client, NEEDED },
		{ "advertise-client-urls", client, NEEDED },
		{ "listen-peer-urls", listen_peer, NEEDED },
		{ "initial-advertise-peer-urls", peer, NEEDED },
		{ "initial-cluster", cluster ? cluster : first, NEEDED },
		{ "initial-cluster-state", cluster ? "existing" : "new", NEEDED },
		{ "initial-cluster-token", token, NEEDED },
		{ "listen-metrics-urls", c->metrics_url[0] ? c->metrics_url : NULL, NEEDED },
	};

	if (rc < 0 || formed < 0 || put_table(m, in, settings, ARRAY_LEN(settings), out, e) < 0)
		return -1;
	return put_tls(m, in, out, e) < 0 ? -1 : put_conduct(m, in, out, e);
}

/* The ETCD_ lines of cluster.conf. etcd would ignore one for an option that it does not have, so that is an error. */
static int put_passed(const struct machine *m, const struct env_input *in, struct buf *out, struct err *e)
{
	const struct config *c = &m->conf;
	auto_strv char **known = NULL;

	for (size_t i = 0; in->options && in->options[i]; i++) {
		auto_free char *name = variable_of(in->options[i]);

		strv_add(&known, name);
	}
	for (size_t i = 0; i < c->n_etcd; i++) {
		const struct config_line *line = &c->etcd[i];

		if (!strv_has(known, line->key)) {
			const char *near = known ? text_suggest(line->key, (const char *const *)known) : NULL;

			(void)err_set(e, ERR_CONFIG, "%s: etcd " VERSION_FMT " has no option for %s%s%s", line->where,
				      VERSION_ARGS(in->version), line->key, near ? "; did you mean " : "",
				      near ? near : "");
			return err_hint(e, "etcd --help lists its options; --some-option is written ETCD_SOME_OPTION");
		}
		if (i == 0)
			buf_puts(out, "\n# From the ETCD_ lines of cluster.conf\n");
		if (keyfile_put(out, line->key, line->value, e) < 0)
			return err_wrap(e, "%s", line->where);
	}
	return 0;
}

static int render_etcd(const struct machine *m, const struct env_input *in, struct buf *out, struct err *e)
{
	if ((!in->peer_cn || !in->peer_cn[0]) && !file_exists(m->at.any_peer))
		return err_set(e, ERR_FAIL, "the CN of the peer certificate is unknown");
	buf_printf(out, "# For etcd " VERSION_FMT "\n\n", VERSION_ARGS(in->version));
	return put_settings(m, in, out, e) < 0 ? -1 : put_passed(m, in, out, e);
}

static int render_etcdctl(const struct machine *m, const struct env_input *in, struct buf *out, struct err *e)
{
	auto_free char *endpoint = config_url("127.0.0.1", m->conf.client_port);
	auto_free char *ca = pki_file(m, "ca.crt"), *crt = pki_file(m, ENDPOINT_PAIR ".crt");
	auto_free char *key = pki_file(m, ENDPOINT_PAIR ".key");
	/* 3 is the default of every etcdctl that we run; from 3.6 on the variable is unknown and causes a warning. */
	bool api = !version_at_least(in->version, 3, 6);
	const char *const vars[][2] = {
		{ "ETCDCTL_API", api ? "3" : NULL },
		{ "ETCDCTL_ENDPOINTS", endpoint },
		{ "ETCDCTL_CACERT", ca },
		{ "ETCDCTL_CERT", crt },
		{ "ETCDCTL_KEY", key },
		{ "ETCDCTL_DIAL_TIMEOUT", "3s" },
	};

	for (size_t i = 0; i < ARRAY_LEN(vars); i++)
		if (vars[i][1] && keyfile_put(out, vars[i][0], vars[i][1], e) < 0)
			return -1;
	return 0;
}

/* ---- The files ------------------------------------------------------------------------------------------------- */

static void add_header(const char *body, struct buf *out)
{
	auto_digest digest_ctx *d = digest_new();
	uint8_t hash[DIGEST_LEN];
	char hex[DIGEST_HEX];

	digest_add(d, body, strlen(body));
	digest_end(d, hash);
	text_hex(hash, sizeof(hash), hex);
	buf_printf(out, HEADER "%s\n%s", hex, body);
}

bool env_is_made(const char *text)
{
	return text_starts(text, "# Made by etcd-cluster ");
}

/* True when text has our first line and nobody has touched what follows. */
static bool is_ours(const char *text)
{
	const char *newline = strchr(text, '\n');
	auto_buf struct buf same = { 0 };

	if (!newline)
		return false;
	add_header(newline + 1, &same);
	return strcmp(text, buf_str(&same)) == 0;
}

static int look(const char *path, const struct buf *want, enum env_state *state, struct err *e)
{
	auto_buf struct buf is = { 0 };

	*state = ENV_ABSENT;
	if (file_read(path, KEYFILE_MAX_BYTES, &is, e) < 0)
		return err_absent(e);
	if (is.len == want->len && memcmp(buf_str(&is), want->data, want->len) == 0)
		*state = ENV_CURRENT;
	else
		*state = is_ours(buf_str(&is)) ? ENV_STALE : ENV_EDITED;
	return 0;
}

/* path was edited by hand: leaves it, and puts the new text beside it once. */
static int keep_edited(const struct machine *m, const char *path, struct file_mode how, const struct buf *want,
		       struct err *e)
{
	auto_free char *beside = xasprintf("%s.new", path);

	log_warn("%s was edited by hand and is kept; the text from cluster.conf is in %s", path, beside);
	log_info("  put your changes into %s as ETCD_ lines, then: mv %s %s", m->at.conf, beside, path);
	return machine_write(m, beside, how, want, e);
}

/* Removes a .new after use: the file beside it is ours again. 1, 0 there is none of ours, -1. */
static int drop_beside(const struct machine *m, const char *path, struct err *e)
{
	auto_free char *beside = xasprintf("%s.new", path);
	auto_buf struct buf is = { 0 };

	if (file_read(beside, KEYFILE_MAX_BYTES, &is, e) < 0)
		return err_absent(e);
	if (!is_ours(buf_str(&is)))
		return 0;
	if (m->dry_run) {
		log_info("would remove %s", beside);
		return 1;
	}
	return file_remove_tree(beside, e) < 0 ? -1 : 1;
}

static int ensure_one(const struct machine *m, const char *path, struct file_mode how, const struct buf *body,
		      struct err *e)
{
	auto_buf struct buf want = { 0 };
	enum env_state state;
	int dropped, rc;

	add_header(buf_str(body), &want);
	if (look(path, &want, &state, e) < 0)
		return -1;
	if (state == ENV_EDITED)
		return keep_edited(m, path, how, &want, e);
	dropped = drop_beside(m, path, e);
	if (dropped < 0)
		return -1;
	rc = state == ENV_CURRENT && !m->dry_run ? file_set_mode(path, how, e) : machine_write(m, path, how, &want, e);
	return rc < 0 ? -1 : rc || dropped;
}

int env_ensure(const struct machine *m, const struct env_input *in, struct err *e)
{
	auto_buf struct buf etcd = { 0 }, etcdctl = { 0 };
	int first, second;

	/* Both are made before either is written: a mistake in cluster.conf changes nothing. */
	if (render_etcd(m, in, &etcd, e) < 0 || render_etcdctl(m, in, &etcdctl, e) < 0)
		return -1;
	first = ensure_one(m, m->at.etcd_env, machine_mode_group(m, 0640), &etcd, e);
	second = first < 0 ? -1 : ensure_one(m, m->at.etcdctl_env, FILE_MODE(0644), &etcdctl, e);
	return second < 0 ? -1 : first || second;
}

int env_drift(const struct machine *m, const struct env_input *in, enum env_state *state, struct err *e)
{
	auto_buf struct buf body = { 0 }, want = { 0 };

	if (render_etcd(m, in, &body, e) < 0)
		return -1;
	add_header(buf_str(&body), &want);
	return look(m->at.etcd_env, &want, state, e);
}

static bool env_has(char *const *env, const char *root, const struct keyfile_entry *want)
{
	size_t len = strlen(want->key);

	for (; *env; env++) {
		const char *have = *env + len + 1;

		if (strncmp(*env, want->key, len) != 0 || (*env)[len] != '=')
			continue;
		/* An etcd below --root was given our paths with the root in front. */
		return strcmp(text_starts(have, root) ? have + strlen(root) : have, want->value) == 0;
	}
	return false;
}

char *env_not_in(const struct machine *m, pid_t pid)
{
	auto_strv char **running = probe_environ(pid);
	auto_keyfile struct keyfile file = { 0 };
	struct err unread = { 0 };

	if (!running || keyfile_read(m->at.etcd_env, &file, &unread) < 0)
		return xstrdup("");
	for (size_t i = 0; i < file.n; i++)
		if (!env_has(running, m->at.root, &file.entries[i]))
			return xstrdup(file.entries[i].key);
	return NULL;
}
