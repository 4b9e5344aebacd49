/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/bundle.h"

#include <string.h>

#include "adapter/tar.h"
#include "base/log.h"
#include "base/text.h"
#include "config/check.h"
#include "pki/check.h"
#include "pki/origin.h"

#define TAR_PREFIX "etc/etcd/pki/"

struct run {
	const struct machine *m;
	struct pki_pair ca;
	const char *name, *address; /* of the other machine */
	char **sans;
	const char *dir; /* where the files go; NULL: into the archive */
	struct archive *tar;
	struct pki_signed *made;
	pki_record *record;
};

static void run_free(struct run *r)
{
	pki_pair_free(&r->ca);
	strv_free(r->sans);
}

static int put(struct run *r, const char *name, const char *ext, mode_t mode, const struct buf *data, struct err *e)
{
	auto_free char *path = xasprintf("%s%s%s.%s", r->dir ? r->dir : TAR_PREFIX, r->dir ? "/" : "", name, ext);

	if (r->dir)
		return file_stage(path, FILE_MODE(mode), data->data, data->len, e);
	tar_add(r->tar, path, mode, r->m->now, data);
	return 0;
}

/* What a person typed may contain anything. */
static int refuse(const char *member, const char *why, struct err *e)
{
	auto_free char *shown = xstrndup(member, 160);

	text_printable(shown);
	return err_set(e, ERR_CONFIG, "%s %s", shown, why);
}

/* Splits NAME=ADDRESS as MEMBERS writes it. */
static int parse(const char *member, char **name, char **address, struct err *e)
{
	const char *equals = strchr(member, '='), *why;

	if (!equals)
		return refuse(member, "is not of the form NAME=ADDRESS", e);
	*name = xstrndup(member, (size_t)(equals - member));
	text_lower(*name);
	if (equals[1] == '[' && text_ends(equals, "]"))
		*address = xstrndup(equals + 2, strlen(equals + 2) - 1);
	else
		*address = xstrdup(equals + 1);
	why = config_check_name(*name);
	if (why)
		return refuse(*name, why, e);
	why = config_check_address(*address);
	return why ? refuse(*address, why, e) : 0;
}

/* Neither the name nor the address may be another machine's. */
static int check_members(const struct config *c, const char *name, const char *address, struct err *e)
{
	if (strcmp(name, c->name) == 0 || strcmp(address, c->address) == 0) {
		(void)err_set(e, ERR_CONFIG, "%s=%s is this machine (NAME=%s, ADDRESS=%s)", name, address, c->name,
			      c->address);
		return err_hint(e, "etcd-cluster setup makes its certificates");
	}
	for (size_t i = 0; i < c->n_members; i++) {
		const struct config_member *other = &c->members[i];
		bool same_name = strcmp(name, other->name) == 0, same_address = strcmp(address, other->address) == 0;

		if (same_name == same_address)
			continue;
		(void)err_set(e, ERR_CONFIG, "MEMBERS has %s=%s", other->name, other->address);
		return err_hint(e, "correct %s=%s, or correct MEMBERS in cluster.conf on every machine", name, address);
	}
	return 0;
}

/* A new key and its certificate. */
static int put_pair(struct run *r, const struct pki_profile *p, struct err *e)
{
	auto_key x509_key *key = x509_key_new(r->m->conf.key_type, e);
	auto_buf struct buf key_pem = { 0 }, cert = { 0 };
	auto_want struct pki_want want = pki_want(r->name, r->address, NULL, r->sans, p);

	if (!key || pki_sign_leaf(r->m, &r->ca, &want, key, &cert, e) < 0 || pki_signed_add(r->made, p, &cert, e) < 0)
		return -1;
	if (p == pki_profile(PKI_PEER))
		r->made->key = x509_key_fingerprint(key);
	x509_key_pem(key, &key_pem);
	return put(r, p->name, "key", 0600, &key_pem, e) < 0 ? -1 : put(r, p->name, "crt", 0644, &cert, e);
}

static int put_all(struct run *r, struct err *e)
{
	const struct config *c = &r->m->conf;
	auto_free char *url = NULL;
	auto_buf struct buf host = { 0 };

	for (int i = 0; i < PKI_LEAVES; i++)
		if (put_pair(r, pki_profile(i), e) < 0)
			return -1;
	if (put(r, "ca", "crt", 0644, &r->ca.pem, e) < 0)
		return -1;
	if (c->role != ROLE_CLUSTER && c->role != ROLE_JOIN)
		return 0; /* this machine never runs the enrolment server */
	url = config_url(c->address, c->enroll_port);
	return pki_host_text(url + strlen("https://"), &host, e) < 0 ? -1 : put(r, "ca", "host", 0644, &host, e);
}

static int write_tar(struct run *r, const char *out, struct err *e)
{
	auto_buf struct buf bytes = { 0 };
	int rc;

	r->tar = tar_open(&bytes);
	tar_add(r->tar, TAR_PREFIX, 0750, r->m->now, NULL);
	rc = put_all(r, e);
	tar_close(r->tar);
	return rc < 0 || r->record(r->m, r->made, e) < 0 ? -1
							 : file_replace(out, FILE_MODE(0600), bytes.data, bytes.len, e);
}

/* Built beside its place: a killed run leaves nothing that looks whole. */
static int write_dir(struct run *r, const char *out, struct err *e)
{
	auto_free char *staging = xasprintf("%s.unfinished", out);

	r->dir = staging;
	if ((file_exists(staging) && file_remove_tree(staging, e) < 0) ||
	    file_mkdirs(staging, FILE_MODE(0700), e) < 0 || put_all(r, e) < 0 || file_sync_tree(staging, e) < 0 ||
	    r->record(r->m, r->made, e) < 0)
		return -1;
	return file_rename(staging, out, e);
}

bool pki_bundle_is_tar(const char *out)
{
	return text_ends(out, ".tar") && strlen(out) > strlen(".tar");
}

int pki_bundle(const struct machine *m, const struct pki_bundle *b, struct pki_signed *made, struct err *e)
{
	cleanup(run_free) struct run r = { .m = m, .made = made, .record = b->record };
	int rc;

	*made = (struct pki_signed){ 0 };
	if (parse(b->member, &made->name, &made->address, e) < 0 ||
	    check_members(&m->conf, made->name, made->address, e) < 0)
		return -1;
	for (char *const *san = b->sans; san && *san; san++)
		if (config_check_san(*san))
			return refuse(*san, config_check_san(*san), e);
	if (pki_sign_load(m, &r.ca, e) < 0 || pki_check_absent(b->out, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would write the certificates and keys of %s=%s to %s", made->name, made->address, b->out);
		return 1;
	}
	r.name = made->name;
	r.address = made->address;
	strv_add_all(&r.sans, m->conf.extra_sans);
	strv_add_all(&r.sans, b->sans);
	strv_add_all(&made->sans, b->sans);
	rc = pki_bundle_is_tar(b->out) ? write_tar(&r, b->out, e) : write_dir(&r, b->out, e);
	return rc < 0 ? -1 : 1;
}
