/* SPDX-License-Identifier: Apache-2.0
 *
 * /etc/etcd/pki/crl.der, which etcd reads at every handshake: certificates whose serial is in it are refused. etcd
 * looks at nothing else in it, neither at its dates nor at who signed it (3.4 to 3.7, client/pkg/transport, checkCRL).
 * A file that is missing or cannot be parsed refuses every new connection, so it is replaced by a rename and checked
 * before each start.
 */
#pragma once

#include "config/machine.h"

/*
 * Makes an empty list when there is none that etcd could read: signed by the CA where its key is; else, on a machine
 * that a CA host certifies, by its own peer key, until the CA host sends its list. Copied certificates get none, and
 * those of an external CA the list that pki/external.h takes over. A list of another signer is signed again where the
 * key of the CA is. 1 made (in a dry run: would be), 0, -1.
 */
int pki_crl_ensure(const struct machine *m, struct err *e) MUST_CHECK;

/* Where the key of the CA is: makes the list have exactly these serials (strv or NULL). 1, 0 it has them, -1. */
int pki_crl_write(const struct machine *m, char *const *serials, struct err *e) MUST_CHECK;

/* ERR_CONFIG or ERR_VERIFY when etcd.env names a list that etcd could not read. */
int pki_crl_check_start(const struct machine *m, struct err *e) MUST_CHECK;
