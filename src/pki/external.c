/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/external.h"

#include <string.h>

#include "adapter/x509_crl.h"
#include "adapter/x509_csr.h"
#include "base/log.h"

/* The machine as if its certificates were in that directory. It borrows all of m. */
static struct machine there_of(const struct machine *m)
{
	struct machine there = *m;

	there.at.pki = m->at.external;
	return there;
}

/* --- The requests. */

/* The key of the certificate in use, if there is one: a renewal keeps it. */
static int put_key(const struct pki_run *w, int leaf, const char *path, struct err *e)
{
	auto_key x509_key *fresh = w->leaf[leaf].key ? NULL : x509_key_new(w->m->conf.key_type, e);
	x509_key *key = fresh ? fresh : w->leaf[leaf].key;
	auto_buf struct buf pem = { 0 };

	if (!key)
		return -1;
	x509_key_pem(key, &pem);
	return file_replace(path, FILE_MODE(0600), pem.data, pem.len, e);
}

static int put_request(const struct pki_run *w, int leaf, x509_key *key, struct err *e)
{
	const struct config *c = &w->m->conf;
	const struct pki_profile *p = pki_profile(leaf);
	auto_free char *path = xasprintf("%s/%s.csr", w->m->at.external, p->name);
	auto_want struct pki_want want = pki_want(c->name, c->address, c->addresses, c->extra_sans, p);
	const struct x509_request request = { .cn = want.cn, .sans = want.sans, .server = want.server, .client = true };
	auto_buf struct buf pem = { 0 }, was = { 0 };
	struct err unread = { 0 };

	if (x509_csr_pem(&request, key, &pem, e) < 0)
		return -1;
	if (file_read(path, PKI_FILE_MAX, &was, &unread) == 0 && x509_csr_same(&was, &pem))
		return 0;
	return machine_write(w->m, path, pki_cert_mode(), &pem, e);
}

static int request_one(const struct pki_run *w, int leaf, struct err *e)
{
	auto_free char *path = xasprintf("%s/%s.key", w->m->at.external, pki_profile(leaf)->name);
	struct err unfit = { 0 };
	x509_key *key;
	int rc;

	if (!file_exists(path) && w->m->dry_run) {
		log_info("would write %s and a request for its certificate", path);
		return 1;
	}
	if (!file_exists(path) && put_key(w, leaf, path, e) < 0)
		return -1;
	key = pki_key_guard(w->m, path, false, &unfit) > 0 ? x509_key_read(path, &unfit) : NULL;
	if (!key)
		return 0; /* the check of the certificates reports it */
	rc = put_request(w, leaf, key, e);
	x509_key_free_ptr(&key);
	return rc;
}

static int request_all(const struct pki_run *w, struct err *e)
{
	int all = 0;

	if (!w->m->dry_run && file_mkdirs(w->m->at.external, FILE_MODE(0700), e) < 0)
		return -1;
	if (!w->m->dry_run)
		file_sweep(w->m->at.external);
	for (int i = 0; i < PKI_LEAVES && all >= 0; i++) {
		int rc = request_one(w, i, e);

		all = rc < 0 ? -1 : all | rc;
	}
	if (all > 0 && !w->m->dry_run)
		log_info("the requests to the external CA are in %s", w->m->at.external);
	return all;
}

/* --- The answers. */

static int check_complete(const struct machine *m, const struct pki_run *set, struct err *e)
{
	auto_buf struct buf missing = { 0 };

	if (!set->ca.cert)
		buf_puts(&missing, " ca.crt");
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile(i);

		if (p->needed && !set->leaf[i].cert)
			buf_printf(&missing, " %s.crt", p->name);
		if (!set->leaf[i].key && (p->needed || set->leaf[i].cert))
			buf_printf(&missing, " %s.key", p->name);
	}
	if (missing.len == 0)
		return 0;
	(void)err_set(e, ERR_PENDING, "the certificates of the external CA are not complete: %s lacks%s",
		      m->at.external, missing.data);
	return err_hint(e,
			"have the requests %s/*.csr signed, put each certificate beside its request as NAME.crt, and "
			"the CA as ca.crt, then: etcd-cluster setup",
			m->at.external);
}

/* What else than pki_check_use stands against a leaf in the place of that in use. */
static int check_fits(const struct pki_run *w, const struct pki_profile *p, const struct pki_pair *leaf, struct err *e)
{
	if (p->cn && p->server && strcmp(leaf->info.cn, p->cn) != 0) {
		(void)err_set(e, ERR_VERIFY,
			      "%s/%s.crt has CN %s instead of %s, by which members distinguish each other from "
			      "clients",
			      w->m->at.external, p->name, leaf->info.cn, p->cn);
		return err_hint(e, "have %s/%s.csr signed with the CN in it", w->m->at.external, p->name);
	}
	/* etcd and its peers read ca.crt when they start, and a leaf at every handshake. */
	if (!w->ca.cert || !file_exists(w->m->at.member_id) ||
	    x509_verify(leaf->cert, &leaf->pem, &w->ca.pem, p->server, w->m->now, e) == 0)
		return 0;
	(void)err_wrap(
		e,
		"%s/%s.crt does not verify up to the ca.crt in use, so members and clients that run would refuse "
		"it",
		w->m->at.external, p->name);
	return err_hint(e, "first put a ca.crt with both CAs and the former certificates there on every machine, and "
			   "restart etcd on one after the other");
}

static int check_crl(const struct machine *m, const struct pki_run *set, struct buf *crl, struct err *e)
{
	auto_free char *path = xasprintf("%s/crl.der", m->at.external);
	const struct buf *server = &set->leaf[PKI_SERVER].pem;
	auto_strv char **serials = NULL;

	if (file_read(path, PKI_FILE_MAX, crl, e) < 0)
		return err_absent(e);
	if (x509_crl_parse(crl, path, &serials, e) < 0)
		return err_hint(e, "openssl crl -in FILE -outform DER -out %s", path);
	if (x509_crl_signed_in(crl, &set->ca.pem) || x509_crl_signed_in(crl, server))
		return 0;
	(void)err_set(e, ERR_VERIFY, "%s is not signed by a CA of ca.crt", path);
	return err_hint(e, "put the list of the CA there, or move the file away");
}

/* Loads what was put there, and checks all of it. set->m is there_of. */
static int look(const struct pki_run *w, struct pki_run *set, struct buf *crl, struct err *e)
{
	const struct machine *m = w->m;
	auto_free char *ca = xasprintf("%s/ca.crt", m->at.external);

	if (file_exists(m->at.external) && file_check_trusted_place(ca, e) < 0)
		return -1;
	if (pki_run_load(set, e) < 0 || check_complete(m, set, e) < 0 || pki_check_ca(set->m, &set->ca, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (set->leaf[i].cert && (pki_check_use(set->m, &set->ca, pki_profile(i), &set->leaf[i], e) < 0 ||
					  check_fits(w, pki_profile(i), &set->leaf[i], e) < 0))
			return -1;
	return check_crl(m, set, crl, e);
}

static bool same_text(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(buf_str(a), buf_str(b), a->len) == 0;
}

static bool same_key(x509_key *a, x509_key *b)
{
	auto_free char *one = x509_key_fingerprint(a), *other = b ? x509_key_fingerprint(b) : xstrdup("");

	return strcmp(one, other) == 0;
}

/* Puts what is new in set into w->made and w->fresh. */
static enum pki_todo compare(struct pki_run *w, struct pki_run *set)
{
	enum pki_todo todo = PKI_FINE;

	for (int i = 0; i < PKI_LEAVES; i++) {
		struct pki_pair *now = &w->leaf[i], *new = &set->leaf[i];

		if (!new->cert)
			continue;
		if (!same_text(&new->pem, &now->pem)) {
			buf_add(&w->made.cert[i], new->pem.data, new->pem.len);
			todo = todo > PKI_RENEW ? todo : PKI_RENEW;
		}
		if (!same_key(new->key, now->key)) {
			w->fresh[i] = steal(&new->key);
			todo = PKI_REKEY;
		}
	}
	if (!same_text(&set->ca.pem, &w->ca.pem)) {
		buf_add(&w->made.ca_pem, set->ca.pem.data, set->ca.pem.len);
		todo = PKI_REKEY;
	}
	return todo;
}

static int put_crl(const struct machine *m, const struct buf *crl, struct err *e)
{
	auto_free char *path = machine_pki_path(m, "crl", "der");

	return crl->len == 0 ? 0 : machine_write(m, path, pki_cert_mode(), crl, e);
}

/* Certificates for the keys in use are renamed into their places one by one: each pair matches, and all fit ca.crt. */
static int take_over(struct pki_run *w, struct pki_run *set, const struct buf *crl, struct err *e)
{
	const enum pki_todo todo = compare(w, set);
	const bool new_ca = w->ca.cert && w->made.ca_pem.len > 0;
	int rc = 0;

	if (todo != PKI_FINE && w->m->dry_run)
		log_info("would take over the certificates in %s", w->m->at.external);
	else if (todo != PKI_FINE)
		rc = todo == PKI_REKEY ? pki_put_generation(w, e) : pki_put_files(w, e);
	if (rc < 0)
		return -1;
	if (todo != PKI_FINE && !w->m->dry_run)
		log_info("the certificates in %s were taken over%s", w->m->at.external,
			 new_ca ? "; etcd reads the new ca.crt when it is started again: systemctl restart etcd" : "");
	rc = put_crl(w->m, crl, e);
	return rc < 0 ? -1 : todo != PKI_FINE || rc;
}

/* A CA key here would sign for other machines beside the external CA. */
static int check_possible(const struct machine *m, bool force, struct err *e)
{
	auto_free char *key = machine_pki_path(m, "ca", "key");

	if (file_exists(key)) {
		(void)err_set(e, ERR_CONFIG, "%s has CA=external, and %s is the key of another CA", m->at.conf, key);
		return err_hint(e, "move it away (etcd-cluster ca export keeps a copy), or take CA=external out");
	}
	if (!force)
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s has CA=external: nothing can be issued here", m->at.conf);
	return err_hint(e, "have %s/*.csr signed, put the certificates beside them, then: etcd-cluster cert renew",
			m->at.external);
}

/* What is there does not do: no error while the certificates in use will do, nor when a dry run would ask first. */
static int refuse(const struct pki_run *w, int asked, struct err *e)
{
	if (pki_run_usable(w))
		log_error(LOG_WARNING, e);
	else if (!w->m->dry_run || asked == 0)
		return -1;
	err_clear(e);
	return asked;
}

int pki_external(struct pki_run *w, bool force, struct err *e)
{
	const struct machine there = there_of(w->m);
	auto_pki_run struct pki_run set = { .m = &there };
	const bool had = w->ca.cert != NULL;
	auto_buf struct buf crl = { 0 };
	int asked = check_possible(w->m, force, e) < 0 ? -1 : request_all(w, e), taken;

	if (asked < 0)
		return -1;
	if (look(w, &set, &crl, e) < 0)
		return refuse(w, asked, e);
	for (int i = 0; i < PKI_LEAVES; i++) {
		struct err ends = { 0 };

		if (pki_check_end(w->m, pki_profile(i), &set.leaf[i], &ends) < 0)
			log_error(LOG_WARNING, &ends);
	}
	taken = take_over(w, &set, &crl, e);
	if (taken < 0 || (taken > 0 && had && !w->m->dry_run && pki_prove(w->m, e) < 0))
		return -1;
	return asked || taken;
}

int pki_external_check(const struct machine *m, struct err *e)
{
	const struct machine there = there_of(m);
	auto_pki_run struct pki_run w = { .m = m }, set = { .m = &there };
	auto_buf struct buf crl = { 0 };

	return pki_run_load(&w, e) < 0 ? -1 : look(&w, &set, &crl, e);
}
