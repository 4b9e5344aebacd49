/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/certify.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "enroll/client.h"
#include "enroll/token.h"
#include "member/aside.h"
#include "member/host.h"
#include "pki/check.h"
#include "pki/crl.h"
#include "pki/external.h"
#include "pki/make.h"
#include "pki/store.h"

static bool any_leaf(const struct pki_run *w, bool keys)
{
	for (int i = 0; i < PKI_LEAVES; i++)
		if (w->leaf[i].cert || (keys && w->leaf[i].key))
			return true;
	return false;
}

static bool from_ca_host(const struct pki_run *w)
{
	return w->origin == PKI_ENROLLED || w->origin == PKI_TO_ENROLL;
}

/* What was asked for. */
struct order {
	char *const *names; /* NULL: all */
	bool force, local, may_make_ca;
	bool anew;   /* with new keys, whatever is there */
	bool staged; /* no etcd uses this directory yet */
};

/* A second CA splits the cluster: none is made beside data, nor before all who could have one have said otherwise. */
static int check_new(struct pki_run *w, const struct order *o, struct err *e)
{
	const struct machine *m = w->m;

	if (o->may_make_ca)
		return 0;
	if (m->conf.replace) {
		w->origin = PKI_TO_ENROLL;
		return 0;
	}
	if (!file_exists(m->at.member_id) && !aside_has_data(m))
		return err_set(e, ERR_PENDING, "the CA is made when all of MEMBERS have reported to this machine");
	(void)err_set(e, ERR_CONFIG,
		      "%s has no certificates, but this machine is a member already: its cluster has a CA", m->at.pki);
	return err_hint(e,
			"bring its CA: etcd-cluster ca import FILE; or put a copy of %s back; if this machine was "
			"rebuilt and another CA host runs: etcd-cluster replace",
			m->at.pki);
}

/* Whether the certificates can come from where they are to come from. */
static int check_origin(struct pki_run *w, const struct order *o, struct err *e)
{
	/* A machine that waits for its certificates has keys alone. */
	const bool waits = w->origin == PKI_TO_ENROLL || w->m->conf.replace;

	if (w->origin == PKI_EXTERNAL)
		return 0; /* pki_external looks at all files */
	if (w->ca.cert)
		return pki_check_ca(w->m, &w->ca, e);
	if (w->ca.key || any_leaf(w, !waits)) {
		(void)err_set(e, ERR_CONFIG, "%s has %s but no ca.crt", w->m->at.pki,
			      w->ca.key ? "ca.key" : "certificates or keys");
		return err_hint(e, "put the ca.crt that belongs to them there, or move them away to have %s",
				w->origin == PKI_TO_ENROLL ? "new ones asked for" : "a new CA made");
	}
	return w->origin == PKI_NEW_CA ? check_new(w, o, e) : 0;
}

/* Without ca.key nothing can be issued: what is there must do. */
static int check_copied(const struct pki_run *w, bool force, struct err *e)
{
	const struct config *c = &w->m->conf;
	auto_buf struct buf missing = { 0 };

	if (force) {
		(void)err_set(e, ERR_CONFIG, "%s has no ca.key: nothing can be issued here", w->m->at.pki);
		return err_hint(e, "where it is: etcd-cluster bundle %s=%s", c->name, c->address);
	}
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile(i);
		const bool wanted = p->needed || w->leaf[i].cert || w->leaf[i].key;

		if (wanted && !w->leaf[i].cert)
			buf_printf(&missing, " %s.crt", p->name);
		if (wanted && !w->leaf[i].key)
			buf_printf(&missing, " %s.key", p->name);
	}
	if (missing.len > 0) {
		(void)err_set(e, ERR_CONFIG, "%s has ca.crt but no ca.key, so nothing can be issued here, and lacks:%s",
			      w->m->at.pki, missing.data);
		return err_hint(e, "etcd-cluster bundle %s=%s where ca.key is makes them; or copy ca.key there, too",
				c->name, c->address);
	}
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_pair *leaf = &w->leaf[i];

		if (leaf->cert && pki_check_use(w->m, &w->ca, pki_profile(i), leaf, e) < 0)
			return -1;
		if (pki_check_end(w->m, pki_profile(i), leaf, e) < 0) {
			log_error(LOG_WARNING, e);
			err_clear(e);
		}
	}
	return 0;
}

/* The most that any leaf needs. */
static enum pki_todo most(const struct pki_run *w)
{
	enum pki_todo top = PKI_FINE;

	for (int i = 0; i < PKI_LEAVES; i++)
		top = w->todo[i] > top ? w->todo[i] : top;
	return top;
}

static bool has_token(const struct pki_run *w)
{
	auto_token struct token token = { 0 };
	struct err unfit = { 0 };

	return token_read_file(w->m, &token, &unfit) > 0;
}

/*
 * What each leaf needs, and why. With a new peer key come new ones for all: the CA host revokes what it issued for a
 * machine with another key.
 */
static void decide(struct pki_run *w, const struct order *o)
{
	for (int i = 0; i < PKI_LEAVES; i++) {
		if (o->names && !strv_has(o->names, pki_profile(i)->name))
			continue;
		w->todo[i] = w->origin == PKI_NEW_CA || o->anew
				     ? PKI_REKEY
				     : pki_check_leaf(w->m, &w->ca, pki_profile(i), &w->leaf[i], &w->why[i]);
		if (w->todo[i] == PKI_FINE && o->force) {
			w->todo[i] = PKI_RENEW;
			w->why[i] = xstrdup("is not due, but asked for");
		}
	}
	for (int i = 0; i < PKI_LEAVES && from_ca_host(w) && w->todo[PKI_PEER] == PKI_REKEY; i++) {
		w->todo[i] = PKI_REKEY;
		if (!w->why[i])
			w->why[i] = xstrdup("belongs to a key that is given up");
	}
}

static void log_plan(const struct pki_run *w)
{
	static const char *const deeds[] = { [PKI_RENEW] = "renewed",
					     [PKI_REISSUE] = "issued again with the same key",
					     [PKI_RESIGN] = "issued with the same key",
					     [PKI_REKEY] = "issued with a new key" };

	if (w->origin == PKI_TO_ENROLL) {
		if (w->m->dry_run)
			log_info("would ask the CA host for the certificates of this machine");
		return; /* a machine that waits asks every second: only the result is logged */
	}
	if (w->origin == PKI_NEW_CA) {
		log_info("%s a CA and the certificates of this machine in %s", w->m->dry_run ? "would make" : "making",
			 w->m->at.pki);
		return;
	}
	for (int i = 0; i < PKI_LEAVES; i++)
		if (w->todo[i] != PKI_FINE)
			log_info("%s/%s.crt %s: %s%s", w->m->at.pki, pki_profile(i)->name, w->why[i],
				 w->m->dry_run ? "would be " : "", deeds[w->todo[i]]);
}

/* *changed is set when a mode or an owner had to be set. The file may be missing. */
static int fix_mode(const struct machine *m, const char *name, const char *ext, struct file_mode how, bool *changed,
		    struct err *e)
{
	auto_free char *path = machine_pki_path(m, name, ext);
	struct stat st;
	int rc;

	/* A symbolic link is the administrator's, and so is what it points at. */
	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	rc = file_set_mode(path, how, e);
	*changed = *changed || rc > 0;
	return rc < 0 ? -1 : 0;
}

/* Lets etcd read what it needs. pki_pair_load has refused keys that others could read. 1 changed, 0, -1. */
static int fix_modes(const struct machine *m, struct err *e)
{
	int rc = file_set_mode(m->at.pki, machine_mode_group(m, 0750), e);
	bool changed = rc > 0;

	if (rc < 0 || fix_mode(m, "ca", "crt", pki_cert_mode(), &changed, e) < 0 ||
	    fix_mode(m, "crl", "der", pki_cert_mode(), &changed, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile(i);

		if (fix_mode(m, p->name, "key", pki_key_mode(m, p->server), &changed, e) < 0 ||
		    fix_mode(m, p->name, "crt", pki_cert_mode(), &changed, e) < 0)
			return -1;
	}
	return changed;
}

/*
 * The first enrolment. The keys are put in place before the CA host is asked: a run that was killed after the answer
 * asks again with the same keys, which counts as a retry there. Without a token no keys are left behind.
 */
static int first_keys(struct pki_run *w, struct err *e)
{
	auto_token struct token token = { 0 };
	int rc = token_read_file(w->m, &token, e);

	if (rc <= 0 || most(w) != PKI_REKEY)
		return rc < 0 ? -1 : 0;
	if (pki_put_generation(w, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		if (w->fresh[i]) {
			x509_key_free_ptr(&w->leaf[i].key);
			w->leaf[i].key = steal(&w->fresh[i]);
		}
	}
	return 0;
}

/* Where they came from, or that they end early. */
static void log_made(const struct pki_run *w)
{
	if (w->origin == PKI_TO_ENROLL)
		log_info("the certificates of this machine came from the CA host at %s", w->made.server);
	else if (w->origin != PKI_ENROLLED && pki_leaf_end(w->m, &w->ca) == w->ca.info.not_after)
		log_warn("these certificates end with their CA, on %s", clock_day(w->ca.info.not_after).text);
}

/* From a CA host; verified before they are used. */
static int enroll(struct pki_run *w, x509_key *const keys[PKI_LEAVES], struct err *e)
{
	if (enroll_request(w->m, keys, &w->made, e) < 0)
		return -1;
	if (pki_made_verify(w->m, &w->ca, keys, &w->made, e) == 0)
		return 0;
	e->class = ERR_VERIFY;
	e->hint[0] = '\0'; /* it would be about files that are in place */
	(void)err_wrap(e, "the answer of the CA host at %s is not used", w->made.server);
	if (!w->ca.cert)
		return err_hint(e, "compare cluster.conf and the clock of both machines, then: etcd-cluster setup");
	return err_hint(e,
			"if the CA was made anew there: move %s away and enrol again with a new token (etcd-cluster "
			"token new)",
			w->m->at.pki);
}

/* A certificate for every leaf that needs one, in memory: signed here, or by a CA host. */
static int make_certs(struct pki_run *w, struct err *e)
{
	x509_key *keys[PKI_LEAVES] = { NULL };

	for (int i = 0; i < PKI_LEAVES; i++)
		if (w->todo[i] != PKI_FINE)
			keys[i] = w->fresh[i] ? w->fresh[i] : w->leaf[i].key;
	if (from_ca_host(w))
		return enroll(w, keys, e);
	return pki_sign_here(w, keys, e);
}

/* Whether new keys may get what the present ones are refused: those of a removed machine are, for good. */
static bool may_rekey(const struct pki_run *w, const struct err *e)
{
	return w->origin == PKI_ENROLLED && e->class == ERR_VERIFY && !w->fresh[PKI_PEER] && has_token(w);
}

/*
 * New keys of a machine that has certificates wait beside pki until these are in place: a run that was killed after the
 * answer asks again with the same keys, for which the used token is still good.
 */
static char *waiting_dir(const struct machine *m)
{
	return xasprintf("%s.keys", m->at.pki);
}

static int keep_keys(struct pki_run *w, struct err *e)
{
	auto_free char *dir = waiting_dir(w->m);

	for (int i = 0; i < PKI_LEAVES; i++) {
		auto_free char *path = xasprintf("%s/%s.key", dir, pki_profile(i)->name);
		auto_buf struct buf pem = { 0 };
		struct err unread = { 0 };
		x509_key *before = w->fresh[i] && file_exists(path) ? x509_key_read(path, &unread) : NULL;

		if (!w->fresh[i])
			continue;
		if (before && x509_key_is(before, w->m->conf.key_type)) {
			x509_key_free_ptr(&w->fresh[i]);
			w->fresh[i] = before;
			continue;
		}
		x509_key_free_ptr(&before);
		x509_key_pem(w->fresh[i], &pem);
		if (file_mkdirs(dir, FILE_MODE(0700), e) < 0 ||
		    file_replace(path, FILE_MODE(0600), pem.data, pem.len, e) < 0)
			return -1;
	}
	return 0;
}

static int drop_kept_keys(const struct machine *m, struct err *e)
{
	auto_free char *dir = waiting_dir(m);

	return file_exists(dir) ? file_remove_tree(dir, e) : 0;
}

static int make_keys(struct pki_run *w, struct err *e)
{
	if (pki_make_keys(w, e) < 0)
		return -1;
	return w->origin == PKI_ENROLLED && has_token(w) ? keep_keys(w, e) : 0;
}

static int rekey(struct pki_run *w, struct err *e)
{
	log_error(LOG_WARNING, e);
	log_info("asking again with new keys and the token of %s", w->m->conf.enroll_token_file);
	err_clear(e);
	for (int i = 0; i < PKI_LEAVES; i++) {
		w->todo[i] = PKI_REKEY;
		x509_key_free_ptr(&w->fresh[i]);
	}
	return make_keys(w, e) < 0 ? -1 : make_certs(w, e);
}

/* 1 done; 0 the CA host issued none, and the present ones will do until it does. */
static int issue(struct pki_run *w, const struct order *o, struct err *e)
{
	const bool asked = o->names || o->force;

	if (make_keys(w, e) < 0 || (w->origin == PKI_TO_ENROLL && first_keys(w, e) < 0))
		return -1;
	if (make_certs(w, e) < 0 && (!may_rekey(w, e) || rekey(w, e) < 0)) {
		if (w->origin != PKI_ENROLLED || asked || !pki_run_usable(w))
			return -1;
		log_error(LOG_WARNING, e);
		err_clear(e);
		return 0;
	}
	if ((most(w) >= PKI_RESIGN ? pki_put_generation(w, e) : pki_put_files(w, e)) < 0)
		return -1;
	log_made(w);
	if (!o->staged && w->origin != PKI_NEW_CA && w->origin != PKI_TO_ENROLL && pki_prove(w->m, e) < 0)
		return -1;
	return 1;
}

static bool is_forming(const struct machine *m)
{
	return m->conf.role == ROLE_CLUSTER && !m->conf.replace && !file_exists(m->at.member_id) &&
	       !file_exists(m->at.joining);
}

/* 1 something was issued (dry run: would be), 0 nothing, -1. */
static int execute(struct pki_run *w, const struct order *o, struct err *e)
{
	struct err lost = { 0 };
	int rc = 0;

	if (w->origin == PKI_COPIED)
		return check_copied(w, o->force, e);
	if (w->origin == PKI_EXTERNAL)
		return pki_external(w, o->force, e);
	decide(w, o);
	if (most(w) != PKI_FINE) {
		/* The CA host is not asked now. The present certificates may do until then. */
		if (o->local && w->origin == PKI_ENROLLED && pki_run_usable(w))
			return 0;
		if (o->local && from_ca_host(w))
			return err_set(e, ERR_PENDING,
				       "the CA host has to be asked for the certificates of this machine");
		log_plan(w);
		if (w->m->dry_run)
			return 1;
		rc = issue(w, o, e);
		if (rc <= 0)
			return rc;
	}
	if (w->m->dry_run)
		return rc;
	/*
	 * A used token is of no use to anybody but a thief; while the cluster is formed it is still in use. It goes before
	 * the keys that wait: with those, another run with the token asks for the same keys again. On a member, one that
	 * was not used now is for what a person is about to do (replace): it goes when etcd is healthy (start.c).
	 */
	if (from_ca_host(w) && !is_forming(w->m) && (rc > 0 || !file_exists(w->m->at.member_id)) &&
	    token_wipe_file(w->m, &lost) < 0)
		log_error(LOG_WARNING, &lost);
	return drop_kept_keys(w->m, e) < 0 ? -1 : rc;
}

/* The list that came with new certificates is there before etcd starts with them. */
static int take_list(const struct pki_run *w)
{
	struct err unfit = { 0 };
	int rc = w->made.crl.len > 0 ? pki_crl_take(w->m, &w->made.crl, &unfit) : 0;

	if (rc < 0)
		log_error(LOG_WARNING, &unfit);
	return rc > 0;
}

static int run(const struct machine *m, const struct order *o, struct err *e)
{
	auto_pki_run struct pki_run w = { .m = m };
	int issued, listed, repaired;

	if (pki_check_clock(m, e) < 0 || (!m->dry_run && pki_store_recover(m, e) < 0) || pki_run_load(&w, e) < 0)
		return -1;
	w.origin = pki_origin(m);
	if (check_origin(&w, o, e) < 0)
		return -1;
	issued = execute(&w, o, e);
	listed = issued < 0 ? -1 : pki_crl_ensure(m, e);
	if (listed < 0)
		return -1;
	listed |= take_list(&w);
	repaired = m->dry_run ? 0 : fix_modes(m, e);
	return repaired < 0 ? -1 : issued || listed || repaired;
}

int certify(const struct machine *m, bool local, bool may_make_ca, struct err *e)
{
	return run(m, &(struct order){ .local = local, .may_make_ca = may_make_ca }, e);
}

int certify_staged(const struct machine *m, struct err *e)
{
	return run(m, &(struct order){ .local = true, .staged = true }, e);
}

int certify_anew(const struct machine *m, struct err *e)
{
	return run(m, &(struct order){ .force = true, .anew = true }, e);
}

static int check_name(const char *name, struct err *e)
{
	for (int i = 0; i < PKI_LEAVES; i++)
		if (strcmp(pki_profile((enum pki_leaf)i)->name, name) == 0)
			return 0;
	(void)err_set(e, ERR_CONFIG, "%s is not the name of a certificate", name);
	return err_hint(e, "etcd-cluster cert list shows their names");
}

int certify_renew(const struct machine *m, char *const *names, bool force, struct err *e)
{
	auto_free char *ca = machine_pki_path(m, "ca", "crt");

	/* A copy of a member would get certificates for its address in the member's name. */
	if (host_check(m, e) < 0)
		return -1;
	for (char *const *name = names; name && *name; name++)
		if (check_name(*name, e) < 0)
			return -1;
	return file_exists(ca) ? run(m, &(struct order){ .names = names, .force = force }, e) : 0;
}
