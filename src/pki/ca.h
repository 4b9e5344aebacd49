/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate authority of this machine: shown, and carried elsewhere in one encrypted file.
 */
#pragma once

#include "config/machine.h"

struct pki_ca_view {
	char *subject, *serial;	  /* printable text; hex */
	char *key_type;		  /* "ecdsa-p256"; NULL: ca.key is not on this machine */
	char *fingerprint, *spki; /* SHA-256 of the certificate and of its public key, hex */
	time_t not_before, not_after;
};

/* ERR_CONFIG when there is none. The caller frees with pki_ca_view_free. */
int pki_ca_show(const struct machine *m, struct pki_ca_view *view, struct err *e) MUST_CHECK;
void pki_ca_view_free(struct pki_ca_view *view);

/*
 * Writes ca.crt and ca.key, the key encrypted (AES-256, scrypt), as one PEM file that openssl(1) reads, too. The first
 * line of the passphrase file is the passphrase: at least 12 bytes, and nobody else may read that file. An existing
 * file is refused.
 */
int pki_ca_export(const struct machine *m, const char *file, const char *passphrase_file, struct err *e) MUST_CHECK;

/* Puts such a file in place. 1 done, 0 this CA is here already; another CA is never replaced (ERR_CONFIG). */
int pki_ca_import(const struct machine *m, const char *file, const char *passphrase_file, struct err *e) MUST_CHECK;
