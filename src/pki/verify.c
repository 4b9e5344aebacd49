/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/verify.h"

#include "pki/check.h"

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
	/* One that is soon to be renewed will do: CERT_DAYS may be few on the CA host. */
	if (pki_check_leaf(m, ca, p, &leaf, &why) > PKI_RENEW)
		(void)err_set(e, ERR_VERIFY, "%s.crt %s", p->name, why);
	else
		rc = pki_check_use(m, ca, p, &leaf, e);
	x509_info_free(&leaf.info);
	return rc;
}

int pki_verify(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
	       const struct pki_made *made, struct err *e)
{
	auto_pair struct pki_pair came = { 0 };

	if (read_ca(m, &made->ca_pem, &came, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (keys[i] && verify_leaf(m, ca->cert ? ca : &came, (enum pki_leaf)i, keys[i], &made->cert[i], e) < 0)
			return -1;
	return 0;
}
