/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/export.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "config/check.h"
#include "config/machine.h"
#include "pki/check.h"
#include "pki/sign.h"

#define MAX_FILE 262144

static int find_profile(const char *verb, enum pki_leaf *leaf, struct err *e)
{
	for (int i = 0; i < PKI_LEAVES; i++) {
		if (strcmp(pki_profile((enum pki_leaf)i)->verb, verb) == 0) {
			*leaf = (enum pki_leaf)i;
			return 0;
		}
	}
	(void)err_set(e, ERR_CONFIG, "\"%s\" is not a certificate profile", verb);
	return err_hint(e, "profiles: server peer client apiserver healthcheck");
}

/* What may be a CN and a file name: letters, digits, and ._@:- inside. */
static int check_name(const char *name, struct err *e)
{
	size_t n = strlen(name);
	bool fine = n > 0 && n <= 64 && isalnum((unsigned char)name[0]);

	for (const char *p = name; *p; p++)
		fine = fine && ((unsigned char)*p < 0x80) && (isalnum((unsigned char)*p) || strchr("._@:-", *p));
	if (fine)
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
		return err_set(e, ERR_CONFIG,
			       "%s is the name of members: a client that has it could speak on the peer port", o->name);
	if (strcmp(o->name, "root") == 0 && !o->allow_root) {
		(void)err_set(e, ERR_CONFIG, "root may do everything once etcd's RBAC is on");
		return err_hint(e, "add --allow-root if that is what you want");
	}
	return 0;
}

static int check_order(const struct pki_order *o, enum pki_leaf leaf, struct err *e)
{
	const struct pki_profile *p = pki_profile(leaf);

	if (o->name && check_name(o->name, e) < 0)
		return -1;
	if (leaf == PKI_ETCDCTL && check_client(o, e) < 0)
		return -1;
	if (o->name && p->cn && !p->server && leaf != PKI_ETCDCTL)
		return err_set(e, ERR_CONFIG, "%s certificates are always called %s", o->profile, p->cn);
	if (o->sans && !p->server)
		return err_set(e, ERR_CONFIG, "%s certificates have no SANs: nobody dials a client", o->profile);
	for (char *const *san = o->sans; san && *san; san++) {
		auto_free char *lower = xstrdup(*san);

		text_lower(lower);
		if (config_check_san(lower))
			return err_set(e, ERR_CONFIG, "--san %s is neither an address nor a DNS name", *san);
	}
	return 0;
}

/* 1 put there, 0 the same is there already, -1 something else is. */
static int put(const struct machine *m, const char *path, struct file_mode how, const struct buf *data, struct err *e)
{
	auto_buf struct buf there = { 0 };

	if (file_exists(path)) {
		if (file_read(path, MAX_FILE, &there, e) < 0)
			return -1;
		if (there.len == data->len && memcmp(there.data, data->data, data->len) == 0)
			return 0;
		(void)err_set(e, ERR_CONFIG, "%s exists already, with other content", path);
		return err_hint(e, "move it away, or choose another name");
	}
	if (m->dry_run) {
		log_info("would write %s", path);
		return 1;
	}
	return file_replace(path, how, data->data, data->len, e) < 0 ? -1 : 1;
}

/* The key at path: one that a killed run left, else a new one, which is written first. */
static x509_key *key_at(const struct machine *m, const char *path, struct err *e)
{
	auto_buf struct buf pem = { 0 };
	x509_key *key;

	switch (pki_key_guard(m, path, false, e)) {
	case 1:
		return x509_key_read(path, e);
	case 0:
		break;
	default:
		return NULL;
	}
	key = x509_key_new(m->conf.key_type, e);
	if (!key)
		return NULL;
	x509_key_pem(key, &pem);
	if (put(m, path, FILE_MODE(0600), &pem, e) < 0)
		x509_key_free_ptr(&key);
	return key;
}

static int issue_pair(const struct machine *m, const struct pki_order *o, enum pki_leaf leaf, const struct pki_pair *ca,
		      const char *stem, struct err *e)
{
	auto_free char *cert_path = xasprintf("%s.crt", stem), *key_path = xasprintf("%s.key", stem);
	auto_key x509_key *key = NULL;
	auto_buf struct buf cert = { 0 };
	auto_want struct pki_want want = { 0 };

	if (pki_check_absent(cert_path, e) < 0)
		return -1;
	key = key_at(m, key_path, e);
	if (!key)
		return -1;
	pki_want_for(o->name ? o->name : m->conf.name, o->sans, pki_profile(leaf), &want);
	if (leaf == PKI_ETCDCTL) {
		free(want.cn);
		want.cn = xstrdup(o->name);
	}
	if (pki_sign_leaf(m, ca, &want, key, &cert, e) < 0)
		return -1;
	return put(m, cert_path, FILE_MODE(0644), &cert, e) < 0 ? -1 : 1;
}

int pki_issue(const struct machine *m, const struct pki_order *o, char **path, struct err *e)
{
	auto_free char *ca_path = xasprintf("%s/ca.crt", o->dir), *stem = NULL;
	auto_pair struct pki_pair ca = { 0 };
	enum pki_leaf leaf = PKI_SERVER;

	if (find_profile(o->profile, &leaf, e) < 0 || check_order(o, leaf, e) < 0 || pki_sign_load(m, &ca, e) < 0)
		return -1;
	if (!m->dry_run && file_mkdirs(o->dir, FILE_MODE(0700), e) < 0)
		return -1;
	stem = xasprintf("%s/%s", o->dir, leaf == PKI_ETCDCTL ? o->name : pki_profile(leaf)->name);
	if (put(m, ca_path, FILE_MODE(0644), &ca.pem, e) < 0 || issue_pair(m, o, leaf, &ca, stem, e) < 0)
		return -1;
	*path = xasprintf("%s.crt", stem);
	return 1;
}

/* One file as it is. 1 written, 0 it was there, -1. */
static int copy_out(const struct machine *m, const char *dir, const char *name, const char *ext, struct err *e)
{
	auto_free char *from = machine_pki_path(m, name, ext), *to = xasprintf("%s/%s.%s", dir, name, ext);
	auto_buf struct buf data = { 0 };

	if (file_read(from, MAX_FILE, &data, e) < 0)
		return err_hint(e, "etcd-cluster cert list shows what this machine has");
	return put(m, to, FILE_MODE(strcmp(ext, "key") == 0 ? 0600 : 0644), &data, e);
}

int pki_export(const struct machine *m, const char *dir, struct err *e)
{
	int changed;

	if (!m->dry_run && file_mkdirs(dir, FILE_MODE(0700), e) < 0)
		return -1;
	changed = copy_out(m, dir, "ca", "crt", e);
	for (int i = 0; changed >= 0 && i < PKI_LEAVES; i++) {
		const char *name = pki_profile((enum pki_leaf)i)->name;
		int key, cert;

		if (i == PKI_ETCDCTL)
			continue;
		key = copy_out(m, dir, name, "key", e);
		cert = key < 0 ? -1 : copy_out(m, dir, name, "crt", e);
		changed = cert < 0 ? -1 : changed | key | cert;
	}
	return changed;
}
