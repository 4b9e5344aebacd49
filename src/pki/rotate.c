/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/rotate.h"

#include <string.h>
#include <unistd.h>

#include "adapter/x509_pool.h"
#include "base/clock.h"
#include "base/log.h"
#include "pki/check.h"
#include "pki/crl.h"
#include "pki/make.h"
#include "pki/origin.h"
#include "pki/sign.h"
#include "pki/store.h"

#define FORMER "ca-former"
#define NEXT   "ca-next"

void pki_rotation_free(struct pki_rotation *r)
{
	pki_pair_free(&r->ca);
	x509_cert_free_ptr(&r->cross);
	x509_cert_free_ptr(&r->other);
	free(r->other_name);
	*r = (struct pki_rotation){ 0 };
}

int pki_rotation_load(const struct machine *m, struct pki_rotation *r, struct err *e)
{
	cleanup(x509_info_free) struct x509_info info = { 0 };
	auto_free char *next = machine_pki_path(m, NEXT, "key");
	auto_cert x509_cert *old = NULL, *new = NULL;

	*r = (struct pki_rotation){ 0 };
	if (pki_pair_load(m, "ca", false, &r->ca, e) < 0)
		return -1;
	if (!r->ca.cert) {
		(void)err_set(e, ERR_CONFIG, "%s has no CA", m->at.pki);
		return err_hint(e, "etcd-cluster setup makes one, or gets the certificates of this machine");
	}
	r->cross = x509_pool_at(&r->ca.cross, 0);
	old = r->cross ? x509_pool_issuer(&r->ca.pem, r->cross) : NULL;
	new = old ? x509_pool_ca(&r->ca.pem, r->cross) : NULL;
	if (!new)
		return 0;
	r->stage = x509_same_ca(new, r->ca.cert) ? PKI_ROTATING : file_exists(next) ? PKI_TRUSTING : PKI_ABORTED;
	r->other = r->stage == PKI_ROTATING ? steal(&old) : steal(&new);
	x509_describe(r->other, &info);
	r->other_name = steal(&info.subject);
	return 0;
}

/* --- The changes. */

/* One of them, in memory: what the next generation has. */
struct change {
	struct pki_run run; /* with the CA that issues, and the leaves by it */
	struct buf pool;
	x509_key *former, *next; /* to be kept; NULL: none is, from now on */
};

#define auto_change cleanup(change_free)

static void change_free(struct change *c)
{
	pki_run_free(&c->run);
	buf_free(&c->pool);
	x509_key_free_ptr(&c->former);
	x509_key_free_ptr(&c->next);
}

static int put_key(const struct machine *m, const char *dir, const char *name, x509_key *key, struct err *e)
{
	auto_free char *path = xasprintf("%s/%s.key", dir, name);
	auto_buf struct buf pem = { 0 };

	if (key) {
		x509_key_pem(key, &pem);
		return file_stage(path, pki_key_mode(m, false), pem.data, pem.len, e);
	}
	/* It is a link to the one in use, which is wiped after the swap. */
	return unlink(path) == 0 || errno == ENOENT ? 0 : err_sys(e, ERR_FAIL, "cannot remove %s", path);
}

static int put_cert(const char *dir, const char *name, const struct buf *pem, struct err *e)
{
	auto_free char *path = xasprintf("%s/%s.crt", dir, name);

	return pem->len == 0 ? 0 : file_stage(path, pki_cert_mode(), pem->data, pem->len, e);
}

static int fill(const struct machine *m, const char *dir, const void *what, struct err *e)
{
	const struct change *c = what;

	if (put_key(m, dir, "ca", c->run.ca.key, e) < 0 || put_key(m, dir, FORMER, c->former, e) < 0 ||
	    put_key(m, dir, NEXT, c->next, e) < 0 || put_cert(dir, "ca", &c->pool, e) < 0 ||
	    put_cert(dir, "ca-cross", &c->run.ca.cross, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (put_cert(dir, pki_profile(i)->name, &c->run.made.cert[i], e) < 0)
			return -1;
	return 0;
}

/* The CAs of the pool, without this one; appended. */
static void add_others(const struct buf *pool, x509_cert *but, struct buf *out)
{
	x509_cert *one;

	for (size_t i = 0; (one = x509_pool_at(pool, i)); i++) {
		if (!x509_same(one, but))
			x509_cert_pem(one, out);
		x509_cert_free_ptr(&one);
	}
}

/* The leaves that are there, by the CA in c->run, for the same keys. Whoever trusts the pool in use accepts them. */
static int issue(struct change *c, const struct buf *in_use, struct err *e)
{
	x509_key *keys[PKI_LEAVES] = { NULL };

	c->run.origin = PKI_CA;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (c->run.leaf[i].cert)
			keys[i] = c->run.leaf[i].key;
	if (pki_sign_here(&c->run, keys, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_cert x509_cert *leaf = keys[i] ? x509_pool_at(&c->run.made.cert[i], 0) : NULL;

		if (leaf &&
		    x509_verify(leaf, &c->run.made.cert[i], in_use, pki_profile(i)->server, c->run.m->now, e) < 0)
			return err_wrap(e, "the former CA would not accept %s.crt", pki_profile(i)->name);
	}
	return 0;
}

/* All that is there, with the CA apart. */
static int begin_change(const struct machine *m, struct change *c, struct pki_rotation *r, struct err *e)
{
	c->run.m = m;
	if (pki_check_clock(m, e) < 0 || (!m->dry_run && pki_store_recover(m, e) < 0) ||
	    pki_rotation_load(m, r, e) < 0 || pki_run_load(&c->run, e) < 0)
		return -1;
	pki_pair_free(&c->run.ca);
	c->run.ca = (struct pki_pair){ 0 };
	if (!r->ca.key) {
		(void)err_set(e, ERR_CONFIG, "%s/ca.key is missing, so no CA can be rotated here", m->at.pki);
		return err_hint(e, "run this on the CA host");
	}
	return pki_check_ca(m, &r->ca, e);
}

/* The swap, and the list that the CA signs anew. */
static int end_change(const struct change *c, struct err *e)
{
	return pki_store_change(c->run.m, fill, c, e) < 0 || pki_crl_ensure(c->run.m, e) < 0 ? -1 : 1;
}

/* The key of one of the two CAs that does not issue. NULL, also when it is not here. */
static x509_key *read_key(const struct machine *m, const char *name, const char *whose, struct err *e)
{
	auto_free char *path = machine_pki_path(m, name, "key");
	int rc = pki_key_guard(m, path, false, e);

	if (rc > 0)
		return x509_key_read(path, e);
	if (rc == 0) {
		(void)err_set(e, ERR_CONFIG, "%s, the key of the %s CA, is not on this machine", path, whose);
		(void)err_hint(e, "etcd-cluster ca rotate --status shows how it can go on");
	}
	return NULL;
}

/* c->run.ca is that CA of the pool from now on, with this key, which is taken over. */
static int let_issue(struct change *c, struct pki_rotation *r, x509_key *key, struct err *e)
{
	c->run.ca.key = key;
	if (!key || pki_pair_take(&c->run.ca, steal(&r->other)) < 0 || pki_check_ca(c->run.m, &c->run.ca, e) < 0)
		return -1;
	buf_add(&c->pool, c->run.ca.pem.data, c->run.ca.pem.len);
	add_others(&r->ca.pem, c->run.ca.cert, &c->pool);
	return 0;
}

/* A new CA, signed by that of r, which must be trusted before it issues. */
static int let_trust(struct change *c, struct pki_rotation *r, struct err *e)
{
	auto_pair struct pki_pair new = { 0 };

	if (pki_sign_ca(c->run.m, &new, e) < 0 || pki_sign_cross(&r->ca, &new, e) < 0)
		return -1;
	x509_cert_pem(r->ca.cert, &c->pool);
	buf_add(&c->pool, new.pem.data, new.pem.len);
	add_others(&r->ca.pem, r->ca.cert, &c->pool);
	c->run.ca.key = steal(&r->ca.key);
	c->run.ca.cross = new.cross;
	new.cross = (struct buf){ 0 };
	c->next = steal(&new.key);
	return end_change(c, e);
}

int pki_rotate_begin(const struct machine *m, struct err *e)
{
	auto_rotation struct pki_rotation r = { 0 };
	auto_change struct change c = { .former = NULL };

	if (begin_change(m, &c, &r, e) < 0)
		return -1;
	if (r.stage == PKI_ROTATING) /* a killed run may have left this to do */
		return m->dry_run ? 0 : pki_crl_ensure(m, e);
	if (r.stage == PKI_ABORTED) {
		(void)err_set(e, ERR_CONFIG, "a rotation was aborted, and the CA that it made is still trusted");
		return err_hint(e, "etcd-cluster ca rotate --finish");
	}
	if (m->dry_run) {
		log_info("would %s", r.stage == PKI_TRUSTING ? "issue with the new CA" : "make a new CA");
		return 1;
	}
	if (r.stage == PKI_STEADY && x509_path_length(r.ca.cert) == 0)
		return let_trust(&c, &r, e);
	if (r.stage == PKI_TRUSTING) {
		if (let_issue(&c, &r, read_key(m, NEXT, "new", e), e) < 0)
			return -1;
	} else {
		if (pki_sign_ca(m, &c.run.ca, e) < 0 || pki_sign_cross(&r.ca, &c.run.ca, e) < 0)
			return -1;
		buf_add(&c.pool, c.run.ca.pem.data, c.run.ca.pem.len);
		buf_add(&c.pool, r.ca.pem.data, r.ca.pem.len);
	}
	c.former = steal(&r.ca.key);
	return issue(&c, &r.ca.pem, e) < 0 ? -1 : end_change(&c, e);
}

int pki_rotate_abort(const struct machine *m, struct err *e)
{
	auto_rotation struct pki_rotation r = { 0 };
	auto_change struct change c = { .former = NULL };

	if (begin_change(m, &c, &r, e) < 0)
		return -1;
	if (r.stage == PKI_ABORTED)
		return m->dry_run ? 0 : pki_crl_ensure(m, e);
	if (r.stage == PKI_STEADY)
		return err_set(e, ERR_CONFIG, "no rotation is under way");
	if (r.stage == PKI_TRUSTING)
		c.run.ca.key = steal(&r.ca.key);
	else if (let_issue(&c, &r, read_key(m, FORMER, "former", e), e) < 0)
		return -1;
	if (m->dry_run) {
		log_info("would no longer issue with the new CA");
		return 1;
	}
	if (r.stage == PKI_ROTATING && issue(&c, &r.ca.pem, e) < 0)
		return -1;
	return end_change(&c, e);
}

int pki_rotate_finish(const struct machine *m, struct err *e)
{
	auto_rotation struct pki_rotation r = { 0 };
	auto_change struct change c = { .former = NULL };

	if (begin_change(m, &c, &r, e) < 0)
		return -1;
	if (r.stage == PKI_STEADY)
		return m->dry_run ? 0 : pki_crl_ensure(m, e);
	if (r.stage == PKI_TRUSTING) {
		(void)err_set(e, ERR_CONFIG, "the new CA does not issue yet");
		return err_hint(e, "etcd-cluster ca rotate --status; when all trust it: etcd-cluster ca rotate");
	}
	if (m->dry_run) {
		log_info("would no longer trust %s", r.other_name);
		return 1;
	}
	add_others(&r.ca.pem, r.other, &c.pool);
	c.run.ca.key = steal(&r.ca.key);
	return end_change(&c, e);
}
