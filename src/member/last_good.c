/* SPDX-License-Identifier: Apache-2.0 */
#include "member/last_good.h"

#include <string.h>

#include "adapter/digest.h"
#include "adapter/keyfile.h"
#include "adapter/probe.h"
#include "base/text.h"
#include "member/env.h"
#include "member/identity.h"

/* The three files. */
struct paths {
	char *conf, *env, *state;
};

static struct paths paths_of(const struct machine *m)
{
	return (struct paths){ .conf = xasprintf("%s/cluster.conf", m->at.last_good),
			       .env = xasprintf("%s/etcd.env", m->at.last_good),
			       .state = xasprintf("%s/state", m->at.last_good) };
}

static void paths_free(struct paths *p)
{
	free(p->conf);
	free(p->env);
	free(p->state);
}

static void hash(const struct buf *text, char hex[DIGEST_HEX])
{
	auto_digest digest_ctx *d = digest_new();
	uint8_t sha256[DIGEST_LEN];

	digest_add(d, buf_str(text), text->len);
	digest_end(d, sha256);
	text_hex(sha256, sizeof(sha256), hex);
}

static int write_state(const struct machine *m, const struct paths *p, const struct buf *conf, const struct buf *env,
		       const struct identity *id, struct err *e)
{
	auto_free char *release = file_read_link(m->at.current, e);
	char conf_hash[DIGEST_HEX], env_hash[DIGEST_HEX];
	auto_buf struct buf text = { 0 };

	if (!release)
		return -1;
	hash(conf, conf_hash);
	hash(env, env_hash);
	buf_puts(&text, "# The last healthy start of etcd; written by etcd-cluster, see etcd-cluster(8), FILES.\n");
	buf_printf(&text, "CONF_SHA256=%s\nENV_SHA256=%s\nRELEASE=%s\n", conf_hash, env_hash, release);
	buf_printf(&text, "CLUSTER_ID=" ID_FMT "\nMEMBER_ID=" ID_FMT "\n", id->cluster_id, id->member_id);
	return machine_write(m, p->state, FILE_MODE(0644), &text, e);
}

int last_good_write(const struct machine *m, struct err *e)
{
	auto_free char *data = layout_path(&m->at, m->conf.data_dir), *other = NULL;
	cleanup(paths_free) struct paths p = paths_of(m);
	cleanup(identity_free) struct identity id = { 0 };
	auto_buf struct buf conf = { 0 }, env = { 0 };
	int known = identity_read(m, &id, e), first, second, third;

	if (known <= 0)
		return known;
	other = env_not_in(m, probe_etcd(data, NULL));
	if (other)
		return 0;
	if (config_text(&m->at, &m->conf, &conf, e) < 0 || file_read(m->at.etcd_env, KEYFILE_MAX_BYTES, &env, e) < 0 ||
	    (!m->dry_run && file_mkdirs(m->at.last_good, FILE_MODE(0755), e) < 0))
		return -1;
	/* The state comes last: its digests tell files that a kill left half-way. */
	first = machine_write(m, p.conf, FILE_MODE(0644), &conf, e);
	second = first < 0 ? -1 : machine_write(m, p.env, machine_mode_group(m, 0640), &env, e);
	third = second < 0 ? -1 : write_state(m, &p, &conf, &env, &id, e);
	return third < 0 ? -1 : first || second || third;
}

/* True when the file has this digest; its content is appended to text. */
static bool is_whole(const char *path, const char *want, struct buf *text)
{
	struct err unread = { 0 };
	char hex[DIGEST_HEX];

	if (!want || file_read(path, KEYFILE_MAX_BYTES, text, &unread) < 0)
		return false;
	hash(text, hex);
	return strcmp(hex, want) == 0;
}

/* True when the files are as they were written, for the member that this machine is. */
static bool is_ours(const struct machine *m, const struct paths *p)
{
	cleanup(identity_free) struct identity id = { 0 };
	auto_keyfile struct keyfile state = { 0 };
	auto_buf struct buf conf = { 0 }, env = { 0 };
	struct err unread = { 0 };
	uint64_t cluster, member;

	return identity_read(m, &id, &unread) > 0 && keyfile_read(p->state, &state, &unread) == 0 &&
	       text_parse_id(keyfile_get(&state, "CLUSTER_ID"), &cluster) &&
	       text_parse_id(keyfile_get(&state, "MEMBER_ID"), &member) && cluster == id.cluster_id &&
	       member == id.member_id && is_whole(p->conf, keyfile_get(&state, "CONF_SHA256"), &conf) &&
	       is_whole(p->env, keyfile_get(&state, "ENV_SHA256"), &env);
}

bool last_good_open(struct machine *m, struct err *e)
{
	cleanup(paths_free) struct paths p = paths_of(m);
	struct layout at cleanup(layout_free) = { 0 };
	struct config conf = { 0 };
	struct err unread = { 0 };

	if (!m->at.conf_dir || !is_ours(m, &p)) /* --config names one file and no other */
		return false;
	layout_init(&at, m->at.root, p.conf);
	if (config_load(&at, &conf, &unread) < 0) {
		config_free(&conf);
		return false;
	}
	config_free(&m->conf);
	m->conf = conf;
	m->broken = *e;
	err_clear(e);
	return true;
}

int last_good_put_back(const struct machine *m, struct err *e)
{
	cleanup(paths_free) struct paths p = paths_of(m);
	auto_buf struct buf env = { 0 };

	if (file_read(p.env, KEYFILE_MAX_BYTES, &env, e) < 0)
		return -1;
	return machine_write(m, m->at.etcd_env, machine_mode_group(m, 0640), &env, e);
}

char *last_good_release(const struct machine *m)
{
	cleanup(paths_free) struct paths p = paths_of(m);
	auto_keyfile struct keyfile state = { 0 };
	struct err unread = { 0 };

	return keyfile_read(p.state, &state, &unread) < 0 ? NULL : keyfile_copy(&state, "RELEASE");
}
