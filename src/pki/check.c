/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/check.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "pki/origin.h"

#define EARLIEST   1704067200 /* 2024-01-01: this program is younger, so a clock before it was never set */
#define CLOCK_HINT "set the clock (timedatectl), then run: etcd-cluster setup"

time_t pki_leaf_end(const struct machine *m, const struct pki_pair *ca)
{
	time_t end = m->now + (time_t)m->conf.cert_days * DAY;

	return end < ca->info.not_after ? end : ca->info.not_after;
}

bool pki_near_end(const struct machine *m, const struct x509_info *info)
{
	time_t life = info->not_after - info->not_before, before = (time_t)m->conf.renew_before_days * DAY;

	if (before >= life)
		before = life / 3;
	return m->now >= info->not_after - before;
}

long long pki_days_left(const struct machine *m, time_t end)
{
	return ((long long)end - (long long)m->now) / DAY;
}

static enum pki_todo because(enum pki_todo todo, char **why, char *text)
{
	*why = text;
	return todo;
}

/* Compares what a leaf contains with what it must. NULL: the same. */
static char *wrong_content(const struct machine *m, const struct pki_profile *profile, const struct x509_info *info)
{
	const struct config *c = &m->conf;
	struct pki_profile before = *profile;

	before.shared = true; /* the EXTRA_SANS of a peer certificate of an earlier version go when it is renewed */
	auto_want struct pki_want want = pki_want(c->name, c->address, c->addresses, c->extra_sans, profile),
				  former = pki_want(c->name, c->address, c->addresses, c->extra_sans, &before);
	auto_free char *has = strv_join(info->sans, " "), *should = strv_join(want.sans, " "),
		       *would = strv_join(former.sans, " ");

	if (info->ca)
		return xstrdup("is a CA, which a leaf must not be");
	if (strcmp(info->cn, want.cn) != 0)
		return xasprintf("has CN %s instead of %s", info->cn, want.cn);
	if (!info->client || info->server != want.server)
		return xasprintf("is not for %s", want.server ? "servers and clients" : "clients only");
	if (strcmp(has, should) != 0 && strcmp(has, would) != 0)
		return xasprintf("is valid for %s instead of %s", *has ? has : "no name", *should ? should : "no name");
	return NULL;
}

static enum pki_todo check_dates(const struct machine *m, const struct pki_pair *ca, const struct x509_info *info,
				 char **why)
{
	if (info->not_after > ca->info.not_after)
		return because(PKI_REISSUE, why, xstrdup("outlives its CA"));
	if (m->now < info->not_before)
		return because(PKI_REISSUE, why, xasprintf("is not valid before %s", clock_day(info->not_before).text));
	/* When the CA itself ends soon, a renewal gains nothing. */
	if (!pki_near_end(m, info) || pki_leaf_end(m, ca) <= info->not_after)
		return PKI_FINE;
	return because(PKI_RENEW, why,
		       xasprintf(m->now > info->not_after ? "expired on %s" : "expires on %s",
				 clock_day(info->not_after).text));
}

enum pki_todo pki_check_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
			     const struct pki_pair *leaf, char **why)
{
	*why = NULL;
	if (!leaf->key)
		return because(PKI_REKEY, why, xstrdup(leaf->cert ? "has no key" : "is missing"));
	if (!x509_key_is(leaf->key, m->conf.key_type)) {
		auto_free char *type = x509_key_describe(leaf->key);

		return because(PKI_REKEY, why,
			       xasprintf("has a key of type %s, and KEY_TYPE is %s", type,
					 x509_key_type_name(m->conf.key_type)));
	}
	if (!leaf->cert)
		return because(PKI_RESIGN, why, xstrdup("is missing"));
	if (!x509_signed_by(leaf->cert, ca->cert))
		return because(PKI_RESIGN, why, xstrdup("was not issued by this ca.crt"));
	if (!x509_key_matches(leaf->key, leaf->cert))
		return because(PKI_REISSUE, why, xstrdup("does not match its key"));
	*why = wrong_content(m, profile, &leaf->info);
	return *why ? PKI_REISSUE : check_dates(m, ca, &leaf->info, why);
}

int pki_check_absent(const char *path, struct err *e)
{
	if (!file_exists(path))
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s exists already", path);
	return err_hint(e, "move it away, or choose another name");
}

int pki_check_clock(const struct machine *m, struct err *e)
{
	if (m->now >= EARLIEST)
		return 0;
	(void)err_set(e, ERR_CONFIG, "the clock of this machine shows %s, so certificates would get wrong dates",
		      clock_day(m->now).text);
	return err_hint(e, CLOCK_HINT);
}

/* early: the class of the error when the certificate is not valid yet. */
static int check_now(const struct machine *m, const struct x509_info *info, const char *path, enum err_class early,
		     struct err *e)
{
	if (m->now > info->not_after)
		return err_set(e, ERR_VERIFY, "%s expired on %s", path, clock_day(info->not_after).text);
	if (m->now < info->not_before)
		return err_set(e, early, "%s is not valid before %s, but the clock of this machine shows %s", path,
			       clock_day(info->not_before).text, clock_day(m->now).text);
	return 0;
}

int pki_check_ca(const struct machine *m, const struct pki_pair *ca, struct err *e)
{
	auto_free char *cert = machine_pki_path(m, "ca", "crt"), *key = machine_pki_path(m, "ca", "key");

	if (!ca->info.ca) {
		(void)err_set(e, ERR_VERIFY, "%s is not the certificate of a CA", cert);
		return err_hint(e, "openssl x509 -noout -text -in %s shows what it is", cert);
	}
	if (ca->key && !x509_key_matches(ca->key, ca->cert)) {
		(void)err_set(e, ERR_VERIFY, "%s and %s do not belong together", cert, key);
		return err_hint(e, "put the two files of one CA there");
	}
	if (ca->key && !x509_key_strong(ca->key)) {
		auto_free char *type = x509_key_describe(ca->key);

		(void)err_set(e, ERR_VERIFY, "%s is too weak (%s)", key, type);
		return err_hint(e, "use a CA with RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519");
	}
	if (check_now(m, &ca->info, cert, ERR_CONFIG, e) == 0)
		return 0;
	return err_hint(e, e->class == ERR_CONFIG ? CLOCK_HINT
						  : "put a CA that is valid today there, then run: etcd-cluster setup");
}

/* The names that others dial. Clients on this machine dial loopback, in one of its three forms. */
static int check_covers(const struct machine *m, const struct pki_profile *profile, const struct pki_pair *leaf,
			const char *path, struct err *e)
{
	if (!x509_covers(leaf->cert, m->conf.address))
		return err_set(e, ERR_VERIFY, "%s is not valid for %s, the ADDRESS of this machine", path,
			       m->conf.address);
	/* Nobody dials the name of a member; other tools leave it out. */
	if (!file_exists(m->at.adopted) && !x509_covers(leaf->cert, m->conf.name))
		return err_set(e, ERR_VERIFY, "%s is not valid for %s, the NAME of this machine", path, m->conf.name);
	if (profile == pki_profile(PKI_SERVER) && !x509_covers(leaf->cert, "127.0.0.1") &&
	    !x509_covers(leaf->cert, "::1") && !x509_covers(leaf->cert, "localhost"))
		return err_set(e, ERR_VERIFY, "%s is not valid for 127.0.0.1, ::1 or localhost", path);
	return 0;
}

static int check_use(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
		     const struct pki_pair *leaf, struct err *e)
{
	auto_free char *cert = machine_pki_path(m, profile->name, "crt");
	auto_free char *key = machine_pki_path(m, profile->name, "key");

	if (!leaf->cert || !leaf->key)
		return err_set(e, ERR_CONFIG, "%s is missing", leaf->cert ? key : cert);
	if (!x509_key_matches(leaf->key, leaf->cert))
		return err_set(e, ERR_VERIFY, "%s and %s do not belong together", cert, key);
	if (!x509_key_strong(leaf->key))
		return err_set(e, ERR_VERIFY, "%s is too weak", key);
	if (check_now(m, &leaf->info, cert, ERR_VERIFY, e) < 0)
		return -1;
	/* X509_verify_cert and Go take a certificate without any extended key usage for one with all of them. */
	if (!leaf->info.client || (profile->server && !leaf->info.server))
		return err_set(e, ERR_VERIFY, "%s lacks the extended key usage %s", cert,
			       leaf->info.client ? "serverAuth" : "clientAuth");
	if (x509_verify(leaf->cert, &leaf->pem, &ca->pem, profile->server, m->now, e) < 0)
		return err_wrap(e, "%s does not verify up to ca.crt", cert);
	return profile->server ? check_covers(m, profile, leaf, cert, e) : 0;
}

/* The way to another leaf. Always -1. */
static int hint_new(const struct machine *m, const struct pki_profile *profile, struct err *e)
{
	const enum pki_origin origin = pki_origin(m);

	if (origin == PKI_EXTERNAL)
		return err_hint(e, "have %s/%s.csr signed, put the certificate beside it, then: etcd-cluster setup",
				m->at.external, profile->name);
	if (origin == PKI_COPIED)
		return err_hint(e,
				"on the machine with ca.key: etcd-cluster bundle %s=%s; then copy what it makes here",
				m->conf.name, m->conf.address);
	return err_hint(e, "etcd-cluster setup");
}

int pki_check_use(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
		  const struct pki_pair *leaf, struct err *e)
{
	return check_use(m, ca, profile, leaf, e) < 0 ? hint_new(m, profile, e) : 0;
}

int pki_check_end(const struct machine *m, const struct pki_profile *profile, const struct pki_pair *leaf,
		  struct err *e)
{
	if (!leaf->cert || !pki_near_end(m, &leaf->info))
		return 0;
	(void)err_set(e, ERR_CONFIG, "%s/%s.crt expires on %s and cannot be renewed here%s", m->at.pki, profile->name,
		      clock_day(leaf->info.not_after).text,
		      pki_origin(m) == PKI_EXTERNAL ? ": its CA is external" : ", without ca.key");
	return hint_new(m, profile, e);
}

/* The user etcd opens the file. pki_pair_load has checked that nobody else can. */
static int check_readable(const struct machine *m, const char *name, const char *ext, struct err *e)
{
	const struct file_mode want = pki_key_mode(m, true);
	auto_free char *path = machine_pki_path(m, name, ext);
	struct stat st;

	if (want.gid == (gid_t)-1 || stat(path, &st) < 0 || (st.st_mode & 0004) ||
	    (st.st_gid == want.gid && (st.st_mode & 0040)))
		return 0;
	(void)err_set(e, ERR_CONFIG, "the user etcd cannot read %s", path);
	return err_hint(e, "etcd-cluster setup");
}

/* One pair, as etcd or the programs of the administrator use it. */
static int check_pair(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *p, struct err *e)
{
	auto_pair struct pki_pair leaf = { 0 };

	if (pki_pair_load(m, p->name, p->server, &leaf, e) < 0)
		return -1;
	if ((p->needed || leaf.cert || leaf.key) && pki_check_use(m, ca, p, &leaf, e) < 0)
		return -1;
	if (!p->server)
		return 0;
	return check_readable(m, p->name, "key", e) < 0 ? -1 : check_readable(m, p->name, "crt", e);
}

int pki_check_start(const struct machine *m, struct err *e)
{
	auto_pair struct pki_pair ca = { 0 };

	if (pki_check_clock(m, e) < 0 || pki_pair_load(m, "ca", false, &ca, e) < 0)
		return -1;
	if (!ca.cert) {
		(void)err_set(e, ERR_CONFIG, "%s has no certificates", m->at.pki);
		return err_hint(e, "etcd-cluster setup");
	}
	if (pki_check_ca(m, &ca, e) < 0 || check_readable(m, "ca", "crt", e) < 0 ||
	    check_readable(m, "crl", "der", e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++) {
		const struct pki_profile *p = pki_profile(i);

		if (check_pair(m, &ca, p, e) == 0)
			continue;
		if (p->server)
			return -1;
		log_error(LOG_WARNING, e); /* etcd can start without the pair of a client */
		err_clear(e);
	}
	return 0;
}
