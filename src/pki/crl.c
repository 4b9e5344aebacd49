/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/crl.h"

#include <string.h>

#include "adapter/keyfile.h"
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

static int put(const struct machine *m, const struct pki_pair *ca, const struct pki_pair *signer, char *const *serials,
	       struct err *e)
{
	auto_free char *path = machine_pki_path(m, "crl", "der");
	const struct x509_crl crl = { .serials = serials, .made = m->now - BACKDATE, .until = ca->info.not_after };
	auto_buf struct buf der = { 0 };

	if (m->dry_run) {
		log_info("would write %s", path);
		return 1;
	}
	if (x509_crl_make(&crl, signer->cert, signer->key, &der, e) < 0 ||
	    file_replace(path, pki_cert_mode(), der.data, der.len, e) < 0)
		return -1;
	return 1;
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
	return put(m, &ca, ca.key ? &ca : &peer, serials, e);
}

static bool same(char *const *a, char *const *b)
{
	for (; a && *a && b && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return !(a && *a) && !(b && *b);
}

int pki_crl_write(const struct machine *m, char *const *serials, struct err *e)
{
	auto_free char *path = machine_pki_path(m, "crl", "der");
	auto_strv char **want = NULL, **is = NULL;
	auto_pair struct pki_pair ca = { 0 };
	auto_buf struct buf der = { 0 };
	struct err unusable = { 0 };

	if (pki_sign_load(m, &ca, e) < 0)
		return -1;
	for (char *const *serial = serials; serial && *serial; serial++)
		strv_add_once(&want, *serial);
	strv_sort(want);
	if (read_list(path, &der, &is, &unusable) > 0 && same(want, is) && x509_crl_signed_by(&der, ca.cert))
		return 0;
	return put(m, &ca, &ca, want, e);
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
