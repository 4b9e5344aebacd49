/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/made.h"

#include <string.h>

#include "adapter/x509_pool.h"
#include "pki/check.h"

void pki_made_free(struct pki_made *made)
{
	buf_free(&made->ca_pem);
	buf_free(&made->cross);
	buf_free(&made->pool);
	for (int i = 0; i < PKI_LEAVES; i++)
		buf_free(&made->cert[i]);
	buf_free(&made->crl);
	free(made->server);
	*made = (struct pki_made){ 0 };
}

/* --- Which CAs to trust. */

/* Whether one of the present CAs has signed it, for a CA. */
static x509_cert *genuine(const struct buf *present, const struct buf *cross)
{
	auto_cert x509_cert *cert = x509_pool_at(cross, 0), *signer = cert ? x509_pool_issuer(present, cert) : NULL;
	cleanup(x509_info_free) struct x509_info info = { 0 };

	if (!signer)
		return NULL;
	x509_describe(cert, &info);
	return info.ca ? steal(&cert) : NULL;
}

/* The first CA, as it is to be in ca.crt. NULL: nobody who is trusted vouches for it. */
static x509_cert *issuer_of(const struct buf *present, const struct buf *host, x509_cert *cross, struct err *e)
{
	auto_cert x509_cert *first = x509_cert_parse(host, "the first CA of the CA host", e);
	x509_cert *known = first ? x509_pool_ca(present, first) : NULL;

	/* Another certificate of the same CA changes nothing here. */
	if (!first || known)
		return known;
	if (cross && x509_same_ca(first, cross) && x509_signed_by(first, first))
		return steal(&first);
	return err_null(e, ERR_VERIFY, "no CA that is trusted here has signed the CA of the CA host");
}

/* Whether it is one of the two of the cross-certificate, and the CA host has dropped it. */
static bool is_dropped(x509_cert *one, const struct buf *host, x509_cert *cross)
{
	auto_cert x509_cert *kept = x509_pool_ca(host, one);

	return cross && !kept && (x509_same_ca(one, cross) || x509_signed_by(cross, one));
}

/* A CA that is to issue later, if nobody has it yet. */
static void add_next(const struct buf *present, const struct buf *host, x509_cert *cross, x509_cert *first,
		     struct buf *next)
{
	auto_cert x509_cert *had = cross ? x509_pool_ca(present, cross) : NULL;
	auto_cert x509_cert *new = cross && !had ? x509_pool_ca(host, cross) : NULL;

	if (new && !x509_same_ca(new, first) && x509_signed_by(new, new))
		x509_cert_pem(new, next);
}

int pki_pool_next(const struct buf *present, const struct buf *host, const struct buf *cross_pem, struct buf *next,
		  struct err *e)
{
	auto_cert x509_cert *cross = genuine(present, cross_pem), *first = issuer_of(present, host, cross, e);
	auto_buf struct buf same = { 0 };
	x509_cert *one;

	if (!first)
		return -1;
	x509_cert_pem(first, next);
	add_next(present, host, cross, first, next);
	for (size_t i = 0; (one = x509_pool_at(present, i)); i++) {
		x509_cert_pem(one, &same);
		if (!x509_same(one, first) && !is_dropped(one, host, cross))
			x509_cert_pem(one, next);
		x509_cert_free_ptr(&one);
	}
	return strcmp(buf_str(next), buf_str(&same)) != 0;
}

/* --- The certificates. */

/* now: the CAs in use, or NULL; ca: those that are to come. */
static int verify_leaf(const struct machine *m, const struct pki_pair *now, const struct pki_pair *ca, int i,
		       x509_key *key, const struct buf *pem, struct err *e)
{
	const struct pki_profile *p = pki_profile(i);
	auto_pair struct pki_pair cert = { 0 };
	auto_free char *why = NULL;
	struct pki_pair leaf;

	if (pki_pair_take(&cert, x509_cert_parse(pem, p->name, e)) < 0)
		return -1;
	buf_free(&cert.pem);
	buf_add(&cert.pem, pem->data, pem->len); /* with the chain */
	leaf = cert;
	leaf.key = key;
	/* PKI_RENEW is accepted: CERT_DAYS of the CA host may be few. */
	if (pki_check_leaf(m, ca, p, &leaf, &why) > PKI_RENEW)
		return err_set(e, ERR_VERIFY, "%s.crt %s", p->name, why);
	if (pki_check_use(m, ca, p, &leaf, e) < 0)
		return -1;
	return now ? pki_check_use(m, now, p, &leaf, e) : 0;
}

int pki_made_verify(const struct machine *m, const struct pki_pair *ca, x509_key *const keys[PKI_LEAVES],
		    struct pki_made *made, struct err *e)
{
	auto_pair struct pki_pair came = { 0 };
	int rc = 1;

	buf_free(&made->pool);
	if (ca->cert)
		rc = pki_pool_next(&ca->pem, &made->ca_pem, &made->cross, &came.pem, e);
	else
		buf_add(&came.pem, made->ca_pem.data, made->ca_pem.len);
	if (rc < 0 || pki_pair_take(&came, x509_cert_parse(&came.pem, "ca.crt", e)) < 0 ||
	    pki_check_ca(m, &came, e) < 0)
		return -1;
	for (int i = 0; i < PKI_LEAVES; i++)
		if (keys[i] && verify_leaf(m, ca->cert ? ca : NULL, &came, i, keys[i], &made->cert[i], e) < 0)
			return -1;
	if (rc > 0)
		buf_add(&made->pool, came.pem.data, came.pem.len);
	return 0;
}
