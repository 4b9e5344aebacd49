/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/made.h"

#include "pki/check.h"

void pki_made_free(struct pki_made *made)
{
	buf_free(&made->ca_pem);
	for (int i = 0; i < PKI_LEAVES; i++)
		buf_free(&made->cert[i]);
	buf_free(&made->crl);
	free(made->server);
	*made = (struct pki_made){ 0 };
}

static int verify_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *p, x509_key *key,
		       const struct buf *pem, struct err *e)
{
	auto_pair struct pki_pair cert = { 0 };
	auto_free char *why = NULL;
	struct pki_pair leaf;

	if (pki_pair_take(&cert, x509_cert_parse(pem, p->name, e)) < 0)
		return -1;
	leaf = cert;
	leaf.key = key;
	/* PKI_RENEW is accepted: CERT_DAYS of the CA host may be few. */
	if (pki_check_leaf(m, ca, p, &leaf, &why) > PKI_RENEW)
		return err_set(e, ERR_VERIFY, "%s.crt %s", p->name, why);
	return pki_check_use(m, ca, p, &leaf, e);
}

int pki_made_verify(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
		    const struct pki_made *made, struct err *e)
{
	auto_pair struct pki_pair came = { 0 };

	buf_add(&came.pem, made->ca_pem.data, made->ca_pem.len);
	if (pki_pair_take(&came, x509_cert_parse(&made->ca_pem, "ca.crt", e)) < 0 || pki_check_ca(m, &came, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (keys[i] && verify_leaf(m, ca->cert ? ca : &came, pki_profile(i), keys[i], &made->cert[i], e) < 0)
			return -1;
	return 0;
}
