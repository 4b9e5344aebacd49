/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/sign.h"

#include <inttypes.h>
#include <sys/random.h>

#include "base/clock.h"
#include "pki/check.h"

#define BACKDATE 3600 /* seconds; the clocks of fresh machines were seen 10 minutes off, in both directions */

int pki_sign_ca(const struct machine *m, struct pki_pair *ca, struct err *e)
{
	uint32_t random;

	*ca = (struct pki_pair){ 0 };
	/* So few bytes never come short (getrandom(2)). */
	must(getrandom(&random, sizeof(random), 0) == (ssize_t)sizeof(random));
	auto_free char *cn = xasprintf("etcd-cluster CA %08" PRIx32, random);
	const struct x509_request request = { .cn = cn,
					      .ca = true,
					      .not_before = m->now - BACKDATE,
					      .not_after = m->now + (time_t)m->conf.ca_days * DAY };

	ca->key = x509_key_new(m->conf.key_type, e);
	return ca->key ? pki_pair_take(ca, x509_issue(&request, ca->key, NULL, NULL, e)) : -1;
}

int pki_sign_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_want *want, x509_key *key,
		  struct buf *cert_pem, struct err *e)
{
	const time_t begin = m->now - BACKDATE;
	const struct x509_request request = { .cn = want->cn,
					      .sans = want->sans,
					      .server = want->server,
					      .client = true,
					      .not_before = begin > ca->info.not_before ? begin : ca->info.not_before,
					      .not_after = pki_leaf_end(m, ca) };
	auto_cert x509_cert *cert = x509_issue(&request, key, ca->cert, ca->key, e);

	if (!cert)
		return -1;
	/* A copied CA may be limited to other uses or names, or to signing CAs. */
	if (x509_verify(cert, cert_pem, &ca->pem, want->server, m->now, e) < 0) {
		(void)err_wrap(e, "this CA (%s) cannot issue a certificate for %s", ca->info.subject, want->cn);
		return err_hint(e, "use a CA that may sign server and client certificates for these names");
	}
	x509_cert_pem(cert, cert_pem);
	return 0;
}

void pki_signed_free(struct pki_signed *s)
{
	free(s->name);
	free(s->address);
	strv_free(s->sans);
	free(s->key);
	free(s->serials);
	*s = (struct pki_signed){ 0 };
}

int pki_signed_add(struct pki_signed *s, const struct pki_profile *p, const struct buf *cert_pem, struct err *e)
{
	cleanup(x509_info_free) struct x509_info info = { 0 };
	auto_cert x509_cert *cert = x509_cert_parse(cert_pem, p->name, e);

	if (!cert)
		return -1;
	x509_describe(cert, &info);
	auto_free char *before = s->serials;
	s->serials = xasprintf("%s%s%s:%s", before ? before : "", before ? " " : "", p->verb, info.serial);
	s->end = info.not_after > s->end ? info.not_after : s->end;
	return 0;
}

int pki_sign_load(const struct machine *m, struct pki_pair *ca, struct err *e)
{
	if (pki_check_clock(m, e) < 0 || pki_pair_load(m, "ca", false, ca, e) < 0)
		return -1;
	if (ca->cert && ca->key)
		return pki_check_ca(m, ca, e);
	(void)err_set(e, ERR_CONFIG, "%s/ca.%s is missing, so this machine cannot issue certificates", m->at.pki,
		      ca->cert ? "key" : "crt");
	return err_hint(e, ca->cert ? "run this on the machine with ca.key" : "etcd-cluster setup");
}
