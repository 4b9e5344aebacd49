/* SPDX-License-Identifier: Apache-2.0
 * Copyright The etcd-cluster Authors
 */
#include "core/pki.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "core/pki_check.h"
#include "core/pki_origin.h"
#include "core/pki_prove.h"
#include "core/pki_sign.h"
#include "core/pki_store.h"

/* One walk along the road: what is there, and what each leaf needs. */
struct walk {
	const struct machine *m;
	struct pki_pair ca;
	struct pki_pair leaf[PKI_LEAVES];
	enum pki_todo todo[PKI_LEAVES];
	char *why[PKI_LEAVES];
	bool first; /* nothing is there: a CA is to be made */
};

#define auto_walk cleanup(walk_free)

static void walk_free(struct walk *w)
{
	pki_pair_free(&w->ca);
	for (int i = 0; i < PKI_LEAVES; i++) {
		pki_pair_free(&w->leaf[i]);
		free(w->why[i]);
	}
}

char *pki_path(const struct machine *m, const char *name, const char *ext)
{
	return xasprintf("%s/%s.%s", m->at.pki, name, ext);
}

static int load(struct walk *w, struct err *e)
{
	if (pki_pair_load(w->m, "ca", false, &w->ca, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile((enum pki_leaf)i);

		if (pki_pair_load(w->m, p->name, p->for_etcd, &w->leaf[i], e) < 0)
			return -1;
	}
	return 0;
}

static bool any_leaf(const struct walk *w)
{
	for (int i = 0; i < PKI_LEAVES; i++)
		if (w->leaf[i].cert || w->leaf[i].key)
			return true;
	return false;
}

/* Which of the three ways this machine gets its certificates, as far as that can go wrong. */
static int check_origin(struct walk *w, struct err *e)
{
	if (w->ca.cert)
		return pki_check_ca(w->m, &w->ca, e);
	if (w->ca.key || any_leaf(w)) {
		(void)err_set(e, ERR_CONFIG, "%s has %s but no ca.crt", w->m->at.pki,
			      w->ca.key ? "ca.key" : "certificates or keys");
		return err_hint(e,
				"put the ca.crt that belongs to them there, or move them away to have a new CA made");
	}
	if (pki_origin(w->m) == PKI_ASK) {
		(void)err_set(e, ERR_PENDING, "there are no certificates in %s, and another machine has the CA",
			      w->m->at.pki);
		return err_hint(e, "copy ca.crt and ca.key there, or the certificates and keys of this machine");
	}
	w->first = true;
	return 0;
}

/* Without ca.key nothing can be issued: what is there must do. */
static int check_given(const struct walk *w, struct err *e)
{
	auto_buf struct buf missing = { 0 };

	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile((enum pki_leaf)i);

		if (!w->leaf[i].cert && (p->needed || w->leaf[i].key))
			buf_printf(&missing, " %s.crt", p->name);
		if (!w->leaf[i].key && (p->needed || w->leaf[i].cert))
			buf_printf(&missing, " %s.key", p->name);
	}
	if (missing.len > 0) {
		(void)err_set(e, ERR_CONFIG, "%s has ca.crt but no ca.key, so nothing can be issued here, and lacks:%s",
			      w->m->at.pki, missing.data);
		return err_hint(e, "copy these files there, or copy ca.key there, too");
	}
	for (int i = 0; i < PKI_LEAVES; i++) {
		if (w->leaf[i].cert && pki_check_use(w->m, &w->ca, pki_profile((enum pki_leaf)i), &w->leaf[i], e) < 0)
			return -1;
		if (w->leaf[i].cert && pki_near_end(w->m, &w->leaf[i].info))
			log_warn("%s/%s.crt expires on %s and cannot be renewed here, without ca.key", w->m->at.pki,
				 pki_profile((enum pki_leaf)i)->name, pki_date(w->leaf[i].info.not_after).text);
	}
	return 0;
}

static bool chosen(char *const *names, const char *name)
{
	if (!names)
		return true;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* Returns how many leaves need something. */
static int decide(struct walk *w, char *const *names, bool force)
{
	int n = 0;

	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile((enum pki_leaf)i);

		if (!chosen(names, p->name))
			continue;
		if (w->first) {
			w->todo[i] = PKI_REKEY;
			w->why[i] = xstrdup("is missing");
		} else {
			w->todo[i] = pki_check_leaf(w->m, &w->ca, p, &w->leaf[i], &w->why[i]);
		}
		if (w->todo[i] == PKI_FINE && force) {
			w->todo[i] = PKI_RENEW;
			w->why[i] = xstrdup("is not due, but asked for");
		}
		n += w->todo[i] != PKI_FINE;
	}
	return n;
}

static void tell(const struct walk *w)
{
	static const char *const deeds[] = { [PKI_RENEW] = "renewed",
					     [PKI_REISSUE] = "issued again with the same key",
					     [PKI_RESIGN] = "issued with the same key",
					     [PKI_REKEY] = "issued with a new key" };

	if (w->first) {
		log_info("%s a CA and the certificates of this machine in %s", w->m->dry_run ? "would make" : "making",
			 w->m->at.pki);
		return;
	}
	for (int i = 0; i < PKI_LEAVES; i++)
		if (w->todo[i] != PKI_FINE)
			log_info("%s/%s.crt %s: %s%s", w->m->at.pki, pki_profile((enum pki_leaf)i)->name, w->why[i],
				 w->m->dry_run ? "would be " : "", deeds[w->todo[i]]);
}

/* The new certificate for leaf i; and, with new_key, the key it is for. */
static int sign(const struct walk *w, int i, struct buf *cert, struct buf *new_key, struct err *e)
{
	const struct pki_profile *p = pki_profile((enum pki_leaf)i);
	auto_key x509_key *fresh = NULL;
	struct pki_want want;
	int rc;

	if (new_key) {
		fresh = x509_key_new(w->m->conf.key_type, e);
		if (!fresh)
			return -1;
		x509_key_pem(fresh, new_key);
	}
	pki_want(w->m, p, &want);
	rc = pki_sign_leaf(w->m, &w->ca, &want, fresh ? fresh : w->leaf[i].key, cert, e);
	pki_want_free(&want);
	return rc;
}

static int stage(const char *dir, const char *name, const char *ext, struct file_mode how, const struct buf *data,
		 struct err *e)
{
	auto_free char *path = xasprintf("%s/%s.%s", dir, name, ext);

	return file_stage(path, how, data->data, data->len, e);
}

static int stage_ca(struct walk *w, const char *dir, struct err *e)
{
	auto_buf struct buf key = { 0 };

	if (pki_sign_ca(w->m, &w->ca, e) < 0)
		return -1;
	x509_key_pem(w->ca.key, &key);
	if (stage(dir, "ca", "key", pki_key_mode(w->m, false), &key, e) < 0)
		return -1;
	return stage(dir, "ca", "crt", pki_cert_mode(), &w->ca.pem, e);
}

static int stage_all(struct walk *w, const char *dir, struct err *e)
{
	if (w->first && stage_ca(w, dir, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile((enum pki_leaf)i);
		auto_buf struct buf cert = { 0 };
		auto_buf struct buf key = { 0 };
		bool rekey = w->todo[i] == PKI_REKEY;

		if (w->todo[i] == PKI_FINE)
			continue;
		if (sign(w, i, &cert, rekey ? &key : NULL, e) < 0)
			return -1;
		if (rekey && stage(dir, p->name, "key", pki_key_mode(w->m, p->for_etcd), &key, e) < 0)
			return -1;
		if (stage(dir, p->name, "crt", pki_cert_mode(), &cert, e) < 0)
			return -1;
	}
	return 0;
}

/* Keys, or the CA, change: everything at once. */
static int by_generation(struct walk *w, struct err *e)
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

/*
 * All keys stay: one swap for each certificate, and its pair matches before and after. etcd reads the two files
 * one after the other at every handshake; 0 of 1000 such swaps failed one, where a change of both failed some.
 */
static int by_file(struct walk *w, struct err *e)
{
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *path = pki_path(w->m, pki_profile((enum pki_leaf)i)->name, "crt");
		auto_buf struct buf cert = { 0 };

		if (w->todo[i] == PKI_FINE)
			continue;
		if (sign(w, i, &cert, NULL, e) < 0 || file_replace(path, pki_cert_mode(), cert.data, cert.len, e) < 0)
			return -1;
	}
	return 0;
}

/* 1 when a mode or an owner had to be set, 0. The file may be missing. */
static int mend_mode(const struct machine *m, const char *name, const char *ext, struct file_mode how, struct err *e)
{
	auto_free char *path = pki_path(m, name, ext);
	struct stat st;

	/* A symbolic link is the administrator's, and so is what it points at. */
	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return file_set_mode(path, how, e);
}

/* Makes etcd, and nobody else, able to read what it needs. The guards of pki_pair_load have seen that nothing was open to others. */
static int mend_modes(const struct machine *m, struct err *e)
{
	int rc = file_set_mode(m->at.pki, machine_mode_group(m, 0750), e);
	int changed = rc;

	for (int i = 0; rc >= 0 && i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile((enum pki_leaf)i);

		rc = mend_mode(m, p->name, "key", pki_key_mode(m, p->for_etcd), e);
		changed |= rc;
		if (rc >= 0)
			rc = mend_mode(m, p->name, "crt", pki_cert_mode(), e);
		changed |= rc;
	}
	return rc < 0 ? -1 : changed;
}

static int carry_out(struct walk *w, struct err *e)
{
	enum pki_todo most = PKI_FINE;

	for (int i = 0; i < PKI_LEAVES; i++)
		most = w->todo[i] > most ? w->todo[i] : most;
	if ((most >= PKI_RESIGN ? by_generation(w, e) : by_file(w, e)) < 0)
		return -1;
	if (pki_leaf_end(w->m, &w->ca) == w->ca.info.not_after)
		log_warn("these certificates end with their CA, on %s", pki_date(w->ca.info.not_after).text);
	return w->first ? 0 : pki_prove(w->m, e);
}

static int run(const struct machine *m, char *const *names, bool force, struct err *e)
{
	auto_walk struct walk w = { .m = m };
	int mended, n = 0;

	if (pki_check_clock(m, e) < 0 || (!m->dry_run && pki_store_recover(m, e) < 0) || load(&w, e) < 0 ||
	    check_origin(&w, e) < 0)
		return -1;
	if (w.ca.cert && !w.ca.key) {
		if (force)
			return err_set(e, ERR_CONFIG, "%s has no ca.key: nothing can be issued here", m->at.pki);
		if (check_given(&w, e) < 0)
			return -1;
	} else {
		n = decide(&w, names, force);
	}
	tell(&w);
	if (m->dry_run)
		return n > 0;
	if (n > 0 && carry_out(&w, e) < 0)
		return -1;
	mended = mend_modes(m, e);
	return mended < 0 ? -1 : n > 0 || mended > 0;
}

int pki_ensure(const struct machine *m, bool local, struct err *e)
{
	(void)local;
	return run(m, NULL, false, e);
}

static int check_name(const char *name, struct err *e)
{
	for (int i = 0; i < PKI_LEAVES; i++)
		if (strcmp(pki_profile((enum pki_leaf)i)->name, name) == 0)
			return 0;
	(void)err_set(e, ERR_CONFIG, "there is no certificate called %s", name);
	return err_hint(e, "etcd-cluster cert list shows their names");
}

int pki_renew(const struct machine *m, char *const *names, bool force, struct err *e)
{
	auto_free char *ca = pki_path(m, "ca", "crt");

	for (char *const *name = names; name && *name; name++)
		if (check_name(*name, e) < 0)
			return -1;
	return file_exists(ca) ? run(m, names, force, e) : 0;
}

char *pki_peer_cn(const struct machine *m, struct err *e)
{
	auto_free char *path = pki_path(m, pki_profile(PKI_PEER)->name, "crt");
	auto_cert x509_cert *cert = x509_cert_read(path, e);
	struct x509_info info;
	char *cn;

	if (!cert)
		return NULL;
	x509_describe(cert, &info);
	cn = steal(&info.cn);
	x509_info_free(&info);
	return cn;
}

/* etcd opens the key as the user etcd, which the guard of pki_pair_load only allows for. */
static int check_readable(const struct machine *m, const char *name, struct err *e)
{
	const struct file_mode want = pki_key_mode(m, true);
	auto_free char *path = pki_path(m, name, "key");
	struct stat st;

	if (want.gid == (gid_t)-1 || stat(path, &st) < 0 || (st.st_gid == want.gid && (st.st_mode & 0040)))
		return 0;
	(void)err_set(e, ERR_CONFIG, "the user etcd cannot read %s", path);
	return err_hint(e, "etcd-cluster setup");
}

int pki_check_start(const struct machine *m, struct err *e)
{
	auto_pair struct pki_pair ca = { 0 };

	if (pki_check_clock(m, e) < 0 || pki_pair_load(m, "ca", false, &ca, e) < 0)
		return -1;
	if (!ca.cert) {
		(void)err_set(e, ERR_CONFIG, "there are no certificates in %s", m->at.pki);
		return err_hint(e, "etcd-cluster setup");
	}
	if (pki_check_ca(m, &ca, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile((enum pki_leaf)i);
		auto_pair struct pki_pair leaf = { 0 };
		struct err only_said = { 0 };
		struct err *to = p->for_etcd ? e : &only_said;

		if (pki_pair_load(m, p->name, p->for_etcd, &leaf, to) == 0 &&
		    (p->needed || leaf.cert || leaf.key ? pki_check_use(m, &ca, p, &leaf, to) : 0) == 0 &&
		    (p->for_etcd ? check_readable(m, p->name, to) : 0) == 0)
			continue;
		if (p->for_etcd)
			return -1;
		log_error(LOG_LEVEL_WARN, &only_said); /* a client's pair does not keep etcd from starting */
	}
	return 0;
}
