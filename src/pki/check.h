/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares the certificates that are there with what they should be. Decides; changes nothing.
 */
#pragma once

#include "pki/pair.h"
#include "pki/profile.h"

/* What a leaf needs. The order is one of growing effort. */
enum pki_todo {
	PKI_FINE,
	PKI_RENEW,   /* near its end: the same again, same key */
	PKI_REISSUE, /* does not say what it should: a new certificate for the same key */
	PKI_RESIGN,  /* is missing, or from another CA: a new certificate for the same key, in a new generation */
	PKI_REKEY,   /* a new key as well */
};

/*
 * *why is a clause ("expires in 12 days") when the answer is not PKI_FINE; the caller frees. The CA must have passed
 * pki_check_ca.
 */
enum pki_todo pki_check_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
			     const struct pki_pair *leaf, char **why);

/* Refuses a clock that cannot be right: what it dates would be of no use. */
int pki_check_clock(const struct machine *m, struct err *e) MUST_CHECK;

/* Refuses a CA that is none, is out of date, weak, or does not fit its key (which may be absent). */
int pki_check_ca(const struct machine *m, const struct pki_pair *ca, struct err *e) MUST_CHECK;

/*
 * Refuses a leaf that etcd or its clients could not use now, whoever made it: pair complete and matching, in date,
 * verified up to the CA for its uses, and server and peer valid for ADDRESS, NAME and, the server, loopback.
 */
int pki_check_use(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
		  const struct pki_pair *leaf, struct err *e) MUST_CHECK;

/* Refuses (ERR_CONFIG) to write over what is at path. */
int pki_check_absent(const char *path, struct err *e) MUST_CHECK;

/* The end of what is issued now: CERT_DAYS from now, but not after the CA's. */
time_t pki_leaf_end(const struct machine *m, const struct pki_pair *ca);

/*
 * True from RENEW_BEFORE_DAYS before the end on; a third of its life before it for a certificate that lives no longer
 * than that.
 */
bool pki_near_end(const struct machine *m, const struct x509_info *info);
