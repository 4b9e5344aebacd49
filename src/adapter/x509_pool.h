/* SPDX-License-Identifier: Apache-2.0
 *
 * PEM texts with several certificates: the CAs that a program trusts, or a leaf and what it is sent with.
 */
#pragma once

#include "adapter/x509.h"

/* The certificate with this index; NULL: there are fewer, or it is damaged. The caller frees. */
x509_cert *x509_pool_at(const struct buf *pem, size_t i);

bool x509_same(x509_cert *a, x509_cert *b);
/* The same subject and key: what one has signed counts as signed by the other. */
bool x509_same_ca(x509_cert *a, x509_cert *b);

/* Whether this very certificate is in the text. */
bool x509_pool_has(const struct buf *pem, x509_cert *cert);
/* The one with the same subject and key, or NULL; and one that has signed cert, or NULL. The caller frees. */
x509_cert *x509_pool_ca(const struct buf *pem, x509_cert *ca);
x509_cert *x509_pool_issuer(const struct buf *pem, x509_cert *cert);

/* The CA that is sent with a leaf: the second certificate of the text, if it signed the first. NULL; freed. */
x509_cert *x509_pool_sent(const struct buf *pem);

/* How many CAs may be below this one (pathLenConstraint); -1: any number. */
long x509_path_length(x509_cert *ca);
