/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a CA and signs leaves with it: dates, names and the look at the result before anybody gets it.
 */
#pragma once

#include "pki/pair.h"
#include "pki/profile.h"

/* A new CA of CA_DAYS and KEY_TYPE, whose name no other CA has. *ca is to be freed in any case. */
int pki_sign_ca(const struct machine *m, struct pki_pair *ca, struct err *e) MUST_CHECK;

/*
 * Appends to cert_pem a leaf that says what is wanted, for this key. It begins an hour ago (other machines' clocks) but
 * not before the CA, ends with CERT_DAYS or with the CA, and has been verified up to the CA.
 */
int pki_sign_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_want *want, x509_key *key,
		  struct buf *cert_pem, struct err *e) MUST_CHECK;

/*
 * The CA of this machine with its key, fit to sign; ERR_CONFIG when there is none here. *ca is to be freed in any case.
 */
int pki_sign_load(const struct machine *m, struct pki_pair *ca, struct err *e) MUST_CHECK;
