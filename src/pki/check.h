/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares the certificates that are there with what they should be. Changes nothing.
 */
#pragma once

#include "pki/pair.h"
#include "pki/profile.h"

/* What a leaf needs, in the order of growing effort. */
enum pki_todo {
	PKI_FINE,
	PKI_RENEW,   /* it ends soon: the same again, same key */
	PKI_REISSUE, /* its content is wrong: a new certificate for the same key */
	PKI_RESIGN,  /* it is missing, or from another CA: a new certificate for the same key, in a new generation */
	PKI_REKEY,   /* a new key as well */
};

/*
 * *why is a clause ("expires on 2026-11-21"), NULL when the answer is PKI_FINE; the caller frees. The CA must have
 * passed pki_check_ca.
 */
enum pki_todo pki_check_leaf(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
			     const struct pki_pair *leaf, char **why);

/* Refuses a clock that cannot be right: certificates would get wrong dates. */
int pki_check_clock(const struct machine *m, struct err *e) MUST_CHECK;

/* Refuses what is not a CA, is out of date, weak, or does not fit its key (which may be absent). */
int pki_check_ca(const struct machine *m, const struct pki_pair *ca, struct err *e) MUST_CHECK;

/*
 * Refuses a leaf that etcd or its clients cannot use now: the pair must be complete and match, be in date, verify up to
 * the CA for its uses; server and peer must be valid for ADDRESS, NAME and, the server, loopback.
 */
int pki_check_use(const struct machine *m, const struct pki_pair *ca, const struct pki_profile *profile,
		  const struct pki_pair *leaf, struct err *e) MUST_CHECK;

/* -1, with the way to a new one, for a leaf that is not issued here and ends soon. */
int pki_check_end(const struct machine *m, const struct pki_profile *profile, const struct pki_pair *leaf,
		  struct err *e) MUST_CHECK;

/*
 * The check before etcd starts, which itself would start and fail later: what pki_check_use checks, for all pairs, and
 * that the user etcd can read its files. ERR_VERIFY or ERR_CONFIG with the file and the command that fixes it. The pair
 * of a client is only warned about.
 */
int pki_check_start(const struct machine *m, struct err *e) MUST_CHECK;

/*
 * Whether a running etcd serves the certificates on disk (prove.c): one handshake with each address of the client port
 * and the peer port. A port that nobody listens on passes. Another program there is ERR_HEALTH on a live machine and
 * passes below a --root, where ports belong to the host. Another serial of our own CA is always ERR_HEALTH.
 */
int pki_prove(const struct machine *m, struct err *e) MUST_CHECK;

/* Refuses (ERR_CONFIG) to write over what is at path. */
int pki_check_absent(const char *path, struct err *e) MUST_CHECK;

/* The end of what is issued now: CERT_DAYS from now, but not after that of the CA. */
time_t pki_leaf_end(const struct machine *m, const struct pki_pair *ca);

/* True in the last RENEW_BEFORE_DAYS; for a certificate with a shorter life, in its last third. */
bool pki_near_end(const struct machine *m, const struct x509_info *info);

/* Whole days from now to the end; negative after it. */
long long pki_days_left(const struct machine *m, time_t end);
