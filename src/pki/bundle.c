/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/tar.h"
#include "base/log.h"
#include "base/text.h"
#include "config/check.h"
#include "pki/check.h"
#include "pki/origin.h"
#include "pki/sign.h"

#define FILES_MAX  (2 * PKI_LEAVES + 2)
#define TAR_PREFIX "etc/etcd/pki/"

/* What goes into it. */
struct content {
	struct {
		char *name;
		mode_t mode;
		struct buf data;
	} file[FILES_MAX];
	size_t n;
};

static void content_free(struct content *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->file[i].name);
		buf_free(&c->file[i].data);
	}
}

/* A new file in it, to be filled. */
static struct buf *add(struct content *c, const char *name, const char *ext, mode_t mode)
{
	c->file[c->n].name = xasprintf("%s.%s", name, ext);
	c->file[c->n].mode = mode;
	return &c->file[c->n++].data;
}

/* What a person typed may hold anything. */
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
	size_t n;

	if (!equals)
		return refuse(member, "is not of the form NAME=ADDRESS", e);
	*name = xstrndup(member, (size_t)(equals - member));
	text_lower(*name);
	n = strlen(equals + 1);
	*address = equals[1] == '[' && equals[n] == ']' ? xstrndup(equals + 2, n - 2) : xstrdup(equals + 1);
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
		return err_hint(e, "correct %s=%s, or MEMBERS in cluster.conf on every machine", name, address);
	}
	return 0;
}

/* ADDRESS, EXTRA_SANS, and those of --san. */
static char **all_sans(const struct config *c, const char *address, char *const *more)
{
	char **sans = NULL;

	strv_add(&sans, address);
	strv_add_all(&sans, c->extra_sans);
	strv_add_all(&sans, more);
	return sans;
}

static int add_pair(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *p, const char *name,
		    char *const *sans, struct content *c, struct err *e)
{
	auto_key x509_key *key = x509_key_new(m->conf.key_type, e);
	auto_want struct pki_want want = { 0 };

	if (!key)
		return -1;
	x509_key_pem(key, add(c, p->name, "key", 0600));
	pki_want_for(name, sans, p, &want);
	return pki_sign_leaf(m, ca, &want, key, add(c, p->name, "crt", 0644), e);
}

static int fill(const struct machine *m, const struct pki_pair *ca, const char *name, char *const *sans,
		struct content *c, struct err *e)
{
	auto_free char *server = NULL;

	for (int i = 0; i < PKI_LEAVES; i++)
		if (add_pair(m, ca, pki_profile((enum pki_leaf)i), name, sans, c, e) < 0)
			return -1;
	buf_add(add(c, "ca", "crt", 0644), ca->pem.data, ca->pem.len);
	if (m->conf.role != ROLE_CLUSTER && m->conf.role != ROLE_JOIN)
		return 0; /* this machine never runs the enrolment server */
	server = xasprintf(strchr(m->conf.address, ':') ? "[%s]:%u" : "%s:%u", m->conf.address,
			   (unsigned int)m->conf.enroll_port);
	return pki_host_text(server, add(c, "ca", "host", 0644), e);
}

static int write_tar(const struct machine *m, const struct content *c, const char *out, struct err *e)
{
	auto_buf struct buf tar = { 0 };
	struct archive *a = tar_open(&tar);

	tar_add(a, TAR_PREFIX, 0750, m->now, NULL);
	for (size_t i = 0; i < c->n; i++) {
		auto_free char *name = xasprintf(TAR_PREFIX "%s", c->file[i].name);

		tar_add(a, name, c->file[i].mode, m->now, &c->file[i].data);
	}
	tar_close(a);
	return file_replace(out, FILE_MODE(0600), tar.data, tar.len, e);
}

/* Built beside its place: a killed run leaves nothing that looks whole. */
static int write_dir(const struct content *c, const char *out, struct err *e)
{
	auto_free char *staging = xasprintf("%s.unfinished", out);

	if (file_exists(staging) && file_remove_tree(staging, e) < 0)
		return -1;
	if (file_mkdirs(staging, FILE_MODE(0700), e) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++) {
		auto_free char *path = xasprintf("%s/%s", staging, c->file[i].name);

		if (file_stage(path, FILE_MODE(c->file[i].mode), c->file[i].data.data, c->file[i].data.len, e) < 0)
			return -1;
	}
	return file_sync_tree(staging, e) < 0 ? -1 : file_rename(staging, out, e);
}

bool pki_bundle_is_tar(const char *out)
{
	return text_ends(out, ".tar") && strlen(out) > strlen(".tar");
}

int pki_bundle(const struct machine *m, const struct pki_bundle *b, char **name, char **address, struct err *e)
{
	struct content content cleanup(content_free) = { .n = 0 };
	auto_pair struct pki_pair ca = { 0 };
	auto_strv char **sans = NULL;

	if (parse(b->member, name, address, e) < 0 || check_members(&m->conf, *name, *address, e) < 0)
		return -1;
	for (char *const *san = b->sans; san && *san; san++)
		if (config_check_san(*san))
			return refuse(*san, config_check_san(*san), e);
	if (pki_sign_load(m, &ca, e) < 0 || pki_check_absent(b->out, e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would write the certificates and keys of %s=%s to %s", *name, *address, b->out);
		return 1;
	}
	sans = all_sans(&m->conf, *address, b->sans);
	if (fill(m, &ca, *name, sans, &content, e) < 0)
		return -1;
	if (pki_bundle_is_tar(b->out))
		return write_tar(m, &content, b->out, e) < 0 ? -1 : 1;
	return write_dir(&content, b->out, e) < 0 ? -1 : 1;
}
