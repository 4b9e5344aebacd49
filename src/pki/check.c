/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/check.h"

#include <string.h>

#include "base/clock.h"
#include "config/machine.h"
#include "pki/origin.h"

#define EARLIEST 1704067200 /* 2024-01-01: this program is younger, so a clock before it was never set */

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

static enum pki_todo because(enum pki_todo todo, char **why, char *text)
{
	*why = text;
	return todo;
}

/* What it contains against what it should. */
static enum pki_todo check_content(const struct machine *m, const struct pki_profile *profile,
				   const struct x509_info *info, char **why)
{
	auto_free char *has = strv_join(info->sans, " "), *should = NULL;
	auto_want struct pki_want want = { 0 };

	pki_want(m, profile, &want);
	should = strv_join(want.sans, " ");
	if (info->ca)
		*why = xstrdup("is a CA, which a leaf must not be");
	else if (strcmp(info->cn, want.cn) != 0)
		*why = xasprintf("has CN %s instead of %s", info->cn, want.cn);
	else if (!info->client || info->server != want.server)
		*why = xasprintf("is not made for %s", want.server ? "servers and clients" : "clients only");
	else if (strcmp(has, should) != 0)
		*why = xasprintf("is valid for %s instead of %s", *has ? has : "no name", *should ? should : "no name");
	return *why ? PKI_REISSUE : PKI_FINE;
}

static enum pki_todo check_dates(const struct machine *m, const struct pki_pair *ca, const struct x509_info *info,
				 char **why)
{
	if (info->not_after > ca->info.not_after)
		return because(PKI_REISSUE, why, xstrdup("outlives its CA"));
	if (m->now < info->not_before)
		return because(PKI_REISSUE, why, xasprintf("is not valid before %s", clock_day(info->not_before).text));
	/* What cannot be made to last longer is not renewed every day: the CA's own end is near. */
	if (!pki_near_end(m, info) || pki_leaf_end(m, ca) <= info->not_after)
		return PKI_FINE;
	if (m->now > info->not_after)
		return because(PKI_RENEW, why, xasprintf("has expired on %s", clock_day(info->not_after).text));
	return because(PKI_RENEW, why, xasprintf("expires on %s", clock_day(info->not_after).text));
}

enum pki_todo pki_check_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
			     const struct pki_pair *leaf, char **why)
{
	enum pki_todo todo;

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
	todo = check_content(m, profile, &leaf->info, why);
	return todo == PKI_FINE ? check_dates(m, ca, &leaf->info, why) : todo;
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
	return err_hint(e, "set the clock (timedatectl), then run: etcd-cluster setup");
}

static int check_ca_dates(const struct machine *m, const struct pki_pair *ca, const char *path, struct err *e)
{
	if (m->now > ca->info.not_after) {
		(void)err_set(e, ERR_VERIFY, "the CA %s has expired on %s", path, clock_day(ca->info.not_after).text);
		return err_hint(e, "put a CA that is in date (ca.crt and ca.key) there, then run: etcd-cluster setup");
	}
	if (m->now < ca->info.not_before) {
		(void)err_set(e, ERR_CONFIG, "the CA %s is valid from %s, but the clock of this machine shows %s", path,
			      clock_day(ca->info.not_before).text, clock_day(m->now).text);
		return err_hint(e, "set the clock (timedatectl), then run: etcd-cluster setup");
	}
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
	return check_ca_dates(m, ca, cert, e);
}

/* Names that others dial. Clients on this machine dial loopback, which need not be all three forms of it. */
static int check_covers(const struct machine *m, const struct pki_profile *profile, const struct pki_pair *leaf,
			const char *path, struct err *e)
{
	const char *const names[] = { m->conf.address, m->conf.name };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!x509_covers(leaf->cert, names[i]))
			return err_set(e, ERR_VERIFY, "%s is not valid for %s, the %s of this machine", path, names[i],
				       i == 0 ? "ADDRESS" : "NAME");
	if (profile == pki_profile(PKI_SERVER) && !x509_covers(leaf->cert, "127.0.0.1") &&
	    !x509_covers(leaf->cert, "::1") && !x509_covers(leaf->cert, "localhost"))
		return err_set(e, ERR_VERIFY, "%s is not valid for 127.0.0.1, ::1 or localhost", path);
	return 0;
}

static int check_now(const struct machine *m, const struct x509_info *info, const char *path, struct err *e)
{
	if (m->now > info->not_after)
		return err_set(e, ERR_VERIFY, "%s has expired on %s", path, clock_day(info->not_after).text);
	if (m->now < info->not_before)
		return err_set(e, ERR_VERIFY, "%s is not valid before %s, but the clock of this machine shows %s", path,
			       clock_day(info->not_before).text, clock_day(m->now).text);
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
	if (check_now(m, &leaf->info, cert, e) < 0)
		return -1;
	/*
	 * The uses are asked for by name: X509_verify_cert takes a certificate without any for one that has all, and so
	 * does Go.
	 */
	if (!leaf->info.client || (profile->server && !leaf->info.server))
		return err_set(e, ERR_VERIFY, "%s lacks the extended key usage %s", cert,
			       leaf->info.client ? "serverAuth" : "clientAuth");
	if (x509_verify(leaf->cert, &ca->pem, profile->server, true, m->now, e) < 0)
		return err_wrap(e, "%s does not verify up to ca.crt", cert);
	return profile->server ? check_covers(m, profile, leaf, cert, e) : 0;
}

int pki_check_use(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
		  const struct pki_pair *leaf, struct err *e)
{
	if (check_use(m, ca, profile, leaf, e) == 0)
		return 0;
	if (pki_origin(m) != PKI_COPIED)
		return err_hint(e, "etcd-cluster setup");
	return err_hint(
		e, "ca.key is not on this machine; where it is: etcd-cluster bundle %s=%s, and copy what that makes",
		m->conf.name, m->conf.address);
}
