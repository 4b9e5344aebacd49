/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/make.h"

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

int pki_run_load(struct pki_run *w, struct err *e)
{
	if (pki_pair_load(w->m, "ca", false, &w->ca, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (pki_pair_load(w->m, pki_profile(i)->name, pki_profile(i)->server, &w->leaf[i], e) < 0)
			return -1;
	return 0;
}

bool pki_run_usable(const struct pki_run *w)
{
	struct err ignored = { 0 };

	if (!w->ca.cert)
		return false;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (pki_profile(i)->needed && pki_check_use(w->m, &w->ca, pki_profile(i), &w->leaf[i], &ignored) < 0)
			return false;
	return true;
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
	const struct config *c = &w->m->conf;

	if (w->origin == PKI_NEW_CA && pki_sign_ca(w->m, &w->ca, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_want struct pki_want want =
			pki_want(c->name, c->address, c->addresses, c->extra_sans, pki_profile(i));

		if (keys[i] && pki_sign_leaf(w->m, &w->ca, &want, keys[i], &w->made.cert[i], e) < 0)
			return -1;
	}
	return 0;
}

/* Where files are written: into a new generation (file_stage), or over those in use (file_replace). */
struct target {
	const char *dir;
	int (*write)(const char *path, struct file_mode how, const void *data, size_t len, struct err *e);
};

static int put(const struct target *t, const char *name, const char *ext, struct file_mode how, const struct buf *data,
	       struct err *e)
{
	auto_free char *path = xasprintf("%s/%s.%s", t->dir, name, ext);

	return data->len > 0 ? t->write(path, how, data->data, data->len, e) : 0;
}

/* The new certificates; and ca.host, when another enrolment server has signed: it is asked first the next time. */
static int put_certs(const struct pki_run *w, const struct target *t, struct err *e)
{
	auto_free char *before = NULL;
	auto_buf struct buf host = { 0 };
	struct err unreadable = { 0 };

	for (int i = 0; i < PKI_LEAVES; i++)
		if (put(t, pki_profile(i)->name, "crt", pki_cert_mode(), &w->made.cert[i], e) < 0)
			return -1;
	if (!w->made.server || (pki_host_read(w->m, &before, &unreadable) > 0 && strcmp(before, w->made.server) == 0))
		return 0;
	return pki_host_text(w->made.server, &host, e) < 0 ? -1 : put(t, "ca", "host", pki_cert_mode(), &host, e);
}

/* The CA, when it is new here: its key and certificate, or the certificate that the CA host sent. */
static int put_ca(const struct pki_run *w, const struct target *t, struct err *e)
{
	auto_buf struct buf key = { 0 };

	if (w->origin == PKI_TO_ENROLL || w->origin == PKI_EXTERNAL)
		return put(t, "ca", "crt", pki_cert_mode(), &w->made.ca_pem, e);
	if (w->origin != PKI_NEW_CA)
		return 0;
	x509_key_pem(w->ca.key, &key);
	if (put(t, "ca", "key", pki_key_mode(w->m, false), &key, e) < 0)
		return -1;
	return put(t, "ca", "crt", pki_cert_mode(), &w->ca.pem, e);
}

/* All that was made. */
static int fill(const struct machine *m, const char *dir, const void *what, struct err *e)
{
	const struct target t = { dir, file_stage };
	const struct pki_run *w = what;

	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile(i);
		auto_buf struct buf key = { 0 };

		if (w->fresh[i])
			x509_key_pem(w->fresh[i], &key);
		if (put(&t, p->name, "key", pki_key_mode(m, p->server), &key, e) < 0)
			return -1;
	}
	return put_ca(w, &t, e) < 0 ? -1 : put_certs(w, &t, e);
}

int pki_put_generation(const struct pki_run *w, struct err *e)
{
	return pki_store_change(w->m, fill, w, e);
}

int pki_put_files(const struct pki_run *w, struct err *e)
{
	return put_certs(w, &(struct target){ w->m->at.pki, file_replace }, e);
}
