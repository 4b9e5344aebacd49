/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/certs.h"

#include <string.h>

#include "adapter/probe.h"
#include "pki/check.h"

#define LOOK_MS 1000 /* a machine that is up refuses or accepts at once; one that is off says nothing */

/* The CA that came, fit to be trusted. */
static int read_ca(const struct machine *m, const struct buf *pem, struct pki_pair *ca, struct err *e)
{
	ca->cert = x509_cert_parse(pem, "ca.crt", e);
	if (!ca->cert)
		return -1;
	buf_add(&ca->pem, pem->data, pem->len);
	x509_describe(ca->cert, &ca->info);
	return pki_check_ca(m, ca, e);
}

static int verify_leaf(const struct machine *m, const struct pki_pair *ca, enum pki_leaf i, x509_key *key,
		       const struct buf *pem, struct err *e)
{
	const struct pki_profile *p = pki_profile(i);
	auto_cert x509_cert *cert = x509_cert_parse(pem, p->name, e);
	auto_free char *why = NULL;
	struct pki_pair leaf = { .cert = cert, .key = key };
	int rc = -1;

	if (!cert)
		return -1;
	x509_describe(cert, &leaf.info);
	/* That it is soon to be renewed is no reason to refuse it: CERT_DAYS may be few on the CA host. */
	if (pki_check_leaf(m, ca, p, &leaf, &why) > PKI_RENEW)
		(void)err_set(e, ERR_VERIFY, "%s.crt %s", p->name, why);
	else
		rc = pki_check_use(m, ca, p, &leaf, e);
	x509_info_free(&leaf.info);
	return rc;
}

static int verify(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
		  const struct enroll_answer *a, struct err *e)
{
	auto_pair struct pki_pair came = { 0 };

	if (read_ca(m, &a->ca_pem, &came, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (keys[i] && verify_leaf(m, ca->cert ? ca : &came, (enum pki_leaf)i, keys[i], &a->cert[i], e) < 0)
			return -1;
	return 0;
}

int pki_enroll(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
	       struct enroll_answer *a, struct err *e)
{
	struct enroll_leaf leaves[PKI_LEAVES];
	size_t n = 0;

	for (int i = 0; i < PKI_LEAVES; i++)
		if (keys[i])
			leaves[n++] = (struct enroll_leaf){ .profile = (enum pki_leaf)i, .key = keys[i] };
	if (enroll_request(m, leaves, n, a, e) < 0)
		return -1;
	if (verify(m, ca, keys, a, e) == 0)
		return 0;
	e->class = ERR_VERIFY;
	e->hint[0] = '\0'; /* which would be about files that are in place */
	(void)err_wrap(e, "what came from the CA host at %s was thrown away", a->door);
	if (ca->cert)
		return err_hint(e,
				"if the CA was made anew there: move %s away and enrol again with a new token "
				"(etcd-cluster token new)",
				m->at.pki);
	return err_hint(e, "see that both machines have the same answers and the right time, then: etcd-cluster setup");
}

int pki_enroll_others(const struct machine *m, char **who)
{
	auto_strv char **addresses = NULL;
	const char *answered;

	*who = NULL;
	for (size_t i = 0; i < m->conf.n_members; i++)
		if (strcmp(m->conf.members[i].name, m->conf.name) != 0)
			strv_add(&addresses, m->conf.members[i].address);
	answered = probe_listening(addresses, m->conf.peer_port, LOOK_MS);
	if (answered)
		*who = xstrdup(answered);
	return answered != NULL;
}
