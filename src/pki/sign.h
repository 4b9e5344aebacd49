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

/* What was signed together, for a record of it. */
struct pki_signed {
	char *name, *address; /* for which machine or client; address: NULL for none */
	char **sans;	      /* strv: those that it alone has; NULL: none */
	char *key;	      /* SHA-256 of its public key, of a machine its peer key, as x509_key_fingerprint */
	char *serials;	      /* "server:2e… peer:1f…" */
	time_t end;	      /* of the last one */
};

void pki_signed_free(struct pki_signed *s);

/* Adds serial and end of what pki_sign_leaf made. */
int pki_signed_add(struct pki_signed *s, const struct pki_profile *p, const struct buf *cert_pem,
		   struct err *e) MUST_CHECK;

/* Writes it down. -1: then it must not leave this machine. */
typedef int pki_record(const struct machine *m, const struct pki_signed *s, struct err *e);

/* The CA of this machine with its key, fit to sign; ERR_CONFIG when it is not here. *ca is to be freed in any case. */
int pki_sign_load(const struct machine *m, struct pki_pair *ca, struct err *e) MUST_CHECK;
