/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/make.h"

#include <stdlib.h>
#include <string.h>

#include "pki/sign.h"
#include "pki/store.h"

void pki_run_free(struct pki_run *w)
{
	pki_pair_free(&w->ca);
	for (int i = 0; i < PKI_LEAVES; i++) {
		pki_pair_free(&w->leaf[i]);
		free(w->why[i]);
		x509_key_free_ptr(&w->fresh[i]);
	}
	pki_made_free(&w->made);
}

int pki_make_keys(struct pki_run *w, struct err *e)
{
	for (int i = 0; i < PKI_LEAVES; i++) {
		if (w->todo[i] != PKI_REKEY)
			continue;
		w->fresh[i] = x509_key_new(w->m->conf.key_type, e);
		if (!w->fresh[i])
			return -1;
	}
	return 0;
}

int pki_sign_here(struct pki_run *w, x509_key *const keys[PKI_LEAVES], struct err *e)
{
	if (w->origin == PKI_NEW_CA && pki_sign_ca(w->m, &w->ca, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_want struct pki_want want = { 0 };

		if (!keys[i])
			continue;
		pki_want(w->m, pki_profile((enum pki_leaf)i), &want);
		if (pki_sign_leaf(w->m, &w->ca, &want, keys[i], &w->made.cert[i], e) < 0)
			return -1;
	}
	return 0;
}

static int stage(const char *dir, const char *name, const char *ext, struct file_mode how, const struct buf *data,
		 struct err *e)
{
	auto_free char *path = xasprintf("%s/%s.%s", dir, name, ext);

	return data->len > 0 ? file_stage(path, how, data->data, data->len, e) : 0;
}

/*
 * The text of ca.host, when another enrolment server than the last time has signed; it is the first to be asked the
 * next time.
 */
static int new_host(const struct pki_run *w, struct buf *text, struct err *e)
{
	auto_free char *before = NULL;
	struct err unreadable = { 0 };

	if (!w->made.server || (pki_host_read(w->m, &before, &unreadable) > 0 && strcmp(before, w->made.server) == 0))
		return 0;
	return pki_host_text(w->made.server, text, e);
}

static int stage_ca(const struct pki_run *w, const char *dir, struct err *e)
{
	auto_buf struct buf key = { 0 }, host = { 0 };

	if (new_host(w, &host, e) < 0 || stage(dir, "ca", "host", pki_cert_mode(), &host, e) < 0)
		return -1;
	if (w->origin == PKI_TO_ENROLL)
		return stage(dir, "ca", "crt", pki_cert_mode(), &w->made.ca_pem, e);
	if (w->origin != PKI_NEW_CA)
		return 0;
	x509_key_pem(w->ca.key, &key);
	if (stage(dir, "ca", "key", pki_key_mode(w->m, false), &key, e) < 0)
		return -1;
	return stage(dir, "ca", "crt", pki_cert_mode(), &w->ca.pem, e);
}

static int stage_all(const struct pki_run *w, const char *dir, struct err *e)
{
	if (stage_ca(w, dir, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile((enum pki_leaf)i);
		auto_buf struct buf key = { 0 };

		if (w->fresh[i])
			x509_key_pem(w->fresh[i], &key);
		if (stage(dir, p->name, "key", pki_key_mode(w->m, p->for_etcd), &key, e) < 0 ||
		    stage(dir, p->name, "crt", pki_cert_mode(), &w->made.cert[i], e) < 0)
			return -1;
	}
	return 0;
}

int pki_put_generation(const struct pki_run *w, struct err *e)
{
	auto_free char *dir = pki_store_begin(w->m, e);

	if (!dir)
		return -1;
	if (stage_all(w, dir, e) < 0) {
		pki_store_abort(w->m);
		return -1;
	}
	return pki_store_commit(w->m, e);
}

int pki_put_files(const struct pki_run *w, struct err *e)
{
	auto_free char *host = NULL;
	auto_buf struct buf text = { 0 };

	if (new_host(w, &text, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *path = machine_pki_path(w->m, pki_profile((enum pki_leaf)i)->name, "crt");
		const struct buf *cert = &w->made.cert[i];

		if (cert->len > 0 && file_replace(path, pki_cert_mode(), cert->data, cert->len, e) < 0)
			return -1;
	}
	host = machine_pki_path(w->m, "ca", "host");
	return text.len > 0 ? file_replace(host, pki_cert_mode(), text.data, text.len, e) : 0;
}
