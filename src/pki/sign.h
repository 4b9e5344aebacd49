/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a CA and signs leaves with it. Each leaf is verified before it is handed out.
 */
#pragma once

#include "pki/pair.h"
#include "pki/profile.h"

/* A new CA of CA_DAYS and KEY_TYPE, with a name of its own. *ca is to be freed in any case. */
int pki_sign_ca(const struct machine *m, struct pki_pair *ca, struct err *e) MUST_CHECK;

/*
 * Appends to cert_pem a leaf with this content, for this key. It begins an hour ago (clocks of other machines differ)
 * but not before the CA, and ends after CERT_DAYS or with the CA.
 */
int pki_sign_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_want *want, x509_key *key,
		  struct buf *cert_pem, struct err *e) MUST_CHECK;

/* The CA of this machine with its key, fit to sign; ERR_CONFIG when it is not here. *ca is to be freed in any case. */
int pki_sign_load(const struct machine *m, struct pki_pair *ca, struct err *e) MUST_CHECK;
