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

/* The number of a list that our CA has signed and that has serials; 0: there is none, or it refuses nobody. */
int64_t pki_crl_number(const struct machine *m);

/*
 * Where the key of the CA is: makes sure that the list in `file` has these serials (strv or NULL). Another one has only
 * these, and a number that is higher than that of this file and of the list that etcd reads. It is at least the time,
 * so that it grows as well when another machine takes over the CA. Only root can read it: the enrolment server, which
 * writes it too, may not give a file to another user. 1 written, 0 it has them, -1.
 */
int pki_crl_write(const struct machine *m, const char *file, char *const *serials, struct err *e) MUST_CHECK;

/*
 * A list from the CA host takes the place of the one that etcd reads, when it is signed by the CA and newer. 1 taken, 0
 * it is not newer, -1: ERR_VERIFY for what is not a list of the CA.
 */
int pki_crl_take(const struct machine *m, const struct buf *der, struct err *e) MUST_CHECK;

/*
 * The number of the list at the last start of etcd, as pki_crl_number; in /run/etcd-cluster/crl. Connections that are
 * older than a list stay open, so a list is in force where etcd was started after it came. note: right before the
 * start, while no etcd runs here. A machine without a note has 0.
 */
void pki_crl_note_start(const struct machine *m);
int64_t pki_crl_in_force(const struct machine *m);

/* ERR_CONFIG or ERR_VERIFY when etcd.env names a list that etcd could not read. */
int pki_crl_check_start(const struct machine *m, struct err *e) MUST_CHECK;
