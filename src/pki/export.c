/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/export.h"

#include <string.h>

#include "base/text.h"
#include "config/check.h"
#include "pki/check.h"

/* The leaf that `cert issue` calls so; -1 for none. */
static int find_profile(const char *verb, struct err *e)
{
	for (int i = 0; i < PKI_LEAVES; i++)
		if (strcmp(pki_profile(i)->verb, verb) == 0)
			return i;
	(void)err_set(e, ERR_CONFIG, "\"%s\" is not a certificate profile", verb);
	return err_hint(e, "profiles: server peer client apiserver healthcheck");
}

/* The name becomes a CN and a file name. */
static int check_name(const char *name, struct err *e)
{
	if (!pki_check_cn(name))
		return 0;
	return err_set(e, ERR_CONFIG, "a name has 1 to 64 letters, digits or ._@:- and begins with a letter or digit");
}

static int check_client(const struct pki_order *o, struct err *e)
{
	if (!o->name) {
		(void)err_set(e, ERR_CONFIG, "a client certificate needs a name");
		return err_hint(e, "etcd-cluster cert issue client --name CN");
	}
	if (strcasecmp(o->name, PKI_PEER_CN) == 0)
		return err_set(e, ERR_CONFIG, "%s is the name of members: a client with it could use the peer port",
			       o->name);
	if (strcmp(o->name, "root") == 0 && !o->allow_root) {
		(void)err_set(e, ERR_CONFIG, "the name root has all rights once RBAC is on in etcd");
		return err_hint(e, "to allow it: --allow-root");
	}
	return 0;
}

static int check_order(const struct pki_order *o, int leaf, struct err *e)
{
	const struct pki_profile *p = pki_profile(leaf);

	if (o->name && check_name(o->name, e) < 0)
		return -1;
	if (leaf == PKI_ETCDCTL && check_client(o, e) < 0)
		return -1;
	if (o->name && p->cn && !p->server && leaf != PKI_ETCDCTL)
		return err_set(e, ERR_CONFIG, "certificates of the profile %s always have the name %s", o->profile,
			       p->cn);
	if (o->sans && !p->server)
		return err_set(e, ERR_CONFIG,
			       "certificates of the profile %s have no SANs, because nobody dials a client",
			       o->profile);
	for (char *const *san = o->sans; san && *san; san++) {
		auto_free char *lower = xstrdup(*san);

		text_lower(lower);
		if (config_check_san(lower))
			return err_set(e, ERR_CONFIG, "--san %s is neither an address nor a DNS name", *san);
	}
	return 0;
}

/* 1 written (dry run: would be), 0 the file has this content already, -1 it has other content. */
static int put(const struct machine *m, const char *path, struct file_mode how, const struct buf *data, struct err *e)
{
	auto_buf struct buf there = { 0 };

	if (!file_exists(path))
		return machine_write(m, path, how, data, e);
	if (file_read(path, PKI_FILE_MAX, &there, e) < 0)
		return -1;
	if (there.len == data->len && memcmp(there.data, data->data, data->len) == 0)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s exists already, with other content", path);
	return err_hint(e, "move it away, or choose another name");
}

/* The key at path: one that a killed run left, else a new one, which is written first. */
static x509_key *key_at(const struct machine *m, const char *path, struct err *e)
{
	auto_buf struct buf pem = { 0 };
	int rc = pki_key_guard(m, path, false, e);
	x509_key *key;

	if (rc != 0)
		return rc > 0 ? x509_key_read(path, e) : NULL;
	key = x509_key_new(m->conf.key_type, e);
	if (!key)
		return NULL;
	x509_key_pem(key, &pem);
	if (put(m, path, FILE_MODE(0600), &pem, e) < 0)
		x509_key_free_ptr(&key);
	return key;
}

static int record(const struct machine *m, const struct pki_order *o, const struct pki_profile *p, x509_key *key,
		  const struct buf *cert, struct err *e)
{
	const char *name = o->name ? o->name : p->server || !p->cn ? m->conf.name : p->cn;
	cleanup(pki_signed_free) struct pki_signed made = { .name = xstrdup(name), .key = x509_key_fingerprint(key) };

	return pki_signed_add(&made, p, cert, e) < 0 ? -1 : o->record(m, &made, e);
}

static int issue_pair(const struct machine *m, const struct pki_order *o, int leaf, const struct pki_pair *ca,
		      const char *stem, struct err *e)
{
	auto_free char *cert_path = xasprintf("%s.crt", stem), *key_path = xasprintf("%s.key", stem);
	auto_key x509_key *key = NULL;
	auto_buf struct buf cert = { 0 };
	struct pki_profile p = *pki_profile(leaf);

	if (leaf == PKI_ETCDCTL)
		p.cn = o->name;
	p.shared = true; /* these SANs are for this certificate alone */
	auto_want struct pki_want want = pki_want(o->name ? o->name : m->conf.name, NULL, NULL, o->sans, &p);

	if (pki_check_absent(cert_path, e) < 0)
		return -1;
	key = key_at(m, key_path, e);
	if (!key)
		return -1;
	if (pki_sign_leaf(m, ca, &want, key, &cert, e) < 0 || (!m->dry_run && record(m, o, &p, key, &cert, e) < 0))
		return -1;
	return put(m, cert_path, FILE_MODE(0644), &cert, e) < 0 ? -1 : 1;
}

int pki_issue(const struct machine *m, const struct pki_order *o, char **path, struct err *e)
{
	auto_free char *ca_path = xasprintf("%s/ca.crt", o->dir), *stem = NULL;
	auto_pair struct pki_pair ca = { 0 };
	int leaf = find_profile(o->profile, e);

	if (leaf < 0 || check_order(o, leaf, e) < 0 || pki_sign_load(m, &ca, e) < 0)
		return -1;
	if (!m->dry_run && file_mkdirs(o->dir, FILE_MODE(0700), e) < 0)
		return -1;
	stem = xasprintf("%s/%s", o->dir, leaf == PKI_ETCDCTL ? o->name : pki_profile(leaf)->name);
	if (put(m, ca_path, FILE_MODE(0644), &ca.pem, e) < 0 || issue_pair(m, o, leaf, &ca, stem, e) < 0)
		return -1;
	*path = xasprintf("%s.crt", stem);
	return 1;
}

/* One file as it is. *changed is set when it was written. */
static int copy_out(const struct machine *m, const char *dir, const char *name, const char *ext, bool *changed,
		    struct err *e)
{
	auto_free char *from = machine_pki_path(m, name, ext), *to = xasprintf("%s/%s.%s", dir, name, ext);
	auto_buf struct buf data = { 0 };
	int rc;

	if (file_read(from, PKI_FILE_MAX, &data, e) < 0)
		return err_hint(e, "etcd-cluster cert list shows what this machine has");
	rc = put(m, to, FILE_MODE(strcmp(ext, "key") == 0 ? 0600 : 0644), &data, e);
	*changed = *changed || rc > 0;
	return rc < 0 ? -1 : 0;
}

int pki_export(const struct machine *m, const char *dir, struct err *e)
{
	bool changed = false;

	if (!m->dry_run && file_mkdirs(dir, FILE_MODE(0700), e) < 0)
		return -1;
	if (copy_out(m, dir, "ca", "crt", &changed, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		const char *name = pki_profile(i)->name;

		if (i != PKI_ETCDCTL &&
		    (copy_out(m, dir, name, "key", &changed, e) < 0 || copy_out(m, dir, name, "crt", &changed, e) < 0))
			return -1;
	}
	return changed;
}
