/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "adopt/plan.h"
#include "base/log.h"
#include "base/text.h"
#include "flow/certify.h"
#include "pki/pair.h"
#include "pki/profile.h"

#define MODE_CERT FILE_MODE(0644)
#define MODE_KEY  FILE_MODE(0600)

static int copy(const struct adopt_plan *p, const char *from, const char *name, const char *ext, struct err *e)
{
	auto_free char *path = layout_path(&p->here->at, from), *to = xasprintf("%s/pki/%s.%s", p->dir, name, ext);
	auto_buf struct buf bytes = { 0 };

	if (file_read(path, PKI_FILE_MAX, &bytes, e) < 0)
		return -1;
	return file_replace(to, strcmp(ext, "key") == 0 ? MODE_KEY : MODE_CERT, bytes.data, bytes.len, e);
}

static int copy_setting(const struct adopt_plan *p, const char *option, const char *name, const char *ext,
			struct err *e)
{
	const struct config_line *line = adopt_setting(&p->source, option);

	if (line->value[0] != '/')
		return err_set(e, ERR_CONFIG, "%s: %s=%s is not an absolute path", line->where, line->key, line->value);
	return copy(p, line->value, name, ext, e) < 0 ? err_wrap(e, "%s", line->where) : 0;
}

/* Whatever lies in our own directory stays there under its name: others may use it. */
static int copy_present(const struct adopt_plan *p, struct err *e)
{
	auto_strv char **names = NULL;

	if (file_list(p->here->at.pki, NULL, &names, e) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *from = xasprintf("%s/%s", p->here->at.pki, names[i]);
		auto_free char *to = xasprintf("%s/pki/%s", p->dir, names[i]);
		auto_buf struct buf bytes = { 0 };
		struct stat st;

		if (stat(from, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (file_read(from, PKI_FILE_MAX, &bytes, e) < 0 ||
		    file_replace(to,
				 (struct file_mode){ .mode = st.st_mode & 0777, .uid = st.st_uid, .gid = st.st_gid },
				 bytes.data, bytes.len, e) < 0)
			return -1;
	}
	return 0;
}

/* The two CAs are one: ours is one for clients and peers, and must not come to trust more than each did. */
static int check_one_ca(const struct adopt_plan *p, struct err *e)
{
	const struct config_line *client = adopt_setting(&p->source, "trusted-ca-file"),
				 *peer = adopt_setting(&p->source, "peer-trusted-ca-file");
	auto_free char *one = layout_path(&p->here->at, client->value), *two = layout_path(&p->here->at, peer->value);
	auto_buf struct buf a = { 0 }, b = { 0 };

	if (file_read(one, PKI_FILE_MAX, &a, e) < 0 || file_read(two, PKI_FILE_MAX, &b, e) < 0)
		return -1;
	if (strcmp(buf_str(&a), buf_str(&b)) == 0)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s: clients (%s) and peers (%s) have different CAs, and etcd-cluster has one",
		      peer->where, client->value, peer->value);
	return err_hint(e, "put both CAs into both files, restart each etcd, then issue all certificates from one of "
			   "them; then: etcd-cluster adopt");
}

/* The key of the CA beside its certificate: ca.key, or ca-key.pem. */
static int copy_ca_key(struct adopt_plan *p, struct err *e)
{
	const char *ca = adopt_setting(&p->source, "trusted-ca-file")->value, *dot = strrchr(ca, '.');
	const size_t stem = dot && !strchr(dot, '/') ? (size_t)(dot - ca) : strlen(ca);
	static const char *const ends[] = { ".key", "-key.pem" };
	auto_free char *kept = xasprintf("%s/pki/ca.key", p->dir), *cert_path = xasprintf("%s/pki/ca.crt", p->dir);
	auto_cert x509_cert *cert = x509_cert_read(cert_path, e);
	struct err unread = { 0 };
	x509_key *key = NULL;

	if (!cert)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(ends) && !file_exists(kept); i++) {
		auto_free char *name = xasprintf("%.*s%s", (int)stem, ca, ends[i]);
		auto_free char *path = layout_path(&p->here->at, name);

		if (file_exists(path) && copy(p, name, "ca", "key", e) < 0)
			return -1;
	}
	key = file_exists(kept) ? x509_key_read(kept, &unread) : NULL;
	p->ca_host = key && x509_key_matches(key, cert);
	x509_key_free_ptr(&key);
	if (p->ca_host || !file_exists(kept))
		return 0;
	log_warn("the key beside %s is not that of this CA, or has a passphrase, and is not taken over", ca);
	return file_remove_tree(kept, e);
}

/* Whether a client may show this certificate. */
static bool is_for_clients(const struct adopt_plan *p, const char *path)
{
	auto_free char *full = layout_path(&p->here->at, path);
	struct err unread = { 0 };
	auto_cert x509_cert *cert = x509_cert_read(full, &unread);
	struct x509_info info cleanup(x509_info_free) = { 0 };

	if (!cert)
		return false;
	x509_describe(cert, &info);
	return info.client;
}

static bool is_admin(const char *name)
{
	return text_starts(name, "admin-") && text_ends(name, ".pem") && !text_ends(name, "-key.pem");
}

/* The pair of the administrator: what tools call it, beside the CA or the server's; else the server's own pair. */
static int copy_client(const struct adopt_plan *p, struct err *e)
{
	const char *ca = adopt_setting(&p->source, "trusted-ca-file")->value;
	const char *cert = adopt_setting(&p->source, "cert-file")->value;
	const char *key = adopt_setting(&p->source, "key-file")->value;
	auto_free char *dir = xstrndup(ca, (size_t)(strrchr(ca, '/') - ca)), *there = layout_path(&p->here->at, dir);
	auto_strv char **pairs = NULL, **admins = NULL;
	static const char *const known[][2] = {
		{ "etcdctl-etcd-client.crt", "etcdctl-etcd-client.key" },
		{ "healthcheck-client.crt", "healthcheck-client.key" },
		{ "client.crt", "client.key" },
		{ "client.pem", "client-key.pem" },
	};

	if (file_list(there, is_admin, &admins, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		strv_add(&pairs, known[i][0]);
		strv_add(&pairs, known[i][1]);
	}
	for (size_t i = 0; admins && admins[i]; i++) {
		auto_free char *admin_key = xasprintf("%.*s-key.pem", (int)(strlen(admins[i]) - 4), admins[i]);

		strv_add(&pairs, admins[i]);
		strv_add(&pairs, admin_key);
	}
	for (size_t i = 0; pairs[i]; i += 2) {
		auto_free char *crt = xasprintf("%s/%s", dir, pairs[i]), *its = xasprintf("%s/%s", dir, pairs[i + 1]);
		auto_free char *full = layout_path(&p->here->at, its);

		if (is_for_clients(p, crt) && file_exists(full))
			return copy(p, crt, "etcdctl-etcd-client", "crt", e) < 0
				       ? -1
				       : copy(p, its, "etcdctl-etcd-client", "key", e);
	}
	if (!is_for_clients(p, cert)) {
		(void)err_set(e, ERR_CONFIG, "there is no client certificate in %s, and %s has not the use clientAuth",
			      dir, cert);
		return err_hint(e, "put one of this CA there, as client.crt and client.key; then: etcd-cluster adopt");
	}
	return copy(p, cert, "etcdctl-etcd-client", "crt", e) < 0 ? -1 : copy(p, key, "etcdctl-etcd-client", "key", e);
}

int adopt_copy_pki(struct adopt_plan *p, struct err *e)
{
	static const char *const files[][3] = { { "trusted-ca-file", "ca", "crt" },
						{ "cert-file", "server", "crt" },
						{ "key-file", "server", "key" },
						{ "peer-cert-file", "peer", "crt" },
						{ "peer-key-file", "peer", "key" } };
	auto_free char *pki = xasprintf("%s/pki", p->dir);

	if (check_one_ca(p, e) < 0 || file_mkdirs(pki, FILE_MODE(0700), e) < 0 || copy_present(p, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (copy_setting(p, files[i][0], files[i][1], files[i][2], e) < 0)
			return -1;
	return copy_client(p, e) < 0 ? -1 : copy_ca_key(p, e);
}

int adopt_certify(struct adopt_plan *p, struct err *e)
{
	auto_free char *former = xasprintf("%s/pki.old", p->dir);

	if (certify_staged(&p->m, e) < 0)
		return err_hint(e,
				"issue such a certificate with the tool that made the others, restart that etcd, then: "
				"etcd-cluster adopt");
	/* Theirs stay where they are; a copy is of no use. */
	return file_exists(former) ? file_remove_tree(former, e) : 0;
}
