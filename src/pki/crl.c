/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/crl.h"

#include <inttypes.h>
#include <string.h>

#include "adapter/keyfile.h"
#include "adapter/probe.h"
#include "adapter/x509_crl.h"
#include "base/log.h"
#include "pki/origin.h"
#include "pki/pair.h"
#include "pki/profile.h"
#include "pki/sign.h"

#define BACKDATE 3600 /* seconds; the clocks of other machines differ */

/* The list that is there. 1 it can be read, 0 there is none, -1 etcd could not use it. */
static int read_list(const char *path, struct buf *der, char ***serials, struct err *e)
{
	*serials = NULL;
	if (file_read(path, PKI_FILE_MAX, der, e) < 0)
		return err_absent(e);
	return x509_crl_parse(der, path, serials, e) < 0 ? -1 : 1;
}

static int put(const struct machine *m, const char *path, struct file_mode mode, const struct x509_crl *crl,
	       const struct pki_pair *signer, struct err *e)
{
	auto_buf struct buf der = { 0 };

	if (m->dry_run) {
		log_info("would write %s", path);
		return 1;
	}
	if (x509_crl_make(crl, signer->cert, signer->key, &der, e) < 0 ||
	    file_replace(path, mode, der.data, der.len, e) < 0)
		return -1;
	return 1;
}

static struct x509_crl next(const struct machine *m, const struct pki_pair *ca, char *const *serials, int64_t last)
{
	return (struct x509_crl){ .serials = serials,
				  .number = last < m->now ? m->now : last + 1,
				  .made = m->now - BACKDATE,
				  .until = ca->info.not_after };
}

/* The CA, or on a machine without its key the pair of its peer certificate; none in *signer: nobody can sign here. */
static int load_signer(const struct machine *m, const struct pki_pair *ca, struct pki_pair *signer, struct err *e)
{
	const struct pki_profile *peer = pki_profile(PKI_PEER);
	const enum pki_origin origin = pki_origin(m);

	if (ca->key || origin == PKI_COPIED || origin == PKI_EXTERNAL)
		return 0;
	return pki_pair_load(m, peer->name, peer->server, signer, e);
}

int pki_crl_ensure(const struct machine *m, struct err *e)
{
	auto_free char *path = machine_pki_path(m, "crl", "der");
	auto_pair struct pki_pair ca = { 0 }, peer = { 0 };
	auto_strv char **serials = NULL;
	auto_buf struct buf der = { 0 };
	struct err unusable = { 0 };
	struct x509_crl crl;
	int rc = read_list(path, &der, &serials, &unusable);

	if (pki_pair_load(m, "ca", false, &ca, e) < 0 || !ca.cert)
		return ca.cert ? -1 : 0;
	if (rc > 0 && (!ca.key || x509_crl_signed_by(&der, ca.cert)))
		return 0;
	if (load_signer(m, &ca, &peer, e) < 0)
		return -1;
	if (!ca.key && (!peer.cert || !peer.key))
		return 0;
	if (rc < 0)
		log_warn("%s; an empty one takes its place", unusable.msg);
	crl = next(m, &ca, serials, 0);
	return put(m, path, pki_cert_mode(), &crl, ca.key ? &ca : &peer, e);
}

/* Of a list that the CA has signed; 0 for any other, and for none. */
static int64_t number_of(const char *path, x509_cert *ca, char ***serials)
{
	auto_buf struct buf der = { 0 };
	struct err unusable = { 0 };

	if (read_list(path, &der, serials, &unusable) > 0 && x509_crl_signed_by(&der, ca))
		return x509_crl_number(&der);
	strv_free(*serials);
	*serials = NULL;
	return 0;
}

int64_t pki_crl_number(const struct machine *m)
{
	auto_free char *path = machine_pki_path(m, "crl", "der");
	auto_pair struct pki_pair ca = { 0 };
	const enum pki_origin origin = pki_origin(m);
	auto_strv char **serials = NULL;
	struct err unread = { 0 };
	int64_t number = 0;

	if ((origin == PKI_CA || origin == PKI_ENROLLED) && pki_pair_load(m, "ca", false, &ca, &unread) == 0 && ca.cert)
		number = number_of(path, ca.cert, &serials);
	return serials ? number : 0;
}

int pki_crl_write(const struct machine *m, const char *file, char *const *serials, struct err *e)
{
	auto_free char *used = machine_pki_path(m, "crl", "der");
	auto_strv char **want = NULL, **is = NULL, **in_use = NULL;
	auto_pair struct pki_pair ca = { 0 };
	int64_t last, other;
	struct x509_crl crl;
	bool has = true;

	if (pki_sign_load(m, &ca, e) < 0)
		return -1;
	last = number_of(file, ca.cert, &is);
	other = number_of(used, ca.cert, &in_use);
	for (char *const *serial = serials; serial && *serial; serial++) {
		strv_add_once(&want, *serial);
		has = has && strv_has(is, *serial);
	}
	/* One that has expired since stays until there is another reason: a new list asks for a restart everywhere. */
	if (has && (last > 0 || !want))
		return 0;
	strv_sort(want);
	crl = next(m, &ca, want, last > other ? last : other);
	return put(m, file, FILE_MODE(0600), &crl, &ca, e);
}

int pki_crl_take(const struct machine *m, const struct buf *der, struct err *e)
{
	auto_free char *path = machine_pki_path(m, "crl", "der");
	auto_strv char **serials = NULL, **before = NULL;
	auto_pair struct pki_pair ca = { 0 };

	if (pki_pair_load(m, "ca", false, &ca, e) < 0 ||
	    x509_crl_parse(der, "the list of the CA host", &serials, e) < 0)
		return -1;
	if (!ca.cert || !x509_crl_signed_by(der, ca.cert))
		return err_set(e, ERR_VERIFY, "the revocation list is not signed by %s/ca.crt", m->at.pki);
	if (x509_crl_number(der) <= number_of(path, ca.cert, &before) || m->dry_run)
		return 0;
	if (file_replace(path, pki_cert_mode(), der->data, der->len, e) < 0)
		return -1;
	log_info("revocation list %" PRId64 " is in %s: connections that are open end when etcd is restarted",
		 x509_crl_number(der), path);
	return 1;
}

static char *note_path(const struct machine *m)
{
	return xasprintf("%s/crl", m->at.run);
}

void pki_crl_note_start(const struct machine *m)
{
	auto_free char *path = note_path(m), *data = layout_path(&m->at, m->conf.data_dir);
	auto_buf struct buf text = { 0 };
	struct err lost = { 0 };

	if (m->dry_run || probe_etcd(data, NULL) != 0)
		return;
	buf_printf(&text, "NUMBER=%" PRId64 "\n", pki_crl_number(m));
	if (file_mkdirs(m->at.run, FILE_MODE(0755), &lost) < 0 ||
	    file_replace(path, FILE_MODE(0644), text.data, text.len, &lost) < 0)
		log_error(LOG_WARNING, &lost);
}

int64_t pki_crl_in_force(const struct machine *m)
{
	auto_free char *path = note_path(m);
	auto_keyfile struct keyfile k = { 0 };
	struct err unread = { 0 };
	time_t number = 0;

	return keyfile_read(path, &k, &unread) == 0 && keyfile_time(&k, "NUMBER", &number) ? number : 0;
}

static int check_named(const struct machine *m, const char *value, struct err *e)
{
	auto_free char *path = layout_path(&m->at, value), *ours = machine_pki_path(m, "crl", "der");
	auto_strv char **serials = NULL;
	auto_buf struct buf der = { 0 };
	const bool made_here = strcmp(path, ours) == 0;

	if (file_read(path, PKI_FILE_MAX, &der, e) < 0)
		e->class = ERR_CONFIG;
	/* An administrator's own may be PEM, which etcd reads until 3.5. */
	else if (der.len == 0 || (made_here && x509_crl_parse(&der, path, &serials, e) < 0))
		(void)err_set(e, ERR_VERIFY, "%s is not a revocation list", path);
	else
		return 0;
	(void)err_wrap(e, "etcd would refuse every connection");
	return err_hint(e, made_here ? "etcd-cluster setup" : "put the list there that the ETCD_ lines name");
}

int pki_crl_check_start(const struct machine *m, struct err *e)
{
	static const char *const options[] = { "ETCD_CLIENT_CRL_FILE", "ETCD_PEER_CRL_FILE" };
	auto_keyfile struct keyfile env = { 0 };
	struct err unread = { 0 };

	if (keyfile_read(m->at.etcd_env, &env, &unread) < 0)
		return 0; /* the check of etcd.env reports it */
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const char *value = keyfile_get(&env, options[i]);

		if (value && check_named(m, value, e) < 0)
			return -1;
	}
	return 0;
}
