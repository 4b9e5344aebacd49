/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate authority of this machine: loaded, and carried elsewhere in one encrypted file.
 */
#pragma once

#include "pki/pair.h"

/* ERR_CONFIG when there is none; ca->key is NULL when its key is elsewhere. *ca is to be freed in any case. */
int pki_ca_load(const struct machine *m, struct pki_pair *ca, struct err *e) MUST_CHECK;

/*
 * Writes ca.crt and ca.key, the key encrypted (AES-256, scrypt), as one PEM file that openssl(1) can read, and behind
 * them the lines of `more`, signed by the CA. The first line of the passphrase file is the passphrase: at least 12
 * bytes; nobody else may be able to read that file. An existing file is refused.
 */
int pki_ca_export(const struct machine *m, const char *file, const char *passphrase_file, const struct buf *more,
		  struct err *e) MUST_CHECK;

/*
 * Puts such a file in place, and appends its further lines to `more`; a signature that is wrong or missing is
 * ERR_VERIFY. 1 done, 0 this CA is here already; another CA is never replaced (ERR_CONFIG).
 */
int pki_ca_import(const struct machine *m, const char *file, const char *passphrase_file, struct buf *more,
		  struct err *e) MUST_CHECK;
